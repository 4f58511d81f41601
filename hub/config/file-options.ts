import { basename, dirname, relative } from 'node:path';
import type { FileGuess } from './guess-file.js';

export interface FileSetup {
  readonly options: Record<string, unknown>;
  readonly mapping?: Record<string, unknown>;
  readonly streams?: Record<string, unknown>;
  readonly notes: readonly string[];
}

/** Options of `card-core/files` or `access-control/files` for one export file, with `mapping` and `streams`. */
export function fileOptions(path: string, guess: FileGuess, baseDir: string): FileSetup {
  const folder = relative(baseDir, dirname(path));
  const file = {
    folder: folder === '' ? '.' : folder,
    pattern: basename(path),
    encoding: guess.encoding,
    delimiter: guess.delimiter,
  };
  return guess.kind === 'cards' ? cardOptions(file, guess) : swipeOptions(file, guess);
}

function cardOptions(file: Record<string, unknown>, guess: FileGuess): FileSetup {
  const { accessno, ...columns } = guess.columns;
  if (accessno === undefined) return { options: { ...file, columns }, notes: [] };
  const profile = proposeProfile(guess.first[accessno] ?? '');
  return {
    options: { ...file, columns, credentials: [{ column: accessno, profile }] },
    notes: [profileNote(accessno, profile)],
  };
}

function swipeOptions(file: Record<string, unknown>, guess: FileGuess): FileSetup {
  const { door = '', credential = '' } = guess.columns;
  const address = proposeAddress(guess.first[door] ?? '');
  const readerProfile = proposeProfile(guess.first[credential] ?? '');
  return {
    options: {
      doors: { ...file, columns: { id: door }, distinct: true, ...address },
      swipes: { ...file, columns: guess.columns, ...address },
    },
    mapping: { readerProfile },
    // A list of swipes says nothing about rights.
    streams: { grants: { enabled: false } },
    notes: [profileNote(credential, readerProfile)],
  };
}

/**
 * A proposal from the form of one number, for a person to confirm: the file cannot say which bytes of the
 * chip's number it holds, so profiles of unknown byte order are proposed for decimals.
 */
function proposeProfile(number: string): string {
  if (/^[0-9]{9,10}$/.test(number)) return 'wg34-number';
  if (/^[0-9,]{1,9}$/.test(number)) return 'wg26-3-5';
  return 'uid-hex';
}

function profileNote(column: string, profile: string): string {
  return `"${column}" looks like reader profile ${profile}: confirm it with \`cardhub reader learn\`. 请确认读卡器格式。`;
}

/** `第五教学楼[进门]`: one text names door and direction. */
function proposeAddress(cell: string): Record<string, unknown> {
  if (!/[[(（【].*[\])）】]$/.test(cell)) return {};
  return {
    address: {
      pattern: '^(?<door>.*)[\\[(（【](?<direction>[^\\[\\]()（）【】]*)[\\])）】]$',
      directions: { 进门: 'enter', 出门: 'exit', 进: 'enter', 出: 'exit' },
    },
  };
}
