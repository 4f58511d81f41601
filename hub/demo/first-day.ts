import type { Campus } from '../../campus/main.js';

/** What happens on a new campus before the hub comes, so that no system is empty: each so many times. */
const FIRST_EVENTS = {
  borrow: 30,
  return: 8,
  store: 12,
  fetch: 4,
  teach: 8,
  swipe: 60,
  spend: 60,
  topup: 10,
  cash: 4,
  'buy-power': 6,
} as const;

/** Lets people of a new campus borrow, eat, store bags and buy power. What hours forbid is refused, as it would be. */
export function liveFirst(campus: Campus): void {
  for (const [event, count] of Object.entries(FIRST_EVENTS)) {
    campus.life({ event: event as keyof typeof FIRST_EVENTS, count });
  }
}
