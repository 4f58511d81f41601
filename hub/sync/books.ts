import type { FilterReason, Mark, RejectReason } from '../../transforms/outcome.js';

/**
 * The books (rule 4): what became of every source row. A row has exactly one outcome, so
 * `read = published + unchanged + filtered + quarantined`. Marks overlap with outcomes; `records` counts
 * what was appended by topic, and is not part of the balance since a row may give several records.
 */
export interface BookLines {
  read: number;
  published: number;
  unchanged: number;
  filtered: Record<string, number>;
  quarantined: Record<string, number>;
  marked: Record<string, number>;
  records: Record<string, number>;
}

export type RowOutcome =
  | { readonly kind: 'published' }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'filtered'; readonly reason: FilterReason }
  | { readonly kind: 'quarantined'; readonly reason: RejectReason };

export function emptyBooks(): BookLines {
  return { read: 0, published: 0, unchanged: 0, filtered: {}, quarantined: {}, marked: {}, records: {} };
}

function bump(counts: Record<string, number>, name: string, by = 1): void {
  counts[name] = (counts[name] ?? 0) + by;
}

/** Enters one row with its outcome and its marks. */
export function enterRow(books: BookLines, outcome: RowOutcome, marks: Iterable<Mark>): void {
  books.read += 1;
  if (outcome.kind === 'published') books.published += 1;
  else if (outcome.kind === 'unchanged') books.unchanged += 1;
  else if (outcome.kind === 'filtered') bump(books.filtered, outcome.reason);
  else bump(books.quarantined, outcome.reason);
  for (const mark of marks) bump(books.marked, mark);
}

/** A record of an earlier row was republished with a mark that it did not have before. */
export function enterLateMark(books: BookLines, mark: Mark): void {
  bump(books.marked, mark);
}

export function enterRecord(books: BookLines, topic: string): void {
  bump(books.records, topic);
}

function sum(counts: Record<string, number>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

export function isBalanced(books: BookLines): boolean {
  return books.read === books.published + books.unchanged + sum(books.filtered) + sum(books.quarantined);
}

/** Adds `lines` into `total`. */
export function addBooks(total: BookLines, lines: BookLines): void {
  total.read += lines.read;
  total.published += lines.published;
  total.unchanged += lines.unchanged;
  for (const field of ['filtered', 'quarantined', 'marked', 'records'] as const) {
    for (const [name, count] of Object.entries(lines[field])) bump(total[field], name, count);
  }
}

export function copyBooks(lines: BookLines): BookLines {
  const copy = emptyBooks();
  addBooks(copy, lines);
  return copy;
}
