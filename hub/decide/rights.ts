/** Which of a card's rights at a door opens it now, or came nearest to it. */
import type { Right } from './model.js';
import type { DenyReason } from './reasons.js';
import { coveredUntil } from './schedule.js';

export interface RightMatch {
  readonly deny?: DenyReason | undefined;
  readonly right?: Right | undefined;
  /** When time alone ends it, epoch ms. */
  readonly until?: number | undefined;
}

/** How near a right came to opening; the nearest gives the reason. */
const NEARNESS: readonly DenyReason[] = [
  'DENY_NO_RIGHT',
  'DENY_DIRECTION',
  'DENY_NOT_YET_VALID',
  'DENY_TIME',
];

/** @param countAs the weekday that a day counts as; undefined: its own */
export function matchRight(
  rights: readonly Right[],
  action: 'enter' | 'exit',
  now: number,
  countAs?: (day: number) => number,
): RightMatch {
  const direction = action === 'enter' ? 'ENTER' : 'EXIT';
  let nearest = 0;
  let nearestRight: Right | undefined;
  for (const right of rights) {
    let distance: number;
    let covered: number | undefined;
    if (right.validUntil !== undefined && now >= right.validUntil) distance = 0;
    else if (right.direction !== 'BOTH' && right.direction !== direction) distance = 1;
    else if (right.validFrom !== undefined && now < right.validFrom) distance = 2;
    else if (
      right.schedule.length > 0 &&
      (covered = coveredUntil(right.schedule, now, countAs)) === undefined
    ) {
      distance = 3;
    } else {
      return { right, until: earlier(covered, right.validUntil) };
    }
    if (nearestRight === undefined || distance > nearest) {
      nearest = distance;
      nearestRight = right;
    }
  }
  return { deny: NEARNESS[nearest] ?? 'DENY_NO_RIGHT', right: nearestRight };
}

export function earlier(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : Math.min(a, b);
}
