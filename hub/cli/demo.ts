import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Campus } from '../../campus/main.js';
import type { Config } from '../config/types.js';
import type { OpenDoor } from '../demo/story.js';
import type { Remarks } from '../demo/systems.js';
import type { Runtime } from '../run/runtime.js';
import { CliError } from './errors.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { addCommand, type Call, type Frame } from './frame.js';

interface Options {
  readonly kafka?: boolean;
  readonly people: string;
  readonly seed: string;
  readonly port: string;
  readonly for?: string;
}

const DESK_PORT = 6001;
/** A week: a timer cannot wait for much more than three. */
const SECONDS_MAX = 604_800;

/** `cardhub demo`: the simulated campus, the hub, and what happens, in one terminal. */
export function register(program: Command, frame: Frame): void {
  addCommand<Options>(program, frame, {
    name: 'demo',
    summary: { en: 'Run a simulated campus and the hub.', zh: '运行模拟校园与 hub 演示。' },
    examples: ['cardhub demo', 'cardhub demo --kafka', 'cardhub demo --people 5000'],
    more:
      'Keeps everything in ./data/demo (CARDHUB_DATA overrides ./data): a second start goes on where it was.\n' +
      '--kafka needs Java 17 and Maven, or KAFKA_BROKERS.',
    options: (command) =>
      command
        .option('--kafka', 'on a real broker, with a consumer that shows what it decodes')
        .option('--people <count>', 'size of a new campus, 50 to 1,000,000', '300')
        .option('--seed <number>', 'seed of a new campus', '7')
        .option('--port <number>', 'port of the facade; 0: any free one', '8080')
        .option('--for <seconds>', 'end by itself after so long'),
    run: demo,
  });
}

async function demo(call: Call<Options>): Promise<ExitCode> {
  const { frame } = call;
  const figures = figuresOf(call.options);
  const dir = resolve(frame.cwd, frame.env['CARDHUB_DATA'] ?? 'data', 'demo');
  (await import('../log/embedded/folder.js')).makeFolder(dir);
  const ending: (() => Promise<unknown>)[] = [];
  try {
    const { startCampus } = await import('../../campus/main.js');
    const isNew = !existsSync(join(dir, 'campus'));
    const campus = await startCampus({
      dir: join(dir, 'campus'),
      seed: figures.seed,
      people: figures.people,
      life: { perHour: 20 },
    });
    ending.push(() => campus.close());
    if (isNew) (await import('../demo/first-day.js')).liveFirst(campus);
    const brokers = call.options.kafka === true ? await broker(call, dir, ending) : undefined;
    await play(call, { dir, campus, brokers, ...figures }, ending);
    return EXIT.ok;
  } finally {
    if (ending.length > 1) call.out.line('\nStopping… 正在停止……');
    for (const end of ending.reverse()) await end();
    if (ending.length > 1) call.out.line('Stopped. 已停止。');
  }
}

/** What the options say in numbers; a wrong one is refused before anything starts. */
interface Figures {
  readonly seed: number;
  readonly people: number;
  /** As wanted; 0: any free one. */
  readonly wanted: number;
  readonly forMs: number | undefined;
}

function figuresOf({ seed, people, port, for: seconds }: Options): Figures {
  return {
    seed: wholeNumber('--seed', seed, 0, Number.MAX_SAFE_INTEGER),
    people: wholeNumber('--people', people, 50, 1_000_000),
    wanted: wholeNumber('--port', port, 0, 65_535),
    forMs: seconds === undefined ? undefined : wholeNumber('--for', seconds, 1, SECONDS_MAX) * 1_000,
  };
}

interface Stage extends Figures {
  readonly dir: string;
  readonly campus: Campus;
  readonly brokers: string | undefined;
}

