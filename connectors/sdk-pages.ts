import { ConnectorError, type CheckResult, type SourceRow } from './sdk.js';

/** A row whose bytes are made only when quarantine asks for them. */
export function lazyRow(id: string, at: string, data: unknown, raw: unknown = data): SourceRow {
  return {
    id,
    at,
    data,
    get raw() {
      return Buffer.from(JSON.stringify(raw));
    },
  };
}

/** `Stream.reparse` of a connector whose raw rows are JSON; undefined where the bytes are none. */
export async function reparseJson(raw: Uint8Array): Promise<unknown> {
  try {
    return JSON.parse(Buffer.from(raw).toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}

/**
 * A keyset page must follow its cursor, in order: this is what makes absence provable, and how a repeated page
 * is told from a new one. @throws ConnectorError PROTOCOL
 */
export function assertAscending(ids: readonly string[], after: string, what: string, numeric = false): void {
  let last = after;
  for (const id of ids) {
    // Decimal numbers without leading zeros: the longer one is the greater.
    const follows = numeric && id.length !== last.length ? id.length > last.length : id > last;
    if (!follows) {
      const message = `${what}: ids must ascend after the cursor; the page is repeated or not ordered by id`;
      throw new ConnectorError('PROTOCOL', message, 'now');
    }
    last = id;
  }
}

/** One line of `check`: an error becomes a result that tells it. */
export async function checked(
  name: string,
  signal: AbortSignal,
  run: () => Promise<{ readonly ok: boolean; readonly detail: string }>,
): Promise<CheckResult> {
  try {
    return { name, ...(await run()) };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ConnectorError)) throw error;
    return { name, ok: false, detail: `${error.code}: ${error.message}` };
  }
}
