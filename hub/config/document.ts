import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type ErrorCode,
  type Node,
} from 'yaml';
import { interpolate } from './interpolate.js';
import type { ConfigProblem } from './types.js';

/** 1-based. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

export type Path = readonly string[];

/** hub.yaml as read: its data with `${…}` replaced, and where everything stands in the file. */
export interface SourceDocument {
  readonly data: unknown;
  readonly problems: readonly ConfigProblem[];
  /** The nearest thing to `path` that the file has; `key` means the key itself, not its value. */
  place(path: Path, what: 'key' | 'value'): Place;
  /** Text as written when `${…}` was replaced in this value: shown in messages instead of the value. */
  written(path: Path): string | undefined;
}

/**
 * Messages of our own for the parser's codes: the parser's texts may quote the file, and with it a secret.
 */
const SYNTAX: Partial<Record<ErrorCode, string>> = {
  BAD_ALIAS: 'an alias (*name) that has no anchor (&name) before it',
  BAD_DQ_ESCAPE: 'an unknown escape in a double-quoted text; a backslash is written \\\\ there',
  BAD_INDENT: 'lines of one block must be indented alike',
  BAD_SCALAR_START: 'a plain text cannot start with this character; put it in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a second "key: value" on one line; put the value in quotes or on a line of its own',
  BLOCK_IN_FLOW: 'an indented block inside [ ] or { }',
  DUPLICATE_KEY: 'the same key twice in one block',
  MISSING_CHAR: 'a missing closing quote, bracket, comma or colon',
  MULTILINE_IMPLICIT_KEY: 'a key that goes over more than one line; probably a missing colon',
  MULTIPLE_DOCS: 'more than one document (---) in the file',
  NON_STRING_KEY: 'a key that is not text; put it in quotes',
  TAB_AS_INDENT: 'a tab used to indent; YAML wants spaces',
  UNEXPECTED_TOKEN: 'something that cannot stand here; probably a missing quote or bracket before it',
};

export function readDocument(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
): SourceDocument {
  const lines = new LineCounter();
  const doc = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const problems: ConfigProblem[] = doc.errors.map((error) => ({
    code: 'YAML_SYNTAX',
    ...at(error.pos[0]),
    path: '',
    message: `not valid YAML: ${SYNTAX[error.code] ?? `it cannot be read here (${error.code})`}`,
  }));
  const written = new Map<string, string>();
  if (problems.length === 0) problems.push(...replaceReferences(doc, env, at, written));
  let data: unknown;
  if (doc.errors.length === 0) {
    try {
      data = doc.toJS({ maxAliasCount: 100 });
    } catch {
      problems.push({
        code: 'YAML_SYNTAX',
        ...at(0),
        path: '',
        message: `not valid YAML: ${SYNTAX.BAD_ALIAS}, or too many aliases`,
      });
    }
  }
  return {
    data,
    problems,
    place: (path, what) => at(offsetOf(doc, path, what)),
    written: (path) => written.get(JSON.stringify(path)),
  };
}

function replaceReferences(
  doc: Document,
  env: Readonly<Record<string, string | undefined>>,
  at: (offset: number) => Place,
  written: Map<string, string>,
): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  visit(doc, {
    Scalar(key, node, ancestors) {
      if (key === 'key' || typeof node.value !== 'string') return;
      const source = node.value;
      const result = interpolate(source, env);
      const path = pathOf(ancestors, node);
      const place = at(node.range?.[0] ?? 0);
      for (const name of result.missing) {
        problems.push({
          code: 'ENV_MISSING',
          ...place,
          path: path.join('.'),
          message: `expected the environment variable ${name}; it is not set, or empty`,
          hint: `set ${name}, or give a default: \${${name}:-…}`,
        });
      }
      for (const reference of result.malformed) {
        problems.push({
          code: 'BAD_VALUE',
          ...place,
          path: path.join('.'),
          message: `expected \${NAME} or \${NAME:-default}; came ${JSON.stringify(reference)}`,
          hint: 'write $${ for a literal ${',
        });
      }
      node.value = result.text;
      if (result.replaced) written.set(JSON.stringify(path), source);
    },
  });
  return problems;
}

/** Keys and indexes from the root down to `node`. */
function pathOf(ancestors: readonly unknown[], node: unknown): Path {
  const path: string[] = [];
  const chain = [...ancestors, node];
  chain.forEach((step, index) => {
    const child = chain[index + 1];
    if (isSeq(step)) path.push(String(step.items.indexOf(child)));
    else if (isMap(step)) {
      const pair = step.items.find((item) => item === child);
      if (pair !== undefined) path.push(keyText(pair.key));
    }
  });
  return path;
}

function keyText(key: unknown): string {
  return isScalar(key) ? String(key.value) : String(key);
}

function offsetOf(doc: Document, path: Path, what: 'key' | 'value'): number {
  let node: unknown = doc.contents;
  let keyOffset = startOf(node);
  for (const step of path) {
    if (isAlias(node)) node = node.resolve(doc);
    if (isMap(node)) {
      const pair = node.items.find((item) => keyText(item.key) === step);
      if (pair === undefined) return keyOffset;
      keyOffset = startOf(pair.key) || keyOffset;
      node = pair.value;
    } else if (isSeq(node)) {
      const item = node.items[Number(step)];
      if (item === undefined) return keyOffset;
      node = item;
      keyOffset = startOf(node) || keyOffset;
    } else return keyOffset;
  }
  return what === 'key' ? keyOffset : startOf(node) || keyOffset;
}

function startOf(node: unknown): number {
  return (node as Node | null)?.range?.[0] ?? 0;
}
