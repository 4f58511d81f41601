import type { Command } from 'commander';
import { EXIT, type ExitCode } from './exit-codes.js';
import { addCommand, type Call, type Frame } from './frame.js';

/** `cardhub run`: the hub, until SIGINT or SIGTERM. */
export function register(program: Command, frame: Frame): void {
  addCommand(program, frame, {
    name: 'run',
    summary: { en: 'Run the hub: pull, publish, answer.', zh: '运行 hub：同步、发布、应答。' },
    examples: ['cardhub run -c hub.yaml', 'cardhub run --log kafka://127.0.0.1:9092'],
    more: 'Logs are JSON lines on stderr. Ctrl-C ends it cleanly; a second start goes on where it was.',
    run,
  });
}

async function run({ frame, out, config }: Call<object>): Promise<ExitCode> {
  const [{ startRuntime }, { pino }, loaded] = await Promise.all([
    import('../run/runtime.js'),
    import('pino'),
    config(),
  ]);
  const log = pino({ level: loaded.logging.level }, pino.destination(2));
  let fatal: Error | null = null;
  const ended = new AbortController();
  frame.signal.addEventListener('abort', () => ended.abort());
  const runtime = await startRuntime(loaded, {
    connectors: await frame.services.connectors(),
    now: frame.now,
    random: frame.random,
    onConnector: (source, note) => log.info({ source, ...note }, 'connector'),
    onStream: (note) => {
      if (note.kind === 'trouble') {
        const { code } = note.error as { code?: string };
        log.warn({ stream: note.id, code, retryInMs: note.retryInMs }, note.error.message);
      } else if (note.kind === 'batch') {
        if (note.books.read > 0) log.debug({ stream: note.id, books: note.books }, 'batch');
      } else if (note.kind === 'gap') {
        log.warn(note, 'the upstream has dropped events that were never read');
      } else if (note.kind !== 'idle')
        log.info(note, note.kind === 'held' ? 'rows are missing upstream and held' : note.kind);
    },
    onProblem: (what, error) => log.error({ err: error, what }, 'problem'),
    onFatal: (error) => {
      fatal = error;
      ended.abort();
    },
  });
  const { facade, hub, libraryDesk } = runtime;
  log.info(
    {
      facade: facade.url,
      libraryDesk: libraryDesk?.url,
      engine: hub.log.engine,
      streams: hub.streams.map(({ deps }) => deps.id),
    },
    'running',
  );
  out.line(`Cardhub runs. Cardhub 已启动。  ${facade.url}`);
  out.line(facade.notice);
  if (libraryDesk !== null) out.line(`Library desk 图书馆服务台: ${libraryDesk.url}`);
  await new Promise<void>((resolve) => {
    if (ended.signal.aborted) resolve();
    else ended.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await runtime.stop();
  if (fatal !== null) throw fatal as Error;
  log.info('stopped');
  return EXIT.ok;
}
