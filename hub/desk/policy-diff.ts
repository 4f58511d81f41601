/**
 * Which decisions another policy would change: real swipes of the log, each decided by both, with now = the
 * time of the swipe. Cards, grants and doors are those of now, as in `shadow`.
 */
import type { DoorEvent } from '../../contracts/types.js';
import type { DecisionOptions, DecisionView } from '../decide/model.js';
import type { Policy } from '../decide/policy.js';
import { decideRecorded, viewsToAsk } from './shadow.js';

/** One swipe that the two policies decide otherwise. */
export interface PolicyChange {
  readonly event: DoorEvent;
  readonly before: string;
  readonly after: string;
  readonly doorClass: string;
  readonly personClass: string;
}

export interface PolicyDiff {
  readonly swipes: number;
  /** Swipes whose answer changes from allow to deny, from deny to allow, or in its reason only. */
  readonly newlyDenied: number;
  readonly newlyAllowed: number;
  readonly otherReason: number;
  /** How many cards and doors these are. */
  readonly cards: number;
  readonly doors: number;
  readonly groups: readonly {
    readonly before: string;
    readonly after: string;
    readonly doorKey: string;
    readonly doorClass: string;
    readonly personClass: string;
    readonly swipes: number;
    readonly cards: number;
  }[];
  readonly changes: readonly PolicyChange[];
}

const CHANGES_MAX = 500_000;

export function diffPolicies(
  events: readonly DoorEvent[],
  view: DecisionView,
  policies: { readonly before: Policy; readonly after: Policy },
  options: DecisionOptions & { readonly passed?: (event: DoorEvent) => void },
): PolicyDiff {
  const ordered = [...events].sort((a, b) => a.occurredAt - b.occurredAt);
  const asking = viewsToAsk(view);
  const changes: PolicyChange[] = [];
  const count = { swipes: 0, newlyDenied: 0, newlyAllowed: 0, otherReason: 0 };
  for (const event of ordered) {
    if (event.direction === 'ENTER' || event.direction === 'EXIT') {
      count.swipes += 1;
      const before = decideRecorded(event, asking, policies.before, options);
      const after = decideRecorded(event, asking, policies.after, options);
      if (before.reason !== after.reason) {
        if (before.decision === after.decision) count.otherReason += 1;
        else if (after.decision) count.newlyAllowed += 1;
        else count.newlyDenied += 1;
        const holder = event.cardKey === null ? undefined : view.card(event.cardKey)?.holder;
        const doorClass = view.door(event.doorKey)?.doorClass ?? '';
        const personClass = (holder && view.personClass?.(holder)) ?? '';
        if (changes.length < CHANGES_MAX) {
          changes.push({ event, before: before.reason, after: after.reason, doorClass, personClass });
        }
      }
    }
    options.passed?.(event);
  }
  const who = ({ event }: PolicyChange): string => event.cardKey ?? event.credentialPseudonym ?? '';
  return {
    ...count,
    cards: new Set(changes.map(who)).size,
    doors: new Set(changes.map(({ event }) => event.doorKey)).size,
    groups: grouped(changes, who),
    changes,
  };
}

function grouped(
  changes: readonly PolicyChange[],
  who: (change: PolicyChange) => string,
): PolicyDiff['groups'] {
  const groups = new Map<string, PolicyChange[]>();
  for (const change of changes) {
    const { before, after, event, personClass } = change;
    const name = JSON.stringify([before, after, event.doorKey, personClass]);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [change]);
    else group.push(change);
  }
  return [...groups.values()]
    .flatMap((group) => {
      const [first] = group;
      if (first === undefined) return [];
      const { before, after, doorClass, personClass, event } = first;
      const cards = new Set(group.map(who)).size;
      return [{ before, after, doorKey: event.doorKey, doorClass, personClass, swipes: group.length, cards }];
    })
    .sort((a, b) => b.swipes - a.swipes);
}
