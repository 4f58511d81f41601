import type { Path, SourceDocument } from './document.js';
import { nearest } from './nearest.js';
import type { ConfigProblem } from './types.js';

/** A block of hub.yaml that may be missing or, in a wrong file, something else: then it is empty. */
export function asBlock(value: unknown): Record<string, unknown> {
  const isBlock = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isBlock ? (value as Record<string, unknown>) : {};
}

export interface Reference {
  readonly path: Path;
  readonly name: unknown;
  readonly known: readonly string[];
  /** What is expected here, e.g. `the name of a source here`. */
  readonly what: string;
  /** Where the name stands; default: it is the value. */
  readonly at?: 'key' | 'value';
}

/** The problem of a name for which there is nothing in the file; what is no text is the schema's to refuse. */
export function checkReference(
  document: SourceDocument,
  { path, name, known, what, at = 'value' }: Reference,
): ConfigProblem[] {
  if (typeof name !== 'string' || known.includes(name)) return [];
  const guess = nearest(name, known);
  const choice = known.length === 0 ? 'there is none' : `is none of: ${known.join(', ')}`;
  return [
    {
      code: 'UNKNOWN_REFERENCE',
      ...document.place(path, at),
      path: path.join('.'),
      message: `expected ${what}; ${JSON.stringify(name)} ${choice}`,
      ...(guess === undefined ? {} : { hint: `did you mean "${guess}"?` }),
    },
  ];
}
