import { getEventListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AccessGrant, ControllerList } from '../../contracts/types.js';
import { readerProfiles } from '../../transforms/reader-profiles.js';
import type { ControllerConfig } from '../config/types.js';
import { decide } from '../decide/decide.js';
import { DEFAULT_POLICY_DOCUMENT } from '../decide/default-policy.js';
import { compilePolicy } from '../decide/policy.js';
import { searchable } from '../search/campus.js';
import { createHubView, type HubView } from '../views/view.js';
import { card, door, grant, NOW, person, position } from '../views/view.fixture.js';
import type { Statement } from './allow-list.js';
import { ControllerDesk, type ServedList } from './desk.js';
import { AllowLists, marking, Marks } from './lists.js';
import { HeldList } from './offline.js';

const HOUR = 3_600_000;
const never = new AbortController().signal;
const CONTROLLER: ControllerConfig = {
  id: 'east',
  doors: [
    { number: 1, key: 'gate:d1', action: 'enter' },
    { number: 2, key: 'gate:d2', action: 'enter' },
    { number: 3, key: 'gate:d3', action: 'exit' },
    { number: 4, key: 'gate:d4', action: 'exit' },
  ],
  readerProfile: '6h8d-le',
  validityMs: 24 * HOUR,
  entriesMax: 1_000,
  uhppote: undefined,
};

/** Hours at every door, a rule for the staff, calendar days. */
const POLICY = compilePolicy({
  ...DEFAULT_POLICY_DOCUMENT,
  version: 'lists-1',
  calendar: {
    ...{ from: '2026-09-01', until: '2027-02-28' },
    holidays: [{ from: '2026-11-24', until: '2026-11-24' }],
  },
  schedules: {
    open: [{ from: '05:30', until: '23:10' }],
    work: [{ kinds: ['WORKDAY'], from: '08:15', until: '17:45' }],
  },
  doors: {
    default: { ...DEFAULT_POLICY_DOCUMENT.doors.default, hours: 'open', grantDays: 'calendar' },
    classes: DEFAULT_POLICY_DOCUMENT.doors.classes,
  },
  rules: [
    {
      ...{ id: 'staff', effect: 'permit', action: ['enter'], schedule: 'work' },
      when: [{ attribute: 'subject.personClass', is: 'STAFF' }],
    },
  ],
});

interface World {
  readonly view: HubView;
  readonly lists: AllowLists;
  readonly desk: ControllerDesk;
  readonly written: Map<string, ControllerList>;
  readonly clock: { now: number };
  /** Works until there is nothing to do. */
  readonly settle: () => Promise<void>;
  readonly fetch: (since?: number) => Promise<ServedList>;
}

const signer = {
  jwks: { keys: [] },
  sign: async (statement: Statement) =>
    `e30.${Buffer.from(JSON.stringify(statement)).toString('base64url')}.e30`,
};

function world(written = new Map<string, ControllerList>(), from?: HubView): World {
  const clock = { now: NOW };
  const base =
    from ??
    createHubView({
      tenant: 'qau',
      profiles: readerProfiles().profiles,
      policy: POLICY,
      now: () => clock.now,
    });
  const marks = new Marks();
  const { view: indexed, candidates } = searchable(base);
  const view = marking(indexed, marks);
  const write = async (records: readonly ControllerList[]): Promise<void> => {
    for (const record of records) written.set(record.listKey, record);
  };
  const options = { controllers: [CONTROLLER], view, candidates, profiles: readerProfiles().profiles, write };
  const lists = new AllowLists(
    {
      ...options,
      pseudonym: (text) => `hmac-sha256:${Buffer.from(text).toString('hex').slice(-22)}`,
      now: () => clock.now,
      onProblem: (what, error) => {
        throw new Error(what, { cause: error });
      },
    },
    marks,
  );
  lists.load(written.values());
  lists.active = true;
  const desk = new ControllerDesk({ tenant: 'qau', lists, view, signer, now: () => clock.now, write });
  return {
    ...{ view, lists, desk, written, clock },
    async settle() {
      marks.urgent ||= marks.all;
      while (await lists.step(never));
    },
    async fetch(since) {
      const answer = await desk.list('east', { since });
      if (answer === 'not-ready' || answer.list === undefined) throw new Error('no list');
      return answer.list;
    },
  };
}

/** As who has verified the signature. */
function take(held: HeldList, list: ServedList): void {
  const payload = Buffer.from(list.statement.split('.')[1] ?? '', 'base64url').toString();
  held.take(list, JSON.parse(payload) as Statement);
}

const DOORS = ['gate:d1', 'gate:d2', 'gate:d3', 'gate:d4'];
const CLASSES: Record<string, string> = { 'gate:d4': 'TURNSTILE', 'gate:d2': 'LABORATORY' };

