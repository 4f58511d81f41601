import type { Command } from 'commander';
import type { Config, SourceConfig } from '../config/types.js';
import type * as machine from '../operate/doctor.js';
import type { DoctorLine } from '../operate/doctor.js';
import type * as own from '../run/doctor-log.js';
import { checkOne, withConnector } from './connector.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { addCommand, type Call, type Frame } from './frame.js';

/** `cardhub doctor`: everything around the hub that usually goes wrong, one line each. */
export function register(program: Command, frame: Frame): void {
  addCommand(program, frame, {
    name: 'doctor',
    summary: {
      en: 'Check clock, files, reachability, certificates, disk, rights, policy and store.',
      zh: '检查时钟、文件、连通性、证书、磁盘、权限、策略和存储。',
    },
    examples: ['cardhub doctor', 'cardhub doctor -c hub.yaml --json'],
    more: 'Exit code 1: at least one line says fail.',
    run: examine,
  });
}

async function examine({ frame, out, config }: Call<object>): Promise<ExitCode> {
  const loaded = await config();
  const progress = out.progress('checks 已检查');
  const lines: DoctorLine[] = [];
  for await (const line of allChecks(frame, loaded)) {
    lines.push(line);
    progress.update(lines.length);
  }
  progress.end();
  const ok = !lines.some(({ state }) => state === 'fail');
  out.document({ ok, checks: lines });
  const colours = { ok: 'green', warn: 'yellow', fail: 'red' } as const;
  for (const line of lines) {
    out.line(
      `${out.paint(colours[line.state], line.state.padEnd(4))}  ${line.check} ${line.subject}: ${line.detail}`,
    );
    if (line.todo !== undefined) out.line(`      → ${line.todo}`);
  }
  out.line(
    ok
      ? '\nFit to run. 检查通过。'
      : '\nNot fit to run; see the lines with fail. 检查未通过，请处理标有 fail 的项目。',
  );
  return ok ? EXIT.ok : EXIT.no;
}

async function* allChecks(frame: Frame, config: Config): AsyncGenerator<DoctorLine> {
  const [doctor, hub] = await Promise.all([import('../operate/doctor.js'), import('../run/doctor-log.js')]);
  yield { check: 'config', subject: config.path, state: 'ok', detail: `${config.sources.length} source(s)` };
  yield await doctor.checkDataFolder(config.dataDir);
  yield await doctor.checkDisk(config.dataDir);
  if (config.policy !== undefined) yield hub.checkPolicy(config.policy);
  yield* checkLog(config, doctor, hub);
  const files = [
    ...(config.log.engine === 'kafka'
      ? doctor.findPemFiles(config.log.ssl, 'log.kafka.ssl', config.baseDir)
      : []),
    ...doctor.findPemFiles(config.facade.tls, 'facade.tls', config.baseDir),
    ...config.sources.flatMap(({ name, options }) => doctor.findPemFiles(options, name, config.baseDir)),
  ];
  for (const file of files) yield await doctor.checkPemFile(file, frame.now());
  if (config.clients.length > 0) yield await hub.checkClients(config, frame.now());
  for (const source of config.sources) yield* checkSource(frame, config, source, doctor.judgeSkew);
}

async function* checkLog(
  config: Config,
  { checkBroker }: Pick<typeof machine, 'checkBroker'>,
  { checkLogin, checkStore }: Pick<typeof own, 'checkLogin' | 'checkStore'>,
): AsyncGenerator<DoctorLine> {
  if (config.log.engine === 'kafka') {
    let reached = false;
    for (const broker of config.log.brokers) {
      const line = await checkBroker(broker);
      reached ||= line.state === 'ok';
      yield line;
    }
    if (reached) yield await checkLogin(config);
    return;
  }
  const { askHub } = await import('./ask-hub.js');
  const answer = await askHub(config, 'status', null, { timeoutMs: 5_000 });
  const line = { check: 'log', subject: 'embedded' };
  if (answer.ok) yield { ...line, state: 'ok', detail: 'a hub is running on this data folder' };
  else if (answer.code === 'NOT_RUNNING') yield { ...line, state: 'ok', detail: 'no hub is running' };
  else yield { ...line, state: 'warn', detail: answer.message, todo: 'see the log of the running hub' };
  yield await checkStore(config);
}

async function* checkSource(
  frame: Frame,
  config: Config,
  source: SourceConfig,
  judgeSkew: (source: string, skewMs: number) => DoctorLine,
): AsyncGenerator<DoctorLine> {
  const factories = await frame.services.connectors();
  try {
    yield* await withConnector(frame, config, source, factories, async (connector, signal) => {
      const lines = (await checkOne(connector, signal)).map(({ name, ok, detail }): DoctorLine => {
        const line = { check: 'source', subject: `${source.name} ${name}`, detail };
        return ok ? { ...line, state: 'ok' } : { ...line, state: 'fail' };
      });
      return [...lines, ...(await measureSkew(source.name, connector, signal, judgeSkew))];
    });
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    yield { check: 'source', subject: source.name, state: 'fail', detail };
  }
}

async function measureSkew(
  source: string,
  connector: { clockSkewMs?(signal: AbortSignal): Promise<number> },
  signal: AbortSignal,
  judgeSkew: (source: string, skewMs: number) => DoctorLine,
): Promise<DoctorLine[]> {
  try {
    const skew = await connector.clockSkewMs?.(signal);
    return skew === undefined ? [] : [judgeSkew(source, skew)];
  } catch (error) {
    const detail = `cannot be measured: ${error instanceof Error ? error.message : String(error)}`;
    return [{ check: 'clock', subject: source, state: 'warn', detail }];
  }
}
