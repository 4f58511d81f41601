import type { Command } from 'commander';
import type { CheckResult, Connector, ConnectorFactory } from '../../connectors/sdk.js';
import type { Config, SourceConfig } from '../config/types.js';
import { CliError } from './errors.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { addCommand, addGroup, type Call, type Frame } from './frame.js';

const CHECK_TIMEOUT_MS = 30_000;

/** `cardhub connector list|check`. */
export function register(program: Command, frame: Frame): void {
  const group = addGroup(program, 'connector', {
    en: 'Connectors to upstream systems.',
    zh: '上游系统连接器。',
  });
  addCommand(group, frame, {
    name: 'list',
    summary: { en: 'Show the connectors, their streams and quirks.', zh: '列出连接器及其数据流。' },
    examples: ['cardhub connector list', 'cardhub connector list --json'],
    run: list,
  });
  addCommand(group, frame, {
    name: 'check [source...]',
    summary: { en: 'Try the connection to each source of hub.yaml.', zh: '检查 hub.yaml 中各数据源的连接。' },
    examples: ['cardhub connector check', 'cardhub connector check core -c hub.yaml'],
    more: 'Exit code 3: a check failed.',
    run: check,
  });
}

async function list({ frame, out }: Call<object>): Promise<ExitCode> {
  const specs = (await frame.services.connectors()).map(({ spec }) => spec);
  out.document({ connectors: specs });
  out.table(
    ['connector', 'title', 'streams'],
    specs.map(({ kind, title, streams }) => [
      kind,
      `${title.en} ${title.zh}`,
      streams.map((stream) => `${stream.name} (${stream.kind})`).join(', '),
    ]),
  );
  return EXIT.ok;
}

async function check({ frame, out, args, config }: Call<object>): Promise<ExitCode> {
  const loaded = await config();
  const sources = chooseSources(loaded, args);
  const factories = await frame.services.connectors();
  const results: { source: string; checks: readonly CheckResult[] }[] = [];
  const progress = out.progress('sources checked 已检查数据源');
  for (const source of sources) {
    const checks = await withConnector(frame, loaded, source, factories, checkOne);
    results.push({ source: source.name, checks });
    progress.update(results.length, sources.length);
  }
  progress.end();
  const ok = results.every(({ checks }) => checks.every((result) => result.ok));
  out.document({ ok, sources: results });
  out.table(
    ['source', 'check', 'result', 'detail'],
    results.flatMap(({ source, checks }) =>
      checks.map((result) => [
        source,
        result.name,
        result.ok ? out.paint('green', 'ok') : out.paint('red', 'failed'),
        result.detail,
      ]),
    ),
  );
  return ok ? EXIT.ok : EXIT.upstream;
}

function chooseSources(config: Config, names: readonly string[]): readonly SourceConfig[] {
  const known = config.sources.map(({ name }) => name);
  for (const name of names) {
    if (known.includes(name)) continue;
    throw new CliError('UNKNOWN_SOURCE', `expected one of the sources: ${known.join(', ')}; came ${name}`);
  }
  return config.sources.filter(({ name }) => names.length === 0 || names.includes(name));
}

/** Opens the connector of a source for `use`, and closes it whatever happens. */
export async function withConnector<T>(
  frame: Frame,
  config: Config,
  source: SourceConfig,
  factories: readonly ConnectorFactory[],
  use: (connector: Connector, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const factory = factories.find(({ spec }) => spec.kind === source.connector);
  if (factory === undefined) throw new CliError('BUG', `no connector ${source.connector}`);
  const connector = factory.open(source.options, {
    source: source.name,
    now: frame.now,
    random: frame.random,
    baseDir: config.baseDir,
    note: () => undefined,
  });
  try {
    return await use(connector, AbortSignal.any([frame.signal, AbortSignal.timeout(CHECK_TIMEOUT_MS)]));
  } finally {
    await connector.close();
  }
}

/** The connector's own checks; an error that it throws is a failed check, not the end of the command. */
export async function checkOne(
  connector: Pick<Connector, 'check'>,
  signal: AbortSignal,
): Promise<readonly CheckResult[]> {
  try {
    return await connector.check(signal);
  } catch (error) {
    return [{ name: 'check', ok: false, detail: error instanceof Error ? error.message : String(error) }];
  }
}
