import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import type { DoorEvent } from '../../contracts/types.js';
import { card, door, doorEvent, fixtureView, grant, NOW } from '../views/view.fixture.js';
import type { HubView } from '../views/view.js';
import { observeSwipes } from './propose.js';
import { addAgreement, replayShadow, SEGMENTS, type ShadowOptions } from './shadow.js';

const TODAY = 20_780;
let running = 0;
const swipe = (change: Partial<DoorEvent> = {}): DoorEvent =>
  doorEvent({ eventId: `gate:swipes:${++running}`, businessDate: TODAY, ...change });
const unknown = { cardKey: null, credentialPseudonym: 'hmac-sha256:a', dataQuality: ['UNKNOWN_CREDENTIAL'] };

/** `gate:d1` is a turnstile; `core:1` may pass it, `core:2` may not. */
function turnstile(): HubView {
  const view = fixtureView();
  view.apply('master.door', 'gate:d1', door({ doorClass: 'TURNSTILE' }));
  view.apply('master.access-grant', 'gate:g1', grant({ subjectType: 'CARD', subject: 'core:1' }));
  view.apply(
    'master.card',
    'core:2',
    card({ cardKey: 'core:2', cardId: '2', holder: null, credentials: [] }),
  );
  return view;
}

function replay(
  events: readonly DoorEvent[],
  before: readonly DoorEvent[] = [],
  change: Partial<ShadowOptions> = {},
) {
  const view = change.view ?? turnstile();
  const evidence = observeSwipes({ from: TODAY - 30, until: TODAY - 1 });
  for (const event of before) evidence.add({ ...event, businessDate: TODAY - 1 });
  return replayShadow(events, { view, policy: fixtureView().policy(), evidence, ...change });
}
const explanations = (report: ReturnType<typeof replay>): string[] =>
  report.rows.map(({ explanation }) => explanation.code);

describe('shadow mode', () => {
  it('agrees where a grant allows what the access system allowed, and denies what it refused', () => {
    const report = replay([swipe(), swipe({ cardKey: 'core:2', granted: false })], [swipe()]);
    expect(report.rows).toEqual([]);
    expect(report.segments.KNOWN_ALLOWED_HERE).toMatchObject({ swipes: 1, bothAllow: 1 });
    expect(report.segments.KNOWN_NOT_SEEN_HERE).toMatchObject({ swipes: 1, bothDeny: 1 });
  });

  it('puts unknown cards that were really admitted first, whatever their time', () => {
    const report = replay([
      swipe({ cardKey: 'core:2', occurredAt: NOW - 9_000 }),
      swipe({ granted: false, occurredAt: NOW - 8_000 }),
      swipe({ ...unknown, dataQuality: ['AMBIGUOUS_CREDENTIAL'], occurredAt: NOW - 7_000 }),
      swipe({ ...unknown, occurredAt: NOW - 5_000 }),
      swipe({ ...unknown, occurredAt: NOW - 6_000 }),
      swipe({ ...unknown, granted: false }),
    ]);
    expect(explanations(report)).toEqual([
      'UNKNOWN_CARD_ADMITTED',
      'UNKNOWN_CARD_ADMITTED',
      'AMBIGUOUS_CARD_ADMITTED',
      'GRANT_WITHOUT_EVIDENCE',
      'NEVER_SEEN',
    ]);
    expect(report.rows[0]?.event.occurredAt).toBe(NOW - 6_000);
    expect(report.rows[2]?.decision.reason).toBe('DENY_AMBIGUOUS');
    expect(report.unknownAdmitted).toBe(1);
  });

  it('decides with now = the time of the swipe, not the time of the replay', () => {
    const view = turnstile();
    view.apply('master.access-grant', 'gate:g1', grant({ validUntil: NOW - 30_000 }));
    const report = replay([swipe({ occurredAt: NOW - 60_000 }), swipe({ occurredAt: NOW })], [], { view });
    expect(report.rows.map(({ event }) => event.occurredAt)).toEqual([NOW]);
  });

  it('compares nothing where the access system or the direction is silent', () => {
    const report = replay([swipe({ granted: null }), swipe({ direction: 'UNKNOWN' })]);
    expect(report).toMatchObject({ swipes: 2, unstated: 1, directionUnknown: 1, rows: [] });
  });

  it('judges anti-passback only when asked, from the passages replayed so far', () => {
    const view = turnstile();
    const document = fixtureView().policy();
    const policy = {
      ...document,
      doorRules: (name: string) => ({ ...document.doorRules(name), antiPassback: 'hard' as const }),
    };
    const events = [swipe({ occurredAt: NOW - 5_000 }), swipe({ occurredAt: NOW - 9_000 })];
    const passed = (event: DoorEvent): void => view.passages.apply(event, event.occurredAt);
    expect(replay(events, [], { view, policy, passed }).rows).toEqual([]);
    const strict = replay(events, [], { view: turnstile(), policy, ignoreAntiPassback: false });
    expect(strict.rows).toEqual([]); // nobody told it of passages
    const fresh = turnstile();
    const told = replay(events, [], {
      view: fresh,
      policy,
      ignoreAntiPassback: false,
      passed: (event) => fresh.passages.apply(event, event.occurredAt),
    });
    expect(told.rows.map(({ event, decision }) => [event.occurredAt, decision.reason])).toEqual([
      [NOW - 5_000, 'DENY_ANTIPASSBACK'],
    ]);
  });
});

