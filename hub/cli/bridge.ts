import type { Command } from 'commander';
import { EXIT, type ExitCode } from './exit-codes.js';
import { CliError } from './errors.js';
import { addCommand, addGroup, type Call, type Frame } from './frame.js';

interface BridgeCommandOptions {
  readonly facade?: string;
  readonly listen: string;
}

const WARNINGS: ReadonlySet<string> = new Set(['trouble', 'silent', 'lost-events', 'events-begin-again']);

/** `cardhub bridge uhppote`: drives controllers until SIGINT or SIGTERM. */
export function register(program: Command, frame: Frame): void {
  const group = addGroup(program, 'bridge', { en: 'Bridges to door controllers.', zh: '门禁控制器桥接。' });
  addCommand<BridgeCommandOptions>(group, frame, {
    name: 'uhppote',
    summary: {
      en: 'Decide swipes of UHPPOTE controllers, keep their lists, take their events.',
      zh: 'UHPPOTE 控制器：在线决策、下发名单、采集事件。',
    },
    examples: [
      'CARDHUB_TOKEN=… cardhub bridge uhppote -c hub.yaml --listen 10.20.0.5:60001',
      'CARDHUB_TOKEN=… cardhub bridge uhppote --facade https://hub.example.edu.cn --listen 10.20.0.5:60001',
    ],
    more: 'It drives the controllers of hub.yaml that have a section `uhppote`, as a client of the facade. --listen is an address of this machine that the controllers reach. The token of its client is in CARDHUB_TOKEN.',
    options: (command) => {
      command
        .option('--facade <url>', 'address of the facade; default: host and port of hub.yaml 接口地址')
        .requiredOption('--listen <address>', 'IPv4 address and UDP port for events 事件监听地址');
    },
    run,
  });
}

async function run({ frame, out, options, config }: Call<BridgeCommandOptions>): Promise<ExitCode> {
  const [{ startBridge, BridgeError }, { hubClient }, { readerProfiles }, { pino }, loaded] =
    await Promise.all([
      import('../uhppote/bridge.js'),
      import('../uhppote/hub-client.js'),
      import('../../transforms/reader-profiles.js'),
      import('pino'),
      config(),
    ]);
  const at = /^(\d{1,3}(?:\.\d{1,3}){3}):(\d{1,5})$/.exec(options.listen);
  if (at === null || Number(at[2]) > 65_535) {
    throw new CliError(
      'INPUT',
      `--listen: expected an IPv4 address and a port, as 10.20.0.5:60001; came ${options.listen}`,
    );
  }
  const token = frame.env['CARDHUB_TOKEN'] ?? '';
  if (token === '') {
    throw new CliError(
      'CONFIG',
      'CARDHUB_TOKEN: expected the static key or access token of the bridge (cardhub clients secret makes a key); came nothing',
    );
  }
  const log = pino({ level: loaded.logging.level }, pino.destination(2));
  const own = loaded.readers.profiles as unknown as Parameters<typeof readerProfiles>[0];
  const facade = options.facade ?? `http://${loaded.facade.host}:${loaded.facade.port}`;
  let bridge;
  try {
    bridge = await startBridge({
      controllers: loaded.controllers,
      profiles: readerProfiles(own).profiles,
      hub: hubClient(facade.replace(/\/$/, ''), token),
      listen: { host: at[1] ?? '', port: Number(at[2]) },
      now: frame.now,
      note: ({ controller, kind, detail }) => {
        log[WARNINGS.has(kind) ? 'warn' : 'info']({ controller, kind }, detail);
      },
    });
  } catch (error) {
    if (error instanceof BridgeError) throw new CliError('CONFIG', error.message);
    throw error;
  }
  out.line(
    `Bridge runs. 桥接已启动。  ${bridge.links.size} controllers 控制器, UDP ${bridge.port}, ${facade}`,
  );
  await new Promise<void>((resolve) => {
    if (frame.signal.aborted) resolve();
    else frame.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await bridge.close();
  return EXIT.ok;
}
