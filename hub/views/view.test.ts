import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide } from '../decide/decide.js';
import type { DecisionRequest } from '../decide/model.js';
import { TextTable } from '../tables/text-table.js';
import { card, door, doorEvent, fixtureView, grant, NOW, outOfScopeCard, person } from './view.fixture.js';
import type { HubView } from './view.js';

const ask = (view: HubView, change: Partial<DecisionRequest> = {}, now = NOW) =>
  decide(
    view,
    view.policy(),
    { subject: { type: 'card', id: 'core:1' }, resource: 'gate:d1', action: 'enter', ...change },
    now,
  );
const credential = (id: string, readerProfile: string): DecisionRequest['subject'] => ({
  type: 'credential',
  id,
  readerProfile,
});

describe('the views', () => {
  it('find a card by whatever a known reader sends for it', () => {
    const view = fixtureView();
    for (const [profile, number] of [
      ['uid-hex', '5630F009'],
      ['uid-hex-reversed', '09f03056'],
      ['dec10-be', '1446047753'],
      ['dec10-le', '0166735958'],
      ['wg26-3-5-le', '24012374'],
      ['wg26-3-5-be', '08612528'],
    ] as const) {
      expect([profile, ask(view, { subject: credential(number, profile) }).reason]).toEqual([
        profile,
        'ALLOW',
      ]);
    }
    expect(ask(view, { subject: credential('5630F00A', 'uid-hex') }).reason).toBe('DENY_UNKNOWN_CARD');
  });

  it('deny a truncated number that two cards share, and only that', () => {
    const view = fixtureView();
    view.apply('master.card', 'core:2', card({ credentials: [{ scheme: 'UID', value: '5630F0FF' }] }));
    expect(ask(view, { subject: credential('08612528', 'wg26-3-5-be') }).reason).toBe('DENY_AMBIGUOUS');
    expect(ask(view, { subject: credential('5630F009', 'uid-hex') }).reason).toBe('ALLOW');
    view.apply('master.card', 'core:2', null);
    expect(ask(view, { subject: credential('08612528', 'wg26-3-5-be') }).reason).toBe('ALLOW');
  });

  it('let a loss take effect with its record, and an un-loss undo it', () => {
    const view = fixtureView();
    view.apply('master.card', 'core:1', card({ version: 2, lost: true }));
    expect(ask(view).reason).toBe('DENY_LOST');
    view.apply('master.card', 'core:1', card({ version: 3 }));
    expect(ask(view).reason).toBe('ALLOW');
  });

  it('forget a card with its tombstone, and its number with it', () => {
    const view = fixtureView();
    view.apply('master.card', 'core:1', null);
    expect(view.cards.size).toBe(0);
    expect(ask(view).reason).toBe('DENY_UNKNOWN_CARD');
    expect(view.cardsByCredential('UID', '5630F009')).toEqual([]);
    expect(view.cardsOfPerson('core:20260001')).toEqual([]);
  });

  it.each([true, false])(
    'keep a card that became temporary, whichever topic comes first (%s)',
    (tombstoneFirst) => {
      const view = fixtureView();
      const steps = [
        () => view.apply('master.card', 'core:1', null),
        () => view.apply('hub.out-of-scope-card', 'core:1', outOfScopeCard({ version: 2 })),
      ];
      for (const step of tombstoneFirst ? steps : steps.reverse()) step();
      expect(view.cards.size).toBe(1);
      expect(view.card('core:1')).toMatchObject({ scope: 'out-of-scope', version: 2 });
      expect(view.cardsByCredential('UID', '5630F009')).toHaveLength(1);
      expect(ask(view).reason).toBe('DENY_NO_RIGHT'); // it has no holder, so no group
    },
  );

  it.each([true, false])('keep a card that moved to the other topic, its end read first: %s', (endFirst) => {
    const view = fixtureView();
    const end = card({ state: 'CLOSED', stateReason: 'MOVED_TOPIC' });
    const steps = [
      () => view.apply('master.card', 'core:1', end),
      () => view.apply('hub.out-of-scope-card', 'core:1', outOfScopeCard()),
    ];
    for (const step of endFirst ? steps : steps.reverse()) step();
    expect(view.card('core:1')).toMatchObject({ scope: 'out-of-scope', state: 'NORMAL' });
    expect(view.cardsByCredential('UID', '5630F009')).toHaveLength(1);
  });

  it('give rights to a card, a person, a group, and to members of a group through a door group', () => {
    const rights = (change: Parameters<typeof grant>[0][]) => {
      const view = fixtureView();
      view.apply('master.access-grant', 'gate:g1', null);
      change.forEach((c, i) => view.apply('master.access-grant', `gate:x${i}`, grant(c)));
      return ask(view).reason;
    };
    expect(rights([])).toBe('DENY_NO_RIGHT');
    expect(rights([{ subjectType: 'CARD', subject: 'core:1' }])).toBe('ALLOW');
    expect(rights([{ subjectType: 'CARD', subject: 'core:20260001' }])).toBe('DENY_NO_RIGHT');
    expect(rights([{ subjectType: 'PERSON', subject: 'core:20260001' }])).toBe('ALLOW');
    expect(rights([{ subject: 'unit:0101' }])).toBe('ALLOW');
    expect(rights([{ resourceType: 'DOOR_GROUP', resource: 'gate:gates' }])).toBe('ALLOW');
    expect(rights([{ resourceType: 'DOOR_GROUP', resource: 'gate:d1' }])).toBe('DENY_NO_RIGHT');
    expect(rights([{ state: 'SUSPENDED' }])).toBe('DENY_NO_RIGHT');
    const member = { resourceType: 'GROUP', resource: 'gate:group:7' } as const;
    const byGroup = { subject: 'gate:group:7' };
    expect(rights([member, byGroup])).toBe('ALLOW');
    expect(rights([{ ...member, validUntil: NOW }, byGroup])).toBe('DENY_NO_RIGHT');
    expect(rights([{ ...member, resource: 'gate:group:8' }, byGroup])).toBe('DENY_NO_RIGHT');
    const nested = { ...member, subject: 'gate:group:6', resource: 'gate:group:7' };
    expect(rights([{ ...member, resource: 'gate:group:6' }, nested, byGroup])).toBe('ALLOW');
    const circle = { ...member, subject: 'gate:group:7', resource: 'gate:group:6' };
    expect(rights([{ ...member, resource: 'gate:group:6' }, nested, circle])).toBe('DENY_NO_RIGHT');
  });

  it('remember the last admitted passage by door and by building, from door events only', () => {
    const view = fixtureView();
    view.apply('master.door', 'gate:d2', door({ doorKey: 'gate:d2' }));
    const last = (area: string) => view.lastPassage('core:1', area, NOW)?.direction;
    view.apply('master.door-event', 'core:1', doorEvent({ granted: false }));
    view.apply('master.door-event', 'core:1', doorEvent({ occurredAt: NOW - 90_000_000 }));
    view.apply('master.door-event', 'core:1', doorEvent({ dataQuality: ['CLOCK_SUSPECT'] }));
    expect(last('building:B1')).toBeUndefined();
    view.apply('master.door-event', 'core:1', doorEvent());
    view.apply(
      'master.door-event',
      'core:1',
      doorEvent({ doorKey: 'gate:d2', direction: 'EXIT', occurredAt: NOW }),
    );
    view.apply('master.door-event', 'core:1', doorEvent({ occurredAt: NOW - 120_000 })); // uploaded late
    expect([last('building:B1'), last('door:gate:d1'), last('door:gate:d2')]).toEqual([
      'EXIT',
      'ENTER',
      'EXIT',
    ]);
  });

  it('switch the policy with its record, and only for their own tenant', () => {
    const view = fixtureView();
    const document = JSON.stringify({ ...view.policy().document, version: 'strict-2' });
    const policy = { policyVersion: 'strict-2', document, digest: '', issuedAt: NOW, note: null };
    view.apply('hub.policy', 'qau', { ...policy, tenant: 'other' });
    expect(ask(view).policyVersion).toBe('default-1');
    view.apply('hub.policy', 'qau', { ...policy, tenant: 'qau' });
    expect(ask(view).policyVersion).toBe('strict-2');
    expect(() => view.apply('hub.policy', 'qau', { ...policy, tenant: 'qau', document: '{' })).toThrow(
      /refused/,
    );
    expect(ask(view).policyVersion).toBe('strict-2');
  });

  it('hold the same whatever came before: any history ends as its last records', () => {
    const uid = fc.constantFrom('5630F009', '5630F0AA', 'A1B2C3D4');
    const step = fc.record({
      key: fc.constantFrom('core:1', 'core:2', 'core:3'),
      gone: fc.boolean(),
      uids: fc.uniqueArray(uid, { maxLength: 2 }),
      holder: fc.constantFrom('core:p1', 'core:p2', null),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const apply = (view: HubView, history: typeof steps) => {
          for (const { key, gone, uids, holder } of history) {
            const credentials = uids.map((value) => ({ scheme: 'UID', value }));
            const value = card({
              cardKey: key,
              credentials,
              holder: holder && { source: 'core', key: holder },
            });
            view.apply('master.card', key, gone ? null : value);
          }
          const keys = (cards: readonly { key: string }[]) => cards.map((c) => c.key).sort();
          return {
            size: view.cards.size,
            byUid: ['5630F009', '5630F0AA', 'A1B2C3D4'].map((u) => keys(view.cardsByCredential('UID', u))),
            byFirst: keys(view.cardsByCredential('UID24_FIRST', '5630F0')),
            byHolder: ['core:p1', 'core:p2'].map((p) => keys(view.cardsOfPerson(p))),
          };
        };
        const last = [...new Map(steps.map((s) => [s.key, s])).values()];
        expect(
          apply(fixtureView(), [{ key: 'core:1', gone: true, uids: [], holder: null }, ...steps]),
        ).toEqual(apply(fixtureView(), [{ key: 'core:1', gone: true, uids: [], holder: null }, ...last]));
      }),
    );
  });

  it('give a person with a card its facts', () => {
    const view = fixtureView();
    view.apply('hub.person-source', 'core:20260001', person({ state: 'LEFT' }));
    expect(ask(view).reason).toBe('DENY_HOLDER_LEFT');
  });
});

describe('a table of texts', () => {
  it('gives one id to one text, whatever the characters', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }))), (texts) => {
        const table = new TextTable();
        const usable = texts.filter((text) => !/\p{Surrogate}/u.test(text));
        const ids = usable.map((text) => table.intern(text));
        expect(ids.map((id) => table.text(id))).toEqual(usable);
        expect(usable.map((text) => table.find(text))).toEqual(ids);
        expect(table.size).toBe(new Set(usable).size);
      }),
    );
  });

  it('grows past its first sizes', () => {
    const table = new TextTable();
    for (let i = 0; i < 20_000; i++) expect(table.intern(`core:${i}`)).toBe(i);
    expect([table.find('core:19999'), table.find('core:20000'), table.text(12_345)]).toEqual([
      19_999,
      -1,
      'core:12345',
    ]);
  });
});
