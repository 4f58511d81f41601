import { dirname, resolve } from 'node:path';
import type { Command } from 'commander';
import type { ConnectorFactory, ConnectorSpec } from '../../connectors/sdk.js';
import type { FileGuess } from '../config/guess-file.js';
import type { Sample, SampleSource } from '../config/sample.js';
import { CliError } from './errors.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { addCommand, type Call, type Frame } from './frame.js';

interface InitOptions {
  readonly connector?: readonly string[];
  readonly from?: readonly string[];
  readonly tenant: string;
  readonly force?: boolean;
}

/** As `tenant` in hub.schema.json. */
const TENANT = /^[a-z0-9][a-z0-9-]{0,31}$/;
const HEAD_BYTES = 64 * 1024;

/** `cardhub init`: writes hub.yaml from connectors' samples or from the headers of export files. */
export function register(program: Command, frame: Frame): void {
  addCommand<InitOptions>(program, frame, {
    name: 'init',
    summary: {
      en: 'Write hub.yaml from a connector, or from the header of an export file.',
      zh: '根据连接器或导出文件的表头生成 hub.yaml。',
    },
    examples: [
      'cardhub init --connector card-core/gateway',
      'cardhub init --from cards.csv --from door-swipes.csv --tenant qau',
    ],
    more: 'Writes to the file that -c names. Exit code 2: it is there already (--force replaces it).',
    options: (command) => {
      const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];
      command
        .option('--connector <kind>', 'a connector, see `cardhub connector list`; may be repeated', collect)
        .option('--from <file>', 'an export file with a header line; may be repeated', collect)
        .option('--tenant <name>', 'short name of the school', 'campus')
        .option('--force', 'replace the file if it is there');
    },
    run: init,
  });
}

async function init(call: Call<InitOptions>): Promise<ExitCode> {
  const { frame, out, options } = call;
  if (options.connector === undefined && options.from === undefined) {
    throw new CliError('USAGE', 'expected --connector <kind> or --from <file>; neither was given');
  }
  if (!TENANT.test(options.tenant)) {
    throw new CliError(
      'USAGE',
      `--tenant: expected a short name of lower-case letters, digits and hyphens (at most 32, no hyphen first), came ${JSON.stringify(options.tenant)}`,
    );
  }
  const path = resolve(frame.cwd, options.config);
  const factories = await frame.services.connectors();
  const specs = factories.map(({ spec }: ConnectorFactory) => spec);
  const sources = (options.connector ?? []).map((kind) => fromConnector(specOf(specs, kind)));
  const guesses: { file: string; guess: FileGuess }[] = [];
  for (const file of options.from ?? []) {
    const guess = await readGuess(resolve(frame.cwd, file), file);
    guesses.push({ file, guess });
    sources.push(await fromFile(specs, resolve(frame.cwd, file), guess, dirname(path)));
  }
  const { sampleYaml } = await import('../config/sample.js');
  const sample = sampleYaml(options.tenant, joined(namedApart(sources)));
  await verify(sample, path, specs);
  await write(path, sample.yaml, options.force === true);
  report(out, options.config, sample, guesses);
  return EXIT.ok;
}

function specOf(specs: readonly ConnectorSpec[], kind: string): ConnectorSpec {
  const spec = specs.find((candidate) => candidate.kind === kind);
  if (spec !== undefined) return spec;
  const kinds = specs.map((candidate) => candidate.kind).join(', ');
  throw new CliError('USAGE', `expected --connector to be one of: ${kinds}; came ${kind}`);
}

/** The name becomes a part of every key, so it says what the system is; a vendor's own folder names itself. */
const NAMES: Readonly<Record<string, string>> = {
  'card-core': 'core',
  'access-control': 'gate',
  'power/room-map': 'rooms',
  'reference-data': 'campus',
};

function fromConnector(spec: ConnectorSpec): SampleSource {
  const [system = spec.kind] = spec.kind.split('/');
  return { name: NAMES[spec.kind] ?? NAMES[system] ?? system, spec, options: {} };
}

