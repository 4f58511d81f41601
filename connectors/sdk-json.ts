import { ConnectorError } from './sdk.js';

/**
 * JSON from outside, with limits that are checked before anything is built from it: `JSON.parse` of 16 MB of
 * `[[[[…` overflows the stack, and of `[0,0,0,…` takes a gigabyte.
 */
export interface JsonLimits {
  /** Nesting of arrays and objects. */
  readonly depth: number;
  /** Values in arrays and objects, all together. */
  readonly values: number;
}

export const JSON_LIMITS: JsonLimits = { depth: 32, values: 1_000_000 };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** @throws ConnectorError TOO_LARGE when the bytes nest deeper or hold more values than allowed. */
export function scanJson(bytes: Uint8Array, limits: JsonLimits = JSON_LIMITS): void {
  let depth = 0;
  let values = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) {
      i = stringEnd(bytes, i + 1);
    } else if (byte === COMMA) {
      values += 1;
    } else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
      depth += 1;
      values += 1;
      if (depth > limits.depth) {
        throw new ConnectorError('TOO_LARGE', `JSON nests deeper than ${limits.depth}`, 'never');
      }
    } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) {
      depth -= 1;
    }
  }
  if (values > limits.values) {
    throw new ConnectorError('TOO_LARGE', `JSON holds more than ${limits.values} values`, 'never');
  }
}

function stringEnd(bytes: Uint8Array, from: number): number {
  for (let i = from; i < bytes.length; i++) {
    if (bytes[i] === BACKSLASH) i += 1;
    else if (bytes[i] === QUOTE) return i;
  }
  return bytes.length;
}

/** Bytes (UTF-8) to a JSON value. @throws ConnectorError TOO_LARGE or PROTOCOL */
export function parseJson(bytes: Uint8Array, what: string, limits: JsonLimits = JSON_LIMITS): unknown {
  scanJson(bytes, limits);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ConnectorError('PROTOCOL', `${what}: the answer is not UTF-8`, 'now', { cause });
  }
  try {
    return JSON.parse(text);
  } catch {
    // Some servers put raw newlines and tabs into JSON strings (domain.md 1.3c).
    try {
      return JSON.parse(text.replaceAll(/[\u0000-\u001f]/g, ' '));
    } catch (cause) {
      throw new ConnectorError('PROTOCOL', `${what}: the answer is not JSON (${excerpt(text)})`, 'now', {
        cause,
      });
    }
  }
}

/** The beginning of a text for an error message: never long enough to carry a row, and no number of a person or card. */
export function excerpt(text: string): string {
  const start = [...text.slice(0, 80)]
    .slice(0, 24)
    .join('')
    .replaceAll(/\d{5,}.*/gsu, '…');
  return text === '' ? 'empty' : `begins ${JSON.stringify(start)}`;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
