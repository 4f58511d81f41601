import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide } from './decide.js';
import { DEFAULT_POLICY, DEFAULT_POLICY_DOCUMENT } from './default-policy.js';
import type {
  CardFacts,
  DecisionRequest,
  DecisionView,
  DoorFacts,
  Passage,
  PersonFacts,
  Right,
} from './model.js';
import { compilePolicy } from './policy.js';
import type { DoorRules } from './policy.js';
import { compileSchedule, endOfShanghaiDay, shanghaiDay } from './schedule.js';

const NOW = Date.parse('2026-11-23T10:00:00+08:00'); // a Monday
const TODAY = shanghaiDay(NOW);

interface World {
  cards: CardFacts[];
  persons: PersonFacts[];
  doors: DoorFacts[];
  rights: Right[];
  passage?: Passage | undefined;
  asOf?: number | undefined;
  credentials: Record<string, string[]>;
}

function card(change: Partial<CardFacts> = {}): CardFacts {
  return {
    key: 'core:1',
    source: 'core',
    version: 3,
    scope: 'master',
    state: 'NORMAL',
    lost: false,
    frozen: false,
    damaged: false,
    locked: false,
    validUntil: TODAY + 30,
    holder: 'core:p1',
    ...change,
  };
}

function door(doorClass: string, change: Partial<DoorFacts> = {}): DoorFacts {
  const base = { key: 'gate:d1', source: 'gate', version: 1, groups: [], building: 'B1' };
  return { ...base, doorClass, auditRequired: false, state: 'ACTIVE', readerProfile: 'uid', ...change };
}

const BOTH: Right = { key: 'gate:g1', source: 'gate', version: 1, direction: 'BOTH', schedule: [] };
const PERSON: PersonFacts = { key: 'core:p1', source: 'core', version: 1, state: 'ACTIVE' };

function world(change: Partial<World> = {}): World {
  return {
    cards: [card()],
    persons: [PERSON],
    doors: [door('OFFICE')],
    rights: [BOTH],
    asOf: NOW - 1_000,
    credentials: { A1B2C3D4: ['core:1'] },
    ...change,
  };
}

function viewOf(w: World): DecisionView {
  const one = (key: string) => w.cards.find((c) => c.key === key);
  return {
    readCredential: (profile, text) =>
      profile !== 'uid'
        ? { ok: false, reason: 'DENY_READER_PROFILE' }
        : text.length === 8
          ? { ok: true, scheme: 'UID', value: text }
          : { ok: false, reason: 'DENY_CARD_NUMBER_INVALID' },
    card: one,
    cardsByCredential: (_scheme, value) =>
      (Object.hasOwn(w.credentials, value) ? (w.credentials[value] ?? []) : []).flatMap(
        (key) => one(key) ?? [],
      ),
    person: (key) => w.persons.find((p) => p.key === key),
    cardsOfPerson: (key) => w.cards.filter((c) => c.holder === key),
    door: (key) => w.doors.find((d) => d.key === key),
    rights: () => w.rights,
    lastPassage: () => w.passage,
    asOf: () => w.asOf,
  };
}

const request = (action = 'enter', subject: DecisionRequest['subject'] = { type: 'card', id: 'core:1' }) => ({
  subject,
  resource: 'gate:d1',
  action,
});
const at = (w: World, action = 'enter', policy = DEFAULT_POLICY, now = NOW) =>
  decide(viewOf(w), policy, request(action), now);

function policyWith(rules: Partial<DoorRules>) {
  const { doors } = DEFAULT_POLICY_DOCUMENT;
  return compilePolicy({
    ...DEFAULT_POLICY_DOCUMENT,
    version: 'test-1',
    doors: { default: { ...doors.default, ...rules }, classes: {} },
  });
}