describe('the explanation of a difference', () => {
  const other = { cardKey: 'core:2' };
  it('of a card that we would refuse says what was seen before', () => {
    const before = (events: DoorEvent[]): string[] => explanations(replay([swipe(other)], events));
    expect(before([])).toEqual(['NEVER_SEEN']);
    expect(before([swipe({ ...other, doorKey: 'gate:d2' })])).toEqual(['NEVER_SEEN_HERE']);
    expect(before([swipe({ ...other, granted: false })])).toEqual(['REFUSED_BEFORE']);
    expect(before([swipe(other)])).toEqual(['NO_GRANT_DESPITE_EVIDENCE']);
  });

  it('of a card in a bad state says whether it got there after the swipe', () => {
    const view = turnstile();
    view.apply('master.card', 'core:1', card({ lost: true }));
    const changed = (at: number): string[] =>
      explanations(replay([swipe()], [], { view, cardChangedAt: () => at }));
    expect(changed(NOW)).toEqual(['CARD_CHANGED_SINCE']);
    expect(changed(NOW - 86_400_000)).toEqual(['CARD_STATE']);
  });

  it('of a card that only we would let in says what the access system did with it else', () => {
    const refused = swipe({ granted: false, upstreamReason: '禁止通过-没有权限' });
    const [row] = replay([refused], [swipe()]).rows;
    expect(row?.explanation).toEqual({
      code: 'REFUSED_NOW',
      detail: 'evidence here: 1 allowed, 0 refused; other doors: 0; upstream: 禁止通过-没有权限',
    });
    expect(explanations(replay([refused], [swipe(), refused]))).toEqual(['REFUSED_BEFORE_TOO']);
    expect(explanations(replay([refused, swipe()], [swipe()]))).toEqual(['ADMITTED_SAME_DAY']);
    expect(explanations(replay([refused, { ...refused, eventId: 'x' }], [swipe()]))).toEqual([
      'REFUSED_ALL_DAY',
      'REFUSED_ALL_DAY',
    ]);
  });

  it('of an exit from a free door names the policy', () => {
    const view = turnstile();
    view.apply('master.door', 'gate:d1', door({ doorClass: 'DORMITORY' }));
    const exit = swipe({ cardKey: 'core:2', direction: 'EXIT', granted: false });
    expect(explanations(replay([exit], [], { view }))).toEqual(['EXIT_FREE']);
  });
});

it('every swipe is counted once, and every difference is a row with an explanation', () => {
  const event = fc.record({
    who: fc.constantFrom('core:1', 'core:2', 'core:3', null),
    granted: fc.constantFrom(true, false, null),
    direction: fc.constantFrom('ENTER' as const, 'EXIT' as const, 'UNKNOWN' as const),
    dataQuality: fc.constantFrom([], ['AMBIGUOUS_CREDENTIAL']),
    before: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 30 }), (list) => {
      const events = list.map(({ who, before: _before, ...change }) =>
        swipe({ ...change, cardKey: who, credentialPseudonym: who === null ? 'hmac-sha256:a' : null }),
      );
      const report = replay(
        events.filter((_, index) => list[index]?.before === false),
        events.filter((_, index) => list[index]?.before === true),
      );
      const all = addAgreement(SEGMENTS.map((name) => report.segments[name]));
      expect(all.swipes + report.unstated + report.directionUnknown).toBe(report.swipes);
      expect(all.bothAllow + all.bothDeny + all.onlyTheyAllow + all.onlyWeAllow).toBe(all.swipes);
      expect(report.rows).toHaveLength(all.onlyTheyAllow + all.onlyWeAllow);
      expect(report.explanations.reduce((sum, { swipes }) => sum + swipes, 0)).toBe(report.rows.length);
    }),
    { numRuns: 60 },
  );
});
