/**
 * Deletion by absence (rule 9), as pure bookkeeping over one listing at a time.
 *
 *   begin ──▶ pages seen ──▶ complete ──▶ candidates ──▶ proven? ──▶ within the limit? ──▶ close them
 *                                            │               │                  │
 *                                     restart lost them   not proven     held for an operator
 *                                            ▼               ▼                  ▼
 *                                     wait for the next listing          accept / discard / announce
 *
 * What is *present* never waits for any of this: rows of the same listing are published page by page.
 */

/** At most this many absent ids are kept in the position, so that a restart can go on with them. */
export const ABSENT_IDS_KEPT = 1_000;

/** More absences than either are held. */
export interface AbsenceLimit {
  readonly count: number;
  /** Percent of what was open. */
  readonly percent: number;
}

/** So many are believed whatever the share: on a campus of fifty people one leaver is already 2 %. */
const ALWAYS_BELIEVED = 3;

/** An operator's word that so many absences are right, until a time (graduation day). */
export interface Allowance {
  readonly commandId: string;
  readonly count: number;
  readonly until: number;
}

export type AbsenceVerdict =
  | { readonly kind: 'none' }
  | { readonly kind: 'close'; readonly ids: readonly string[] }
  | { readonly kind: 'hold'; readonly count: number };

/** Whether these proven absences take effect now. */
export function judgeAbsence(
  absent: readonly string[],
  open: number,
  limit: AbsenceLimit,
  allowances: readonly Allowance[],
  now: number,
): AbsenceVerdict {
  if (absent.length === 0) return { kind: 'none' };
  const byShare = Math.max(ALWAYS_BELIEVED, Math.floor((open * limit.percent) / 100));
  const announced = allowances.filter((a) => a.until > now).reduce((most, a) => Math.max(most, a.count), 0);
  if (absent.length <= Math.min(limit.count, byShare) + announced) return { kind: 'close', ids: absent };
  return { kind: 'hold', count: absent.length };
}

/** What is left of the allowances after so many absences took effect: a word for 8,000 is not one for 16,000. */
export function spendAllowances(allowances: readonly Allowance[], closed: number, now: number): Allowance[] {
  let left = closed;
  return allowances.flatMap((allowance) => {
    const used = Math.min(allowance.count, left);
    left -= used;
    const count = allowance.count - used;
    return count > 0 && allowance.until > now ? [{ ...allowance, count }] : [];
  });
}

/** Which ids of a listing were seen, and which that were open before are missing. */
export interface ListingTracker {
  /** A page's ids, in listing order. */
  page(ids: readonly string[]): void;
  /** Ids absent so far (keyset) or, after the last page, altogether. */
  absent(): readonly string[];
  absentCount(): number;
  /** The last id that was seen; a keyset listing resumes behind it. */
  readonly lastId: string | null;
}

/**
 * Keyset listings: pages come ordered by id (binary), so all open ids up to the page's last id that are not
 * in the page are absent, and need no memory of earlier pages. `complete` treats the rest as absent too.
 */
export function keysetTracker(
  openIds: Iterable<string>,
  resumed?: { lastId: string | null; absent: readonly string[]; absentCount: number },
): ListingTracker & { complete(): void; usable: boolean } {
  const lastBefore = resumed?.lastId ?? null;
  const sorted = [...openIds].filter((id) => lastBefore === null || id > lastBefore).sort(binary);
  const missing: string[] = [...(resumed?.absent ?? [])];
  let next = 0;
  let lastId = lastBefore;
  const upTo = (limit: string | null, present: ReadonlySet<string>): void => {
    for (let id = sorted[next]; id !== undefined && (limit === null || id <= limit); id = sorted[++next]) {
      if (!present.has(id)) missing.push(id);
    }
  };
  return {
    // More were absent before the restart than the position could hold: wait for the next listing.
    usable: (resumed?.absentCount ?? 0) <= (resumed?.absent.length ?? 0),
    page(ids) {
      const last = ids.at(-1);
      if (last === undefined) return;
      upTo(last, new Set(ids));
      lastId = last;
    },
    complete() {
      upTo(null, new Set());
    },
    absent: () => missing,
    absentCount: () => missing.length,
    get lastId() {
      return lastId;
    },
  };
}

/** Listings without order: the ids seen are remembered until the listing ends; a restart forgets them. */
export function seenTracker(openIds: Iterable<string>): ListingTracker {
  const open = new Set(openIds);
  let lastId: string | null = null;
  return {
    page(ids) {
      for (const id of ids) open.delete(id);
      lastId = ids.at(-1) ?? lastId;
    },
    absent: () => [...open],
    absentCount: () => open.size,
    get lastId() {
      return lastId;
    },
  };
}

/** Order of UTF-16 code units; equal to byte order for the ids that upstreams use (ASCII). */
function binary(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