describe('a card at a door', () => {
  it('enters with a right, and the answer names the facts it stands on', () => {
    const decision = at(world());
    expect(decision).toMatchObject({ decision: true, reason: 'ALLOW', dataAgeMs: 1_000, ttlMs: 1_000 });
    expect(decision.facts.map((f) => f.kind)).toEqual(['door', 'card', 'person', 'grant']);
  });

  it.each([
    ['lost', { lost: true }, 'DENY_LOST'],
    ['lost and frozen', { lost: true, frozen: true }, 'DENY_LOST'],
    ['closed', { state: 'CLOSED' }, 'DENY_CLOSED'],
    ['removed', { state: 'REMOVED' }, 'DENY_CLOSED'],
    ['replaced', { state: 'REPLACED' }, 'DENY_REPLACED'],
    ['not issued', { state: 'NOT_ISSUED' }, 'DENY_NOT_ISSUED'],
    ['expired by state', { state: 'EXPIRED' }, 'DENY_EXPIRED'],
    ['expired yesterday', { validUntil: TODAY - 1 }, 'DENY_EXPIRED'],
    ['valid from tomorrow', { validFrom: TODAY + 1 }, 'DENY_NOT_YET_VALID'],
    ['damaged', { damaged: true }, 'DENY_DAMAGED'],
    ['locked', { locked: true }, 'DENY_LOCKED'],
    ['of unknown state', { state: 'UNKNOWN' }, 'DENY_UNSUPPORTED'],
  ] as const)('that is %s is refused', (_name, change, reason) => {
    expect(at(world({ cards: [card(change)] }))).toMatchObject({ decision: false, reason });
  });

  it('is valid to the end of its last day in Shanghai, and not a millisecond longer', () => {
    const w = world({ cards: [card({ validUntil: TODAY })] });
    const end = endOfShanghaiDay(TODAY);
    expect(new Date(end).toISOString()).toBe('2026-11-23T16:00:00.000Z');
    expect(at({ ...w, asOf: end - 1 }, 'enter', DEFAULT_POLICY, end - 1)).toMatchObject({
      decision: true,
      ttlMs: 1,
    });
    expect(at({ ...w, asOf: end }, 'enter', DEFAULT_POLICY, end).reason).toBe('DENY_EXPIRED');
  });

  it('that is frozen enters with a warning, or is refused where the policy says so', () => {
    const w = world({ cards: [card({ frozen: true })] });
    expect(at(w)).toMatchObject({ decision: true, reason: 'ALLOW_WARN_FROZEN', warning: 'DENY_FROZEN' });
    const strict = compilePolicy({
      ...DEFAULT_POLICY_DOCUMENT,
      purposes: { door: { FROZEN: 'deny' } },
    });
    expect(at(w, 'enter', strict).reason).toBe('DENY_FROZEN');
  });

  it('of a temporary user is decided by grant alone', () => {
    const w = world({ cards: [card({ scope: 'out-of-scope' })] });
    expect(at(w).reason).toBe('ALLOW');
    expect(at({ ...w, rights: [] }).reason).toBe('DENY_NO_RIGHT');
  });

  it('whose holder has left is refused', () => {
    expect(at(world({ persons: [{ ...PERSON, state: 'LEFT' }] })).reason).toBe('DENY_HOLDER_LEFT');
  });

  it.each([
    ['no right', [], 'DENY_NO_RIGHT'],
    ['a right to leave only', [{ ...BOTH, direction: 'EXIT' }], 'DENY_DIRECTION'],
    ['a right from tomorrow', [{ ...BOTH, validFrom: NOW + 1 }], 'DENY_NOT_YET_VALID'],
    ['a right that ends now (half-open)', [{ ...BOTH, validUntil: NOW }], 'DENY_NO_RIGHT'],
    [
      'a right on Tuesdays',
      [{ ...BOTH, schedule: compileSchedule([{ days: [2], from: '00:00', until: '24:00' }]) }],
      'DENY_TIME',
    ],
    ['a right of unknown direction', [{ ...BOTH, direction: 'UNKNOWN' }], 'DENY_DIRECTION'],
  ] as const)('with %s is refused', (_name, rights, reason) => {
    expect(at(world({ rights: rights as unknown as Right[] })).reason).toBe(reason);
  });
});

describe('a credential', () => {
  const credential = (id: string, readerProfile?: string): DecisionRequest['subject'] =>
    readerProfile === undefined ? { type: 'credential', id } : { type: 'credential', id, readerProfile };
  const ask = (w: World, subject: DecisionRequest['subject'], action = 'enter') =>
    decide(viewOf(w), DEFAULT_POLICY, request(action, subject), NOW).reason;

  it('is read with the profile that was sent, else with the one of the door, else not at all', () => {
    expect(ask(world(), credential('A1B2C3D4', 'uid'))).toBe('ALLOW');
    expect(ask(world(), credential('A1B2C3D4'))).toBe('ALLOW');
    expect(ask(world(), credential('A1B2C3D4', 'nobody knows'))).toBe('DENY_READER_PROFILE');
    const { readerProfile: _profile, ...bare } = door('OFFICE');
    expect(ask(world({ doors: [bare] }), credential('A1B2C3D4'))).toBe('DENY_READER_PROFILE');
    expect(ask(world(), credential('123'))).toBe('DENY_CARD_NUMBER_INVALID');
    expect(ask(world(), credential('FFFFFFFF'))).toBe('DENY_UNKNOWN_CARD');
  });

  it('that two cards share is refused, though one of them alone would enter', () => {
    const w = world({
      cards: [card(), card({ key: 'core:2', state: 'CLOSED' })],
      credentials: { A1B2C3D4: ['core:1', 'core:2'] },
    });
    expect(ask(w, credential('A1B2C3D4'))).toBe('DENY_AMBIGUOUS');
    expect(ask(w, { type: 'card', id: 'core:1' })).toBe('ALLOW');
  });
});