async function play(
  call: Call<Options>,
  { dir, campus, brokers, wanted, forMs }: Stage,
  ending: (() => Promise<unknown>)[],
): Promise<void> {
  const { frame, out } = call;
  const [{ writeDemoConfig }, { freePort }] = await Promise.all([
    import('../demo/campus-config.js'),
    import('../demo/port.js'),
  ]);
  const port = await freePort(wanted);
  const { demoDesk } = await import('../demo/library-desk.js');
  const desk = await demoDesk(wanted === 0 ? 0 : DESK_PORT);
  const log = brokers === undefined ? {} : { brokers };
  const { startDemoController } = await import('../demo/uhppote.js');
  const controller = await startDemoController({ dir, now: () => campus.clock.now() });
  ending.push(() => controller.close());
  const uhppotePort = controller.port;
  const written = { dir, campus, systems: 'all', clients: true, uhppotePort, ...log } as const;
  const path = writeDemoConfig({ ...written, port, desk });
  const remarks = (await import('../demo/systems.js')).keepRemarks();
  const stop = new AbortController();
  const runtime = await start(frame, path, stop, out, remarks);
  ending.push(() => runtime.stop());
  const { facade, libraryDesk } = runtime;
  // For commands that ask the facade: another port than was wanted may have been free.
  writeDemoConfig({ ...written, port: facade.port, desk: { ...desk, port: libraryDesk?.port ?? 0 } });
  if (wanted !== 0 && facade.port !== wanted)
    out.line(
      `Port ${wanted} is taken, so the facade is on ${facade.port}. 端口 ${wanted} 已被占用，改用 ${facade.port}。`,
    );
  const signals = [frame.signal, stop.signal];
  if (forMs !== undefined) signals.push(AbortSignal.timeout(forMs));
  const signal = AbortSignal.any(signals);
  try {
    out.line(`Simulated campus 模拟校园: ${campus.summary().people} people, control ${campus.urls.control}`);
    out.line(`Facade 接口: ${facade.url}`);
    const pair = await tell(runtime, campus, signal, out, remarks);
    if (brokers !== undefined) ending.push(consumer(runtime, brokers, call));
    commands(call, relative(frame.cwd, path) || path, facade.url, pair);
    await askDesk(runtime, pair, out);
    const { tellClients } = await import('./demo-clients.js');
    tellClients({ out, cwd: frame.cwd, dir, url: facade.url });
    (await import('./demo-uhppote.js')).tellBridge(out, frame, dir, uhppotePort);
    faultCommands(campus, out);
    out.line('\nLife goes on; Ctrl-C ends it. 模拟生活继续进行，按 Ctrl-C 结束。');
    await (await import('./demo-watch.js')).watchSystems({ runtime, remarks, out, now: frame.now, signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function start(
  frame: Frame,
  path: string,
  stop: AbortController,
  out: Call<Options>['out'],
  remarks: Remarks,
): Promise<Runtime> {
  const [{ loadConfig }, { startRuntime }] = await Promise.all([
    import('../config/load.js'),
    import('../run/runtime.js'),
  ]);
  const connectors = await frame.services.connectors();
  const env = { ...frame.env, CARDHUB_DATA: undefined };
  const result = loadConfig(path, { env, specs: connectors.map(({ spec }) => spec) });
  if (!result.ok) throw new CliError('CONFIG', `problems in ${path}`, { problems: result.problems, path });
  const config: Config = result.config;
  return startRuntime(config, {
    connectors,
    now: frame.now,
    random: frame.random,
    onProblem: (what, error) =>
      out.note(`${what}: ${error instanceof Error ? error.message : String(error)}`),
    onFatal: (error) => {
      out.note(error.message);
      stop.abort();
    },
    elseAnyPort: true,
    // What streams suffer from is told once, by the table of the systems.
    onConnector: (source, note) => remarks.note(source, note),
  });
}

/** The story: the topics fill, a door opens, the card is lost, the door stays shut. */
async function tell(
  runtime: Runtime,
  campus: Campus,
  signal: AbortSignal,
  out: Call<Options>['out'],
  remarks: Remarks,
): Promise<OpenDoor | null> {
  const { filled, findOpenDoor, loseCard } = await import('../demo/story.js');
  await filled(runtime, signal);
  const { view } = runtime.status();
  out.line(
    `The topics are filled 主题已填充: ${view?.cards} cards 卡, ${view?.people} people 人员, ` +
      `${view?.doors} doors 门, ${view?.grants} grants 授权\n`,
  );
  const [{ systemsOf }, { showSystems }] = await Promise.all([
    import('../demo/systems.js'),
    import('./systems-table.js'),
  ]);
  showSystems(out, systemsOf(runtime, remarks));
  const pair = await findOpenDoor(runtime);
  if (pair === null) return null;
  out.line(`\n  ${pair.cardKey} may enter ${pair.doorKey}: ALLOW 允许进门`);
  const story = await loseCard(runtime, campus, pair);
  if (story === null) return pair;
  out.line(`  its holder reports it lost in the card core 持卡人挂失 …`);
  out.line(
    `  ${pair.cardKey} may enter ${pair.doorKey}: ${story.reason} 拒绝, ${story.deniedAfterMs} ms after the loss`,
  );
  return pair;
}

function commands({ out, frame }: Call<Options>, config: string, url: string, pair: OpenDoor | null): void {
  // The demo's data folder stands in its hub.yaml; the variable would send the command elsewhere.
  const unset = frame.env['CARDHUB_DATA'] ? 'CARDHUB_DATA= ' : '';
  const body = {
    subject: { type: 'card', id: pair?.cardKey ?? 'core:1000000010' },
    action: { name: 'enter' },
    resource: { type: 'door', id: pair?.doorKey ?? 'gate:D-00000' },
    context: { reasons: true },
  };
  out.line('\nThree commands to try, in another terminal. 请在另一个终端试试：');
  out.line(`  ${unset}npx cardhub status -c ${config}`);
  out.line(`  ${unset}npx cardhub read master.card-event --follow -c ${config}`);
  out.line(`  curl -s ${url}/access/v1/evaluation -H 'content-type: application/json' \\`);
  out.line(`    -d '${JSON.stringify(body)}'`);
}

/** How to ask as a library desk does. */
async function askDesk(runtime: Runtime, pair: OpenDoor | null, out: Call<Options>['out']): Promise<void> {
  const { libraryDesk } = runtime;
  if (libraryDesk === null || pair === null) return;
  const { demoDeskCommand } = await import('../demo/library-desk.js');
  const card = pair.cardKey.slice(pair.cardKey.indexOf(':') + 1);
  out.line(`\nThe same card at a library desk, over SIP2 (${libraryDesk.url}). 同一张卡在图书馆服务台：`);
  out.line(`  ${demoDeskCommand(libraryDesk.host, libraryDesk.port, card)}`);
}

/** How to make a system fail, and to let it be well again. */
function faultCommands(campus: Campus, out: Call<Options>['out']): void {
  const faults = `${campus.urls.control}/control/faults`;
  out.line('\nLet the power vendor of one group fail, then mend it. 让一家电控厂商停机，再恢复：');
  out.line(`  curl -s ${faults} -d '{"target":"power-cascade","fault":"vendor-off","match":"west"}'`);
  out.line(`  curl -s -X DELETE ${faults}`);
}

async function broker(call: Call<Options>, dir: string, ending: (() => Promise<unknown>)[]): Promise<string> {
  const given = call.frame.env['KAFKA_BROKERS'];
  if (given) return given;
  const { startDevBroker, whyNoDevBroker } = await import('../operate/dev-broker.js');
  const why = whyNoDevBroker();
  if (why !== undefined) throw new CliError('USAGE', `no Kafka broker can be started here: ${why}`);
  call.out.line('Starting a Kafka broker (the first time Maven fetches it) 正在启动 Kafka……');
  const started = await startDevBroker({
    dir: join(dir, 'kafka'),
    onLeftOver: ({ pid, started: since }) =>
      call.out.note(
        `a broker of an earlier demo was left (process ${pid}, since ${since}) and has been ended`,
      ),
  });
  ending.push(() => started.stop());
  call.out.line(`Kafka: ${started.brokers}`);
  return started.brokers;
}

/** An ordinary consumer in a process of its own; some of what it decodes is shown. @returns how to end it */
function consumer(
  runtime: Runtime,
  brokers: string,
  { frame: { env }, out }: Call<Options>,
): () => Promise<unknown> {
  const stopping = import('../demo/consumer.js').then(({ startConsumer }) =>
    startConsumer({
      brokers,
      registry: `${runtime.facade.url}/registry`,
      prefix: 'demo.',
      env,
      show: (line) => out.line(`  ${line}`),
    }),
  );
  return async () => (await stopping)();
}

function wholeNumber(option: string, text: string, least: number, most: number): number {
  const number = /^\d+$/.test(text) ? Number(text) : NaN;
  if (number >= least && number <= most) return number;
  throw new CliError('USAGE', `${option}: expected a whole number from ${least} to ${most}, got ${text}`);
}