async function readGuess(path: string, shown: string): Promise<FileGuess> {
  const [{ open }, { guessFile, NEEDED }] = await Promise.all([
    import('node:fs/promises'),
    import('../config/guess-file.js'),
  ]);
  let head: Uint8Array;
  try {
    const file = await open(path);
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
      head = buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'error';
    throw new CliError('INPUT', `expected a readable file at ${shown}; ${code}`);
  }
  const guess = guessFile(head);
  if (guess === undefined) {
    throw new CliError(
      'INPUT',
      `expected ${shown} to start with a header line in UTF-8, GB18030 or UTF-16; it does not`,
    );
  }
  const lacking = NEEDED[guess.kind].filter((field) => guess.columns[field] === undefined);
  if (lacking.length > 0) {
    throw new CliError(
      'INPUT',
      `expected columns for ${lacking.join(', ')} in ${shown}; its columns are ${guess.header.join(', ')}`,
    );
  }
  return guess;
}

async function fromFile(
  specs: readonly ConnectorSpec[],
  path: string,
  guess: FileGuess,
  baseDir: string,
): Promise<SampleSource> {
  const { fileOptions } = await import('../config/file-options.js');
  const spec = specOf(specs, guess.kind === 'cards' ? 'card-core/files' : 'access-control/files');
  const made = fileOptions(path, guess, baseDir);
  const unread = guess.unknown.length === 0 ? [] : [`Columns that are not read: ${guess.unknown.join(', ')}`];
  return { name: fromConnector(spec).name, spec, ...made, notes: [...made.notes, ...unread] };
}

/** `core`, `core-2`, …: two sources of one kind stand side by side. */
function namedApart(sources: readonly SampleSource[]): SampleSource[] {
  const seen = new Map<string, number>();
  return sources.map((source) => {
    const count = (seen.get(source.name) ?? 0) + 1;
    seen.set(source.name, count);
    return count === 1 ? source : { ...source, name: `${source.name}-${count}` };
  });
}

/** Swipes are read after the cards that they name, where the cards come from the same file of configuration. */
function joined(sources: readonly SampleSource[]): SampleSource[] {
  const cards = sources.find(
    ({ name, spec }) => name === 'core' && spec.streams.some((s) => s.name === 'cards'),
  );
  return sources.map((source) => {
    if (cards === undefined || !source.spec.streams.some(({ name }) => name === 'swipes')) return source;
    return {
      ...source,
      mapping: { ...source.mapping, personSource: 'core', cardSource: 'core' },
      streams: { ...source.streams, swipes: { after: ['core/cards'] } },
    };
  });
}

/** What init writes must load, but for the variables that are still to be set. */
async function verify(sample: Sample, path: string, specs: readonly ConnectorSpec[]): Promise<void> {
  const { loadConfigText } = await import('../config/load.js');
  const result = loadConfigText(sample.yaml, path, { env: {}, specs });
  const problems = result.ok ? [] : result.problems.filter(({ code }) => code !== 'ENV_MISSING');
  if (problems.length === 0) return;
  throw new CliError('BUG', 'the sample does not load; nothing was written', { problems, path });
}

async function write(path: string, text: string, force: boolean): Promise<void> {
  const { writeFile } = await import('node:fs/promises');
  try {
    await writeFile(path, text, { flag: force ? 'w' : 'wx' });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'error';
    if (code === 'EEXIST')
      throw new CliError('FILE_EXISTS', `expected to write ${path}; it is there already`);
    throw new CliError('INPUT', `expected to write ${path}; ${code}`);
  }
}

function report(
  out: Call<InitOptions>['out'],
  file: string,
  sample: Sample,
  guesses: readonly { file: string; guess: FileGuess }[],
): void {
  out.document({
    written: file,
    variables: sample.variables,
    // Without the first row: its cells are personal data.
    files: guesses.map(({ file: name, guess: { first: _, ...guess } }) => ({ file: name, ...guess })),
  });
  out.line(`${out.paint('green', 'Written 已生成')}: ${file}`);
  for (const { file: name, guess } of guesses) {
    out.line(`\n${name}: ${guess.kind}, ${guess.encoding}, delimiter ${JSON.stringify(guess.delimiter)}`);
    out.table(
      ['column 列', 'field 字段'],
      [
        ...Object.entries(guess.columns).map(([field, column]) => [column, field]),
        ...guess.unknown.map((column) => [column, out.paint('dim', '(not read 不读取)')]),
      ],
    );
  }
  if (sample.variables.length > 0) {
    out.line(`\nSet these environment variables 请设置环境变量: ${sample.variables.join(', ')}`);
  }
  out.line('\nNext 下一步: look through it, then `cardhub doctor` and `cardhub connector check`.');
}
