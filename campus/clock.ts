/**
 * The campus clock. Until it is set it follows the machine's clock. Once set (or given a rate) it is anchored:
 * campus time = anchor + rate × (wall time − wall time at the anchor). An anchored clock is kept on disk and
 * stands still while the campus is down, so that a second start goes on where it was.
 */
export interface ClockState {
  readonly mode: 'system' | 'anchored';
  /** Campus time, epoch ms. */
  readonly now: number;
  /** Campus milliseconds for each wall millisecond. 0 stands still. */
  readonly rate: number;
}

export interface CampusClock {
  now(): number;
  state(): ClockState;
  set(change: { now?: number; rate?: number; advanceMs?: number }): ClockState;
}

export function createClock(
  wall: () => number,
  stored: ClockState | null,
  save: (state: ClockState) => void,
): CampusClock {
  let anchor = stored?.mode === 'anchored' ? { wall: wall(), now: stored.now, rate: stored.rate } : null;
  const now = (): number =>
    anchor === null ? wall() : Math.floor(anchor.now + (wall() - anchor.wall) * anchor.rate);
  const state = (): ClockState => ({
    mode: anchor === null ? 'system' : 'anchored',
    now: now(),
    rate: anchor?.rate ?? 1,
  });
  return {
    now,
    state,
    set(change) {
      const base = change.now ?? now();
      anchor = { wall: wall(), now: base + (change.advanceMs ?? 0), rate: change.rate ?? anchor?.rate ?? 1 };
      save(state());
      return state();
    },
  };
}