function furnish(view: HubView): void {
  for (const key of DOORS) {
    const doorClass = (CLASSES[key] ?? 'PERIMETER') as 'PERIMETER';
    view.apply('master.door', key, door({ doorKey: key, doorClass, groups: [] }));
  }
  view.apply('hub.positions', 'p', position());
  view.apply('hub.positions', 'p', position({ sourcePartition: 'qau/gate/grants/0' }));
  view.freshness.start();
}

const one = <T>(of: readonly T[]) => fc.constantFrom(...of);
const PEOPLE = ['core:p1', 'core:p2', 'core:p3'];
/** The first three bytes of some are the same: in the truncated form of the readers they are one number. */
const UIDS = ['5630F009', '5630F011', 'A1B2C3D4', 'A1B2C3E4', '01020304'];
const instant = fc.integer({ min: -30, max: 60 }).map((hours) => NOW + hours * HOUR + 1_234);
const anyGrant = fc
  .record({
    grantKey: one(['gate:g1', 'gate:g2', 'gate:g3', 'gate:g4']),
    subject: one([...PEOPLE, 'core:1', 'core:2', 'team', 'crew']),
    resource: one([...DOORS, 'team', 'crew']),
    direction: one(['ENTER', 'EXIT', 'BOTH'] as const),
    validFrom: fc.option(instant),
    validUntil: fc.option(instant),
    state: one(['ACTIVE', 'ACTIVE', 'REVOKED'] as const),
    schedule: one([
      [],
      [{ days: [1, 2, 3, 4, 5], from: '07:20', until: '19:40' }],
      [{ days: [1, 7], from: '22:00', until: '03:30' }],
    ]),
  })
  .map(({ subject, resource, ...rest }): Partial<AccessGrant> => {
    const subjectType = PEOPLE.includes(subject) ? 'PERSON' : subject.startsWith('core:') ? 'CARD' : 'GROUP';
    return {
      ...rest,
      subject,
      subjectType,
      resource,
      resourceType: DOORS.includes(resource) ? 'DOOR' : 'GROUP',
    };
  });
const anyCard = fc.record({
  n: fc.integer({ min: 1, max: 5 }),
  lost: fc.boolean(),
  state: one(['NORMAL', 'NORMAL', 'REPLACED', 'CLOSED'] as const),
  holder: one([...PEOPLE, null]),
  uid: one(UIDS),
  validUntil: one([null, 20_780, 20_781]),
});
const anyStep = fc.oneof(
  anyGrant.map((change) => (view: HubView) => {
    view.apply('master.access-grant', change.grantKey!, grant(change));
  }),
  anyCard.map(({ n, holder, uid, ...rest }) => (view: HubView) => {
    const of = holder === null ? null : { source: 'core', key: holder };
    const credentials = [{ scheme: 'UID' as const, value: uid }];
    view.apply('master.card', `core:${n}`, card({ cardKey: `core:${n}`, holder: of, credentials, ...rest }));
  }),
  fc
    .record({
      key: one(PEOPLE),
      groups: fc.subarray(['team', 'crew']),
      personClass: one(['STUDENT', 'STAFF']),
    })
    .map(({ key, ...rest }) => (view: HubView) => {
      view.apply('hub.person-source', key, person({ personKey: key, ...rest }));
    }),
);

/** Every number that a reader could send for these cards. */
const NUMBERS = UIDS.map((uid) => {
  const low = uid.slice(0, 6).match(/../g)!.reverse().join('');
  return String(parseInt(low, 16)).padStart(8, '0');
});

