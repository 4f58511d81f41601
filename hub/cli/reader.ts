import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Learnt, LearnPair } from '../../transforms/reader-learn.js';
import { CliError } from './errors.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { addCommand, addGroup, type Call, type Frame } from './frame.js';

interface LearnOptions {
  readonly known: string;
}

const FILE_BYTES_MAX = 10_000_000;
const REFUSED_SHOWN = 10;

/** `cardhub reader learn`. */
export function register(program: Command, frame: Frame): void {
  const group = addGroup(program, 'reader', { en: 'Card readers.', zh: '读卡器。' });
  addCommand<LearnOptions>(group, frame, {
    name: 'learn <file>',
    summary: {
      en: 'Find the reader profile from known cards and what a reader sent for them.',
      zh: '根据已知卡号和读卡器上报值，推断读卡器格式。',
    },
    examples: ['cardhub reader learn pairs.csv', 'cardhub reader learn pairs.csv --known dec10-be --json'],
    more:
      'The file is CSV (UTF-8) with two columns, the known card and what the reader sent; a header "known,sent" may\n' +
      'stand first:\n\n  known,sent\n  5630F009,0166735958\n\n' +
      'Exit code 1: no profile explains every pair, or several do; then more cards are needed.',
    options: (command) =>
      command.option('--known <profile>', 'reader profile in which the known numbers are written', 'uid-hex'),
    run: learn,
  });
}

async function learn({ frame, out, args, options }: Call<LearnOptions>): Promise<ExitCode> {
  const { learnReader } = await import('../../transforms/reader-learn.js');
  const rows = await readRows(frame, args[0] ?? '');
  const { pairs, refused } = await toPairs(rows, options.known);
  if (pairs.length === 0) {
    throw new CliError(
      'INPUT',
      `expected rows "known,sent"; none of ${rows.length} rows can be used: ${refused[0] ?? 'the file is empty'}`,
    );
  }
  const learnt = learnReader(pairs);
  out.document({ ...learnt, refused });
  if (!out.json) await show(learnt, refused, out);
  return learnt.result === 'one' && refused.length === 0 ? EXIT.ok : EXIT.no;
}

async function readRows(frame: Frame, file: string): Promise<readonly (readonly string[])[]> {
  const [{ readFile, stat }, { parse }] = await Promise.all([
    import('node:fs/promises'),
    import('csv-parse/sync'),
  ]);
  try {
    const path = resolve(frame.cwd, file);
    const { size } = await stat(path);
    if (size > FILE_BYTES_MAX) throw new Error(`it has ${size} bytes, more than ${FILE_BYTES_MAX}`);
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
    return parse(text, { skip_empty_lines: true, trim: true, relax_column_count: true });
  } catch (error) {
    throw new CliError('INPUT', `expected a CSV file in UTF-8 at ${file}; ${(error as Error).message}`);
  }
}

async function toPairs(
  rows: readonly (readonly string[])[],
  known: string,
): Promise<{ pairs: LearnPair[]; refused: string[] }> {
  const [{ readerProfiles }, { parseCredential }] = await Promise.all([
    import('../../transforms/reader-profiles.js'),
    import('../../transforms/card-number.js'),
  ]);
  const { profiles } = readerProfiles();
  const compiled = profiles.get(known);
  if (compiled === undefined) {
    throw new CliError(
      'USAGE',
      `expected --known to be one of: ${[...profiles.keys()].join(', ')}; came ${known}`,
    );
  }
  const pairs: LearnPair[] = [];
  const refused: string[] = [];
  rows.forEach((row, index) => {
    const [card = '', sent = ''] = row;
    if (index === 0 && card.toLowerCase() === 'known') return;
    const parsed = parseCredential(compiled, card);
    if (row.length !== 2) refused.push(`row ${index + 1}: expected 2 columns; came ${row.length}`);
    else if (parsed.ok) pairs.push({ known: { scheme: parsed.scheme, value: parsed.value }, sent });
    else
      refused.push(`row ${index + 1}: the known number does not fit the profile ${known} (${parsed.reason})`);
  });
  return { pairs, refused };
}

async function show(learnt: Learnt, refused: readonly string[], out: Call<object>['out']): Promise<void> {
  const verdict = {
    one: out.paint('green', 'Exactly one profile explains every pair. 唯一匹配。'),
    several: out.paint(
      'yellow',
      'Several profiles explain every pair; add more cards. 有多个匹配，请增加样本。',
    ),
    none: out.paint('red', 'No profile explains every pair. 没有完全匹配的格式。'),
  };
  out.line(verdict[learnt.result]);
  out.table(
    ['profile', 'explains', 'base', 'order', 'bytes'],
    learnt.fits.map(({ name, count, profile }) => [
      name,
      `${count} of ${learnt.pairs}`,
      profile.base,
      profile.order,
      `${profile.part ?? ''} ${profile.bytesKept}`.trim(),
    ]),
  );
  if (learnt.palindromes > 0) {
    out.line(`${learnt.palindromes} number(s) read the same in both byte orders and decide nothing.`);
  }
  for (const line of refused.slice(0, REFUSED_SHOWN)) out.line(out.paint('yellow', line));
  const [best] = learnt.fits;
  if (learnt.result !== 'one' || best === undefined) return;
  const { stringify } = await import('yaml');
  out.line('\nFor hub.yaml 写入 hub.yaml:\n');
  out.line(stringify({ readers: { profiles: { 'new-reader': best.profile } } }).trimEnd());
}