describe('a person', () => {
  const ask = (w: World, id = 'core:p1') =>
    decide(viewOf(w), DEFAULT_POLICY, request('enter', { type: 'person', id }), NOW);
  it('enters by any card that is good, and not by lost ones', () => {
    const lost = card({ key: 'core:2', lost: true });
    expect(ask(world({ cards: [lost, card()] }))).toMatchObject({ decision: true, cardKey: 'core:1' });
    expect(ask(world({ cards: [lost] })).reason).toBe('DENY_LOST');
    expect(ask(world({ cards: [] })).reason).toBe('DENY_NOT_ISSUED');
    expect(ask(world(), 'core:nobody').reason).toBe('DENY_UNKNOWN_PERSON');
  });
});

describe('old data', () => {
  const stale = { asOf: NOW - 16 * 60_000 };
  it.each(['PERIMETER', 'DORMITORY'])('means last-known rights with a warning at a %s', (doorClass) => {
    expect(at(world({ ...stale, doors: [door(doorClass)] }))).toMatchObject({
      decision: true,
      reason: 'ALLOW_WARN_STALE',
      warning: 'DENY_STALE_DATA',
    });
  });
  it('means deny at a laboratory, and so does data that never came', () => {
    expect(at(world({ ...stale, doors: [door('LABORATORY')] })).reason).toBe('DENY_STALE_DATA');
    expect(at(world({ asOf: undefined, doors: [door('LABORATORY')] })).reason).toBe('DENY_STALE_DATA');
    expect(at(world({ doors: [door('LABORATORY')] })).reason).toBe('ALLOW');
  });
  it('keeps nobody in', () => {
    expect(at(world({ ...stale, doors: [door('LABORATORY')] }), 'exit')).toMatchObject({
      decision: true,
      reason: 'ALLOW_EXIT_SAFETY',
      warning: 'DENY_STALE_DATA',
    });
  });
});

describe('anti-passback', () => {
  const passage = { direction: 'ENTER', occurredAt: NOW - 3_600_000 } as const;
  it('refuses a second entry within the window where the policy is hard, warns where it is soft', () => {
    expect(at(world({ passage })).reason).toBe('ALLOW');
    expect(at(world({ passage }), 'enter', policyWith({ antiPassback: 'hard' })).reason).toBe(
      'DENY_ANTIPASSBACK',
    );
    expect(at(world({ passage }), 'enter', policyWith({ antiPassback: 'soft' }))).toMatchObject({
      decision: true,
      warning: 'DENY_ANTIPASSBACK',
    });
    const old = { ...passage, occurredAt: NOW - 13 * 3_600_000 };
    expect(at(world({ passage: old }), 'enter', policyWith({ antiPassback: 'hard' })).reason).toBe('ALLOW');
  });
});

describe('a turnstile', () => {
  it('refuses an exit without a right, as it refuses an entry', () => {
    const doors = [door('TURNSTILE')];
    expect(at(world({ doors, rights: [] }), 'exit').reason).toBe('DENY_NO_RIGHT');
    expect(at(world({ doors, cards: [] }), 'exit').reason).toBe('DENY_UNKNOWN_CARD');
    expect(at(world({ doors: [door('OFFICE')], rights: [] }), 'exit').reason).toBe('ALLOW_EXIT_SAFETY');
  });
});

