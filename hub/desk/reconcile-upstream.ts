import type { Cursor } from '../../connectors/sdk.js';
import { emptyBooks } from '../sync/books.js';
import { openIds } from '../sync/absence.js';
import { rebuildMemory } from '../sync/memory.js';
import { firstProgress } from '../sync/position.js';
import type { RowBatch } from '../sync/rows.js';
import type { StreamDeps } from '../sync/stream.js';

/**
 * The upstream against the hub: a complete listing is taken again and mapped as if it were to be published,
 * but nothing is. A row is equal when all of its records are what the topics hold, byte for byte.
 */
export interface UpstreamProof {
  readonly source: string;
  readonly stream: string;
  /** Rows of the listing, and what the upstream itself counts (null: it gives no count). */
  readonly rows: number;
  readonly upstreamCount: number | null;
  readonly equal: number;
  /** Published otherwise or not at all, or refused. On a live campus: changed since the last poll. */
  readonly differs: number;
  /** Published as open, and not in the listing. */
  readonly missing: number;
  readonly ok: boolean;
}

/** @returns null for a stream without a listing: an event feed cannot be asked twice */
export async function proveUpstream(deps: StreamDeps, signal: AbortSignal): Promise<UpstreamProof | null> {
  const { stream } = deps;
  if (stream.spec.listing === null) return null;
  const { published, mapper } = await rebuildMemory(deps, firstProgress());
  const lookups = await deps.lookups();
  const open = new Set(
    openIds({ source: deps.source, maps: stream.spec.maps, codec: deps.codec, published }),
  );
  let [rows, equal] = [0, 0];
  let cursor: Cursor = null;
  for (let more = true; more;) {
    const page = await stream.snapshotPage(cursor, signal);
    const context = {
      source: deps.source,
      asOf: page.asOf,
      profile: deps.profile,
      pseudonym: deps.pseudonym,
      readerProfile: deps.readerProfile,
      ...lookups,
      seenBefore: () => false,
    };
    for (const row of page.rows) {
      const batch: RowBatch = { records: [], books: emptyBooks() };
      const outcome = mapper.enter(row, { place: 'reconcile/', context }, batch);
      rows += 1;
      if (outcome.kind !== 'quarantined' && batch.records.length === 0) equal += 1;
      open.delete(row.id);
    }
    cursor = page.next;
    more = page.state === 'more';
  }
  const upstreamCount = (await stream.count?.(signal)) ?? null;
  const differs = rows - equal;
  const ok = differs === 0 && open.size === 0 && (upstreamCount === null || upstreamCount === rows);
  const { source } = deps;
  return { source, stream: stream.spec.name, rows, upstreamCount, equal, differs, missing: open.size, ok };
}
