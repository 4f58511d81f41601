import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import type { DoorEvent } from '../../contracts/types.js';
import { doorEvent } from '../views/view.fixture.js';
import { observeSwipes, proposalCsv, proposeGrants } from './propose.js';

const DAY = 17_987; // 2019-04-01
const range = { from: DAY, until: DAY + 7 };
const options = { source: 'gate', cardSource: 'core', minAllowed: 1 };
const at = (day: number, hour = 8): Pick<DoorEvent, 'businessDate' | 'occurredAt'> => ({
  businessDate: day,
  occurredAt: day * 86_400_000 + (hour - 8) * 3_600_000,
});
const swipe = (change: Partial<DoorEvent> = {}): DoorEvent => doorEvent({ ...at(DAY), ...change });

function observe(events: readonly DoorEvent[]) {
  const observation = observeSwipes(range);
  for (const event of events) observation.add(event);
  return observation;
}

describe('grants from observed swipes', () => {
  it('counts what the access system did with each card at each door, both end days included', () => {
    const observation = observe([
      swipe({ ...at(DAY + 7, 23) }),
      swipe({ granted: false, ...at(DAY, 1) }),
      swipe({ ...at(DAY + 8) }),
      swipe({ ...at(DAY - 1) }),
      swipe({ doorKey: 'gate:d2' }),
    ]);
    expect(observation.swipes).toBe(3);
    expect(observation.uses()).toEqual([
      {
        cardKey: 'core:1',
        doorKey: 'gate:d1',
        allowed: 1,
        refused: 1,
        firstAt: at(DAY, 1).occurredAt,
        lastAt: at(DAY + 7, 23).occurredAt,
      },
      expect.objectContaining({ doorKey: 'gate:d2', allowed: 1, refused: 0 }),
    ]);
  });

  it('takes a swipe whose outcome the access system does not state for no evidence', () => {
    const observation = observe([swipe({ granted: null })]);
    expect(observation.unstated).toBe(1);
    expect(observation.uses()).toEqual([]);
  });

  it('never proposes an unknown or ambiguous number, and counts both apart', () => {
    const unknown = { cardKey: null, credentialPseudonym: 'hmac-sha256:a' };
    const observation = observe([
      swipe(unknown),
      swipe({ ...unknown, granted: false }),
      swipe({ ...unknown, credentialPseudonym: 'hmac-sha256:b' }),
      swipe({ ...unknown, dataQuality: ['AMBIGUOUS_CREDENTIAL'] }),
    ]);
    expect(proposeGrants(observation.uses(), options).grants).toEqual([]);
    expect(observation.unknown()).toEqual([
      { doorKey: 'gate:d1', kind: 'unknown', swipes: 3, allowed: 2, refused: 1, credentials: 2 },
      { doorKey: 'gate:d1', kind: 'ambiguous', swipes: 1, allowed: 1, refused: 0, credentials: 1 },
    ]);
  });

  it('leaves out cards that were only refused, seen too seldom, or of another core', () => {
    const observation = observe([
      swipe({ cardKey: 'core:1', granted: false }),
      swipe({ cardKey: 'core:2' }),
      swipe({ cardKey: 'core:3' }),
      swipe({ cardKey: 'core:3' }),
      swipe({ cardKey: 'core2:4' }),
      swipe({ cardKey: 'core2:4' }),
      swipe({ cardKey: 'core:5', doorKey: 'other:d1' }),
    ]);
    const { grants, left } = proposeGrants(observation.uses(), { ...options, minAllowed: 2 });
    expect(grants.map(({ cardId, doorId }) => `${cardId}@${doorId}`)).toEqual(['3@d1']);
    expect(left).toEqual({ refusedOnly: 1, tooFew: 1, otherCore: 1 });
  });

  it('gives the same file for the same events in any order', () => {
    const event = fc.record({
      cardKey: fc.constantFrom('core:1', 'core:2', null),
      doorKey: fc.constantFrom('gate:d1', 'gate:d2'),
      granted: fc.constantFrom(true, false, null),
      day: fc.integer({ min: DAY - 1, max: DAY + 8 }),
    });
    fc.assert(
      fc.property(fc.array(event), fc.infiniteStream(fc.nat()), (events, random) => {
        const swipes = events.map(({ day, ...change }) => swipe({ ...at(day), ...change }));
        const shuffled = swipes
          .map((value) => ({ value, order: random.next().value as number }))
          .sort((a, b) => a.order - b.order)
          .map(({ value }) => value);
        const file = (list: DoorEvent[]): string =>
          proposalCsv(proposeGrants(observe(list).uses(), options).grants);
        expect(file(shuffled)).toBe(file(swipes));
      }),
    );
  });

  it('writes a door whose name holds a comma or a quote so that the file is read as it was', () => {
    const { grants } = proposeGrants(observe([swipe({ doorKey: 'gate:南门, "A"' })]).uses(), options);
    const [header, row] = proposalCsv(grants).split('\r\n');
    expect(header).toBe(
      '\uFEFFgrant_id,subject_type,subject,resource_type,resource,direction,valid_from,valid_until,state,schedule,' +
        'allowed,refused,first_seen,last_seen',
    );
    expect(row).toMatch(/^observed-[0-9a-f]{24},card,1,door,"南门, ""A""",both,,,active,,1,0,2019-04-01T/);
  });
});
