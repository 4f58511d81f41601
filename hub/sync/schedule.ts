/**
 * What a stream does next: a pure step over its state and the time.
 *
 *            no listing yet                     listing complete
 *   start ──────────────────▶ LISTING ──page──▶ …──────────────▶ FEED ⇄ wait
 *     │                          ▲  ╲ feed due between pages        │
 *     │ no listing in the spec   │   ╲────────▶ one feed page ─────▶│ listing due (snapshotEvery, or
 *     └──────────▶ FEED          └──────────────────────────────────┘ the feed lost our cursor)
 *
 * A feed is polled between the pages of a listing too: a loss must not wait for a listing of a million rows.
 */
export interface StreamState {
  readonly hasListing: boolean;
  readonly hasFeed: boolean;
  /** A listing is under way (its cursor may be null: first page). */
  readonly listing: boolean;
  /** End of the last complete listing, epoch ms. */
  readonly listingCompletedAt: number | null;
  /** A listing was asked for (the feed lost our cursor, an operator, `sync --once`). */
  readonly listingWanted: boolean;
  /** The feed may have more right now. */
  readonly feedMore: boolean;
  /** Last feed poll and last listing poll that came to an end, epoch ms. */
  readonly feedPolledAt: number | null;
}

export interface StreamTiming {
  readonly pollMs: number;
  readonly snapshotEveryMs: number;
}

export type NextStep =
  | { readonly kind: 'feed' }
  | { readonly kind: 'listing'; readonly start: boolean }
  | { readonly kind: 'wait'; readonly until: number };

export function nextStep(state: StreamState, timing: StreamTiming, now: number): NextStep {
  const feedDueAt = state.feedPolledAt === null ? 0 : state.feedPolledAt + timing.pollMs;
  const feedReady =
    state.hasFeed && (state.listingCompletedAt !== null || state.listing || !state.hasListing);
  if (state.listing) {
    if (feedReady && now >= feedDueAt && state.feedPolledAt !== null) return { kind: 'feed' };
    return { kind: 'listing', start: false };
  }
  if (feedReady && state.feedMore) return { kind: 'feed' };
  const listingDueAt = listingDue(state, timing);
  if (state.hasListing && now >= listingDueAt) return { kind: 'listing', start: true };
  if (feedReady && now >= feedDueAt) return { kind: 'feed' };
  return { kind: 'wait', until: Math.min(feedReady ? feedDueAt : Infinity, listingDueAt) };
}

function listingDue(state: StreamState, timing: StreamTiming): number {
  if (!state.hasListing) return Infinity;
  if (state.listingWanted || state.listingCompletedAt === null) return 0;
  // Without a feed the listing is the only news, so it is taken at the pace of the polls.
  return state.listingCompletedAt + (state.hasFeed ? timing.snapshotEveryMs : timing.pollMs);
}