const anyCard = fc.record({
  state: fc.constantFrom('NORMAL', 'NOT_ISSUED', 'EXPIRED', 'REPLACED', 'CLOSED', 'REMOVED', 'UNKNOWN'),
  scope: fc.constantFrom('master', 'out-of-scope'),
  lost: fc.boolean(),
  frozen: fc.boolean(),
  damaged: fc.boolean(),
  locked: fc.boolean(),
  validUntil: fc.option(fc.integer({ min: TODAY - 2, max: TODAY + 2 }), { nil: undefined }),
}) as fc.Arbitrary<Partial<CardFacts>>;
const anyRight = fc.record({
  key: fc.constant('gate:g'),
  source: fc.constant('gate'),
  version: fc.nat(),
  direction: fc.constantFrom('ENTER', 'EXIT', 'BOTH', 'UNKNOWN'),
  validFrom: fc.option(fc.integer({ min: NOW - 5, max: NOW + 5 }), { nil: undefined }),
  validUntil: fc.option(fc.integer({ min: NOW - 5, max: NOW + 5 }), { nil: undefined }),
  schedule: fc.array(
    fc.record({
      days: fc.nat(255),
      from: fc.nat(1_439),
      until: fc.integer({ min: 1, max: 2_800 }),
    }),
    { maxLength: 2 },
  ),
}) as fc.Arbitrary<Right>;
const anyWorld = fc
  .record({
    card: anyCard,
    doorClass: fc.constantFrom('PERIMETER', 'DORMITORY', 'LABORATORY', 'OFFICE', 'UNKNOWN'),
    rights: fc.array(anyRight, { maxLength: 3 }),
    age: fc.option(fc.nat(3_600_000), { nil: undefined }),
    passage: fc.option(
      fc.record({
        direction: fc.constantFrom('ENTER', 'EXIT'),
        occurredAt: fc.integer({ min: NOW - 1e8, max: NOW }),
      }),
      { nil: undefined },
    ),
    left: fc.boolean(),
  })
  .map(({ card: change, doorClass, rights, age, passage, left }) =>
    world({
      cards: [card(change)],
      persons: [{ ...PERSON, state: left ? 'LEFT' : 'ACTIVE' }],
      doors: [door(doorClass)],
      rights,
      passage: passage as Passage | undefined,
      asOf: age === undefined ? undefined : NOW - age,
    }),
  );
const anyRules = fc.record({
  exit: fc.constantFrom('free', 'as-entry'),
  whenStale: fc.constantFrom('warn', 'deny'),
  antiPassback: fc.constantFrom('off', 'soft', 'hard'),
}) as fc.Arbitrary<Partial<DoorRules>>;
const anyAction = fc.constantFrom('enter', 'exit');

describe('whatever else is true', () => {
  it('a lost card never enters', () => {
    fc.assert(
      fc.property(anyWorld, anyRules, (w, rules) => {
        const lost = { ...w, cards: w.cards.map((c) => ({ ...c, lost: true })) };
        expect(at(lost, 'enter', policyWith(rules))).toMatchObject({ decision: false, reason: 'DENY_LOST' });
      }),
    );
  });

  it('an exit is never denied for old data, an unknown card or anti-passback where exits are free', () => {
    fc.assert(
      fc.property(anyWorld, anyRules, fc.boolean(), (w, rules, unknown) => {
        const policy = policyWith({ ...rules, exit: 'free' });
        expect(at(unknown ? { ...w, cards: [] } : w, 'exit', policy).decision).toBe(true);
      }),
    );
  });

  it('old data or anti-passback alone deny no exit at any door', () => {
    fc.assert(
      fc.property(anyWorld, anyRules, (w, rules) => {
        const fresh = at({ ...w, asOf: NOW, passage: undefined }, 'exit', policyWith(rules));
        expect(at(w, 'exit', policyWith(rules)).decision).toBe(fresh.decision);
      }),
    );
  });

  it('one more grant never turns an allow into a deny', () => {
    fc.assert(
      fc.property(anyWorld, anyRules, anyRight, anyAction, fc.boolean(), (w, rules, more, action, first) => {
        const policy = policyWith(rules);
        const rights = first ? [more, ...w.rights] : [...w.rights, more];
        if (at(w, action, policy).decision) expect(at({ ...w, rights }, action, policy).decision).toBe(true);
      }),
    );
  });

  it('fresher data never turns an allow into a deny', () => {
    fc.assert(
      fc.property(anyWorld, anyRules, anyAction, (w, rules, action) => {
        const policy = policyWith(rules);
        if (at(w, action, policy).decision)
          expect(at({ ...w, asOf: NOW }, action, policy).decision).toBe(true);
      }),
    );
  });

  it('an allow holds for as long as it says it may be cached', () => {
    fc.assert(
      fc.property(anyWorld, anyRules, anyAction, (w, rules, action) => {
        const policy = policyWith(rules);
        const decision = at(w, action, policy);
        if (!decision.decision || decision.ttlMs === null || decision.ttlMs === 0) return;
        expect(at(w, action, policy, NOW + decision.ttlMs - 1).decision).toBe(true);
      }),
    );
  });

  it('no request makes it throw, and what it does not know it denies', () => {
    const anyText = fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', ''));
    fc.assert(
      fc.property(anyText, anyText, anyText, anyText, (type, id, resource, action) => {
        const odd = { subject: { type, id }, resource, action } as unknown as DecisionRequest;
        expect(decide(viewOf(world()), DEFAULT_POLICY, odd, NOW).decision).toBe(false);
      }),
    );
  });
});
