/** Who holds what, which revocations are not confirmed, which events are missing. */
import type { RemovedCard } from '../../contracts/types.js';
import type { IndexRange } from './index-ranges.js';
import type { ControllerState } from './state.js';

export interface ControllerReport {
  readonly id: string;
  /** Version that the hub would send; 0: none was made yet. */
  readonly version: number;
  readonly entries: number;
  /** More cards may enter than the controller can hold. */
  readonly truncated: boolean;
  readonly held: { readonly version: number; readonly at: number } | null;
  /** Revocations that it has not confirmed; those for a loss among them. */
  readonly unconfirmed: number;
  readonly unconfirmedLosses: number;
  /** Epoch ms of the oldest of them. */
  readonly oldestUnconfirmedAt: number | null;
  readonly events: { readonly last: number; readonly gaps: readonly IndexRange[] };
}

export interface Revocation {
  readonly card: string;
  readonly reason: string;
  /** Epoch ms at which the first list without it was made. */
  readonly since: number;
  readonly unconfirmedBy: readonly { readonly controller: string; readonly holds: number | null }[];
}

export function reportOf(state: ControllerState): ControllerReport {
  const open = unconfirmed(state);
  const { heldVersion, heldAt } = state;
  return {
    id: state.config.id,
    version: state.listVersion,
    entries: state.size,
    truncated: state.truncated,
    held: heldVersion === null || heldAt === null ? null : { version: heldVersion, at: heldAt },
    unconfirmed: open.length,
    unconfirmedLosses: open.filter(({ reason }) => reason === 'DENY_LOST').length,
    oldestUnconfirmedAt: open.length === 0 ? null : Math.min(...open.map(({ since }) => since)),
    events: { last: state.received.last, gaps: state.received.gaps() },
  };
}

/** Unconfirmed ones by card, the oldest first. */
export function revocationsOf(states: Iterable<ControllerState>, card?: string): Revocation[] {
  const found = new Map<string, { -readonly [K in keyof Revocation]: Revocation[K] }>();
  for (const state of states) {
    for (const { cardKey, reason, since } of unconfirmed(state)) {
      if (card !== undefined && card !== cardKey) continue;
      const one = found.get(cardKey) ?? { card: cardKey, reason, since, unconfirmedBy: [] };
      one.since = Math.min(one.since, since);
      const by = { controller: state.config.id, holds: state.heldVersion };
      one.unconfirmedBy = [...one.unconfirmedBy, by];
      found.set(cardKey, one);
    }
  }
  return [...found.values()].sort((a, b) => a.since - b.since);
}

function unconfirmed(state: ControllerState): RemovedCard[] {
  const { heldVersion } = state;
  return [...state.removed.values()].filter(({ listVersion }) => (heldVersion ?? 0) < listVersion);
}