describe('the list of a controller', () => {
  it('lets in exactly whom a decision would let in, at every moment that it is good for, after any changes', async () => {
    const moments = fc.array(fc.integer({ min: 0, max: 24 * 3_600 - 1 }), { minLength: 20, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyStep, { maxLength: 30 }),
        fc.array(anyStep, { maxLength: 6 }),
        moments,
        async (steps, later, seconds) => {
          const { view, settle, fetch } = world();
          furnish(view);
          for (const step of steps) step(view);
          await settle();
          const controller = new HeldList();
          take(controller, await fetch());
          for (const step of later) {
            step(view);
            await settle();
          }
          take(controller, await fetch(controller.version));
          const policy = view.policy();
          for (const number of NUMBERS) {
            for (const { number: n, key, action } of CONTROLLER.doors) {
              for (const second of seconds) {
                const at = NOW + second * 1_000;
                const subject = { type: 'credential', id: number, readerProfile: '6h8d-le' } as const;
                const request = { subject, resource: key, action };
                const asked = decide(view, policy, request, at, { ignoreAntiPassback: true });
                expect([number, n, second, controller.allows(number, n, at)]).toEqual([
                  number,
                  n,
                  second,
                  asked.decision,
                ]);
              }
            }
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('denies every entry once it is too old, but for an exit that is free', async () => {
    const { view, settle, fetch } = world();
    furnish(view);
    view.apply(
      'master.access-grant',
      'gate:g1',
      grant({ subjectType: 'CARD', subject: 'core:1', resource: 'gate:d1' }),
    );
    view.apply('master.card', 'core:1', card());
    await settle();
    const controller = new HeldList();
    take(controller, await fetch());
    const [number = ''] = NUMBERS;
    expect(controller.allows(number, 1, NOW)).toBe(true);
    expect(controller.allows(number, 3, NOW)).toBe(true);
    expect(controller.allows(number, 1, NOW + 24 * HOUR)).toBe(false);
  });

  it('tells of a loss by a delta, and who has not confirmed it, also after a restart', async () => {
    const written = new Map<string, ControllerList>();
    const { view, desk, settle, fetch } = world(written);
    furnish(view);
    for (const [n, uid] of UIDS.entries()) {
      const credentials = [{ scheme: 'UID' as const, value: uid }];
      const key = `core:${n + 1}`;
      view.apply('master.card', key, card({ cardKey: key, credentials }));
    }
    view.apply('hub.person-source', 'core:20260001', person());
    view.apply('master.access-grant', 'gate:g1', grant());
    await settle();
    const controller = new HeldList();
    take(controller, await fetch());
    expect([...controller.entries.keys()]).toEqual(['00197121']); // four of five share two truncated numbers
    expect(await desk.confirm('east', controller.version)).toMatchObject({ unconfirmed: 0 });
    view.apply('master.card', 'core:5', card({ cardKey: 'core:5', lost: true }));
    await settle();
    expect(desk.revocations()).toMatchObject([
      {
        card: 'core:5',
        reason: 'DENY_LOST',
        unconfirmedBy: [{ controller: 'east', holds: controller.version }],
      },
    ]);
    expect(desk.reports()).toMatchObject([{ unconfirmed: 1, unconfirmedLosses: 1 }]);

    const again = world(written, view);
    await again.settle();
    expect(again.desk.revocations()).toMatchObject([{ card: 'core:5', reason: 'DENY_LOST' }]);

    const delta = await fetch(controller.version);
    expect(delta).toMatchObject({ since: controller.version, removed: ['00197121'], changed: [] });
    take(controller, delta);
    expect(controller.entries.size).toBe(0);
    expect(await desk.confirm('east', controller.version)).toMatchObject({ unconfirmed: 0 });
    expect(world(written, view).desk.revocations()).toEqual([]);
    expect(await desk.confirm('east', controller.version + 1)).toBeNull();
  });

  it('takes a lost card off before it looks at the new cards of an import', async () => {
    const { view, lists, settle, fetch } = world();
    furnish(view);
    view.apply('master.card', 'core:1', card());
    view.apply('master.access-grant', 'gate:g1', grant({ subjectType: 'CARD', subject: 'core:1' }));
    await settle();
    expect((await fetch()).entries).toHaveLength(1);
    for (let n = 0; n < 6_000; n++) view.apply('master.card', `core:other${n}`, card({ credentials: [] }));
    for (let n = 0; n < 100; n++) {
      const cardKey = `core:new${n}`;
      const value = (0x11_22_00_33 + 256 * n).toString(16).toUpperCase();
      view.apply('master.card', cardKey, card({ cardKey, credentials: [{ scheme: 'UID', value }] }));
      const right = grant({ grantKey: `gate:new${n}`, subjectType: 'CARD', subject: cardKey });
      view.apply('master.access-grant', right.grantKey, right);
    }
    view.apply('master.card', 'core:1', card({ lost: true }));
    await lists.step(never);
    expect((await fetch()).entries).toEqual([]);
    await settle();
    expect((await fetch()).entries).toHaveLength(100);
  });

  it('never writes a card number, and never serves more than the controller holds', async () => {
    const { view, written, settle, fetch } = world();
    furnish(view);
    view.apply('master.card', 'core:1', card());
    view.apply('master.access-grant', 'gate:g1', grant({ subjectType: 'CARD', subject: 'core:1' }));
    await settle();
    const { entries = [] } = await fetch();
    expect(entries).toHaveLength(1);
    const text = JSON.stringify([...written.values()]);
    expect(text).not.toContain(entries[0]!.split(' ')[0]);
    expect(text).not.toContain('5630F009');
  });
});

it('keeping the lists for long leaves nothing behind on the signal that ends it', async () => {
  const { view, lists } = world();
  furnish(view);
  const ending = new AbortController();
  const running = lists.run(ending.signal);
  await sleep(3_500); // looks for work once a second
  expect(getEventListeners(ending.signal, 'abort').length).toBeLessThanOrEqual(1);
  ending.abort();
  await running;
});
