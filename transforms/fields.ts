/**
 * Reading of one field of a row inside a mapping. A field that cannot be read throws `FieldReject`, which
 * `mapRow` turns into the row's reject: a mapping then reads like the list of its fields. Rejected rows are
 * few, so the cost of throwing does not matter. Details never hold the value itself.
 */
import type { CodeTable } from './codes.js';
import { lookUp } from './codes.js';
import { cleanId } from './ids.js';
import type { MoneyUnit } from './money.js';
import { parseFen } from './money.js';
import type { Mapped, Mark, RejectReason } from './outcome.js';
import { cleanText, foldWidth } from './text.js';
import { isNoTime, parseDate, parseInstant } from './time.js';

class FieldReject extends Error {
  constructor(
    readonly reason: RejectReason,
    readonly path: string,
    readonly detail: string,
  ) {
    super(reason);
  }
}

export function reject(reason: RejectReason, path: string, detail: string): never {
  throw new FieldReject(reason, path, detail);
}

/** Runs a mapping; a rejected field rejects the row. */
export function mapRow(mapping: () => Mapped): Mapped {
  try {
    return mapping();
  } catch (error) {
    if (!(error instanceof FieldReject)) throw error;
    return { kind: 'reject', reason: error.reason, path: error.path, detail: error.detail };
  }
}

/** Bound on natural ids so that `{source}:{id}` stays within a key's 512 bytes in UTF-8. */
const ID_MAX = 128;

export function requiredId(text: string | undefined, path: string): string {
  const id = optionalId(text, path);
  return id ?? reject('REQUIRED_MISSING', path, 'expected an id, came nothing');
}

export function optionalId(text: string | undefined, path: string): string | null {
  if (text === undefined || text === '') return null;
  const id = cleanId(text, ID_MAX);
  if (id === undefined) {
    reject(
      'ID_INVALID',
      path,
      `expected an id of at most ${ID_MAX} characters without blanks, came ${text.length}`,
    );
  }
  return id;
}

/**
 * A door's id: like an id, but blanks inside stay, since exports name a door by its address. Doors, grants and swipes
 * read it in the same way, so that their keys meet.
 */
export function placeId(text: string, path: string): string {
  const id = foldWidth(cleanText(text));
  if (id === '') reject('REQUIRED_MISSING', path, 'expected a door, came nothing');
  if (id.length > ID_MAX) {
    reject('TOO_LARGE', path, `expected at most ${ID_MAX} characters, came ${id.length}`);
  }
  return id;
}

/**
 * How an error names what came: short codes as they are, all else by its length, since a shifted column may have put a
 * name or a number here.
 */
export function shown(text: string): string {
  return /^[\x21-\x7e]{1,3}$/u.test(text) ? `"${text}"` : `${text.length} characters`;
}

/** A reader profile's name in an error: operators need it; what is no such name shows by its length. */
export function shownProfile(name: string): string {
  return /^[a-z][a-z0-9-]{0,31}$/u.test(name) ? name : shown(name);
}

/** Version that the source gave; 0 when it gives none. */
export function version(text: string | undefined, path: string): number {
  if (text === undefined || text === '') return 0;
  const parsed = parseFen(foldWidth(text), 'fen');
  if (!parsed.ok || parsed.fen < 0) {
    reject('ID_INVALID', path, `expected a version (an integer from 0), came ${text.length} characters`);
  }
  return parsed.fen;
}

export function date(text: string | undefined, path: string): number | null {
  if (text === undefined || isNoTime(text)) return null;
  const parsed = parseDate(foldWidth(text));
  return parsed.ok ? parsed.days : reject(parsed.reason, path, parsed.detail);
}

export function instant(text: string | undefined, path: string): number | null {
  if (text === undefined || isNoTime(text)) return null;
  const parsed = parseInstant(foldWidth(text));
  return parsed.ok ? parsed.ms : reject(parsed.reason, path, parsed.detail);
}

export function requiredInstant(text: string, path: string): number {
  return instant(text, path) ?? reject('REQUIRED_MISSING', path, 'expected a time, came nothing');
}

export function fen(text: string | undefined, unit: MoneyUnit, path: string): number | null {
  if (text === undefined || text === '') return null;
  const folded = foldWidth(text);
  if (folded === '') return null;
  const parsed = parseFen(folded, unit);
  return parsed.ok ? parsed.fen : reject('MONEY_INVALID', path, parsed.detail);
}

/** A code without which the record would be wrong: unknown is a reject. */
export function code<T>(text: string, table: CodeTable<T>, own: CodeTable<T> | undefined, path: string): T {
  const folded = foldWidth(text);
  const found = lookUp(folded, table, own);
  if (found !== undefined) return found;
  const known = [...Object.keys(own ?? {}), ...Object.keys(table)].filter((name) => name !== '');
  reject('CODE_UNKNOWN', path, `expected one of ${known.slice(0, 20).join(', ')}; came ${shown(folded)}`);
}

/** A code that the record can do without: unknown is a mark, and null. */
export function optionalCode<T>(
  text: string | undefined,
  table: CodeTable<T>,
  own: CodeTable<T> | undefined,
  marks: Set<Mark>,
): T | null {
  if (text === undefined || text === '') return null;
  const folded = foldWidth(text);
  if (folded === '') return null;
  const found = lookUp(folded, table, own);
  if (found === undefined) marks.add('CODE_UNMAPPED');
  return found ?? null;
}

/** Sorted, so that the same marks are always the same bytes. */
export function quality(...sets: readonly ReadonlySet<Mark>[]): Mark[] {
  const all = new Set<Mark>();
  for (const set of sets) for (const mark of set) all.add(mark);
  return all.size === 0 ? [] : [...all].sort();
}
