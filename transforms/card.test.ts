import Ajv2020 from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cardRowSchema } from '../connectors/card-core/rows.js';
import type { CardRow } from '../connectors/card-core/rows.js';
import type { Account, Card, CardEvent, OutOfScopeCard, PersonSource } from '../contracts/types.js';
import { lossOf, mapCard } from './card.js';
import { contextOf, reasonOf, recordsOf, topicsOf, valueOf } from './mapping.test-support.js';

const ROW: CardRow = {
  cardno: '0000100123',
  account: '100123',
  sno: '020990001',
  name: '测试甲   ',
  sex: '1',
  cardtype: '800#正式卡',
  status: '1',
  cardver: '7',
  lostflag: '0',
  freezeflag: '0',
  barflag: '0',
  lockflag: '0',
  lossdate: '',
  indate: '20990901',
  expdate: '21030701',
  createdate: '20990901',
  cardid: '5630F009',
  certtype: '1',
  cert: '370214209901010012',
  pidcode: '01',
  deptcode: '0101',
  deptname: '农学院',
  db_balance: '1751',
  unsettle_amount: '5000',
  card_balance: '1751',
  accinfo: [{ name: '卡账户', type: '###', balance: '1751', daycostamt: '4200', nonpwdlimit: '5000' }],
};
const map = (over: Partial<CardRow> = {}, context = contextOf()) => mapCard({ ...ROW, ...over }, context);
const card = (over: Partial<CardRow> = {}, context = contextOf()) =>
  valueOf<Card>(map(over, context), 'master.card');
const person = (over: Partial<CardRow> = {}) => valueOf<PersonSource>(map(over), 'hub.person-source');
const account = (over: Partial<CardRow> = {}) => valueOf<Account>(map(over), 'master.account');

describe('a formal card', () => {
  it('gives its holder, itself and its account, each under its own key', () => {
    expect(recordsOf(map()).map((record) => `${record.topic} ${record.key} ${record.version}`)).toEqual([
      'hub.person-source core:020990001 0',
      'master.card core:0000100123 7',
      'master.account core:100123 0',
    ]);
    expect(card()).toMatchObject({
      holder: { source: 'core', key: 'core:020990001' },
      accountKey: 'core:100123',
      state: 'NORMAL',
      lost: false,
      lostAt: null,
      credentials: [{ scheme: 'UID', value: '5630F009' }],
      dataQuality: [],
    });
  });

  it('keeps leading zeros, drops padding, and puts its holder into groups', () => {
    expect(person()).toMatchObject({
      schoolNumber: '020990001',
      name: '测试甲',
      personClass: 'STUDENT',
      groups: ['unit:0101', 'class:STUDENT'],
    });
  });

  it('keeps the three amounts apart, in fen', () => {
    expect(account()).toMatchObject({
      cardWalletFen: 1751,
      ledgerFen: 1751,
      pendingClaimFen: 5000,
      daySpentFen: 4200,
      dayPasswordThresholdFen: 5000,
      dataQuality: [],
    });
    expect(account({ card_balance: '1752' }).dataQuality).toEqual(['BALANCE_UNCERTAIN']);
    expect(account({ db_balance: '-1', card_balance: '' }).dataQuality).toEqual(['BALANCE_UNCERTAIN']);
  });

  it('the id document leaves as a keyed pseudonym only, the name on hub.person-source only', () => {
    const mapped = map();
    expect(JSON.stringify(mapped)).not.toContain('370214209901010012');
    for (const record of recordsOf(mapped)) {
      expect(JSON.stringify(record.value).includes('测试甲')).toBe(record.topic === 'hub.person-source');
    }
    expect(person({ cert: '370214209901010013' }).dataQuality).toEqual(['ID_DOCUMENT_INVALID']);
    expect(person({ cert: ' 37021420990108007x' }).idDocumentPseudonym).toBe(
      person({ cert: '37021420990108007X' }).idDocumentPseudonym,
    );
  });

  it('a row without a school number names its holder by the account; without both it has none', () => {
    expect(person({ sno: '' }).personKey).toBe('core:acc-100123');
    expect(topicsOf(map({ sno: '', account: '' }))).toEqual(['master.card']);
    expect(card({ sno: '', account: '' })).toMatchObject({ holder: null, dataQuality: ['HOLDER_UNKNOWN'] });
  });

  it('a thin export of number, sex and access number fits', () => {
    const thin: CardRow = {
      cardno: '180001',
      sno: '180001',
      sex: '男',
      deptname: '18国际金融',
      credentials: [{ profile: 'wg26-3-5', value: '137899' }],
    };
    const mapped = mapCard(thin, contextOf());
    expect(topicsOf(mapped)).toEqual(['hub.person-source', 'master.card']);
    expect(valueOf<Card>(mapped, 'master.card').credentials).toEqual([
      { scheme: 'WG26_3_5', value: '00137899' },
    ]);
    expect(mapped).toMatchObject({ marks: [] });
    expect(
      mapCard({ ...thin, credentials: [{ scheme: 'WG26_3_5', value: '00137899' }] }, contextOf()),
    ).toEqual(mapped);
  });
});

describe('states', () => {
  it('loss and freezing are flags beside the state', () => {
    expect(card({ lostflag: '1', lossdate: '20991224180000' })).toMatchObject({
      state: 'NORMAL',
      lost: true,
      lostAt: Date.UTC(2099, 11, 24, 10),
    });
    expect(card({ freezeflag: '1', frozen_cause: '3' })).toMatchObject({
      frozen: true,
      frozenCause: 'POS_OFFLINE_NETWORK',
    });
    expect(card({ freezeflag: '1', frozen_cause: '8' })).toMatchObject({
      frozenCause: 'OTHER',
      dataQuality: ['CODE_UNMAPPED'],
    });
  });

  it('a loss is believed even when its time is nonsense', () => {
    expect(card({ lostflag: '1', lossdate: '20990231000000' })).toMatchObject({
      lost: true,
      lostAt: null,
      dataQuality: ['LOST_TIME_UNKNOWN'],
    });
  });

  it('an un-lost card has no loss time, whatever the old field says', () => {
    expect(card({ lostflag: '0', lossdate: '20991224180000' }).lostAt).toBeNull();
  });

  it('which flag means loss is the school’s', () => {
    const context = contextOf({ profile: { lossFlag: 'barflag' } });
    expect(card({ barflag: '1' }, context)).toMatchObject({ lost: true, damaged: false });
    expect(card({ barflag: '1' })).toMatchObject({ lost: false, damaged: true });
  });

  it('a replaced card names its successor and leaves the account to it', () => {
    const mapped = map({ status: '6', replaced_by: '0000100124' });
    expect(topicsOf(mapped)).toEqual(['hub.person-source', 'master.card']);
    expect(valueOf<Card>(mapped, 'master.card')).toMatchObject({
      state: 'REPLACED',
      replacedBy: 'core:0000100124',
    });
  });

  it('a deleted card is closed, its account too, its holder is not gone', () => {
    expect(card({ status: '2' }).state).toBe('CLOSED');
    expect(account({ status: '2' }).state).toBe('CLOSED');
    expect(person({ status: '2' }).state).toBe('ACTIVE');
  });
});

describe('out of scope', () => {
  it.each([
    ['801#临时卡', 'TEMPORARY', 'TEMPORARY_CARD'],
    ['802#商户卡', 'MERCHANT', 'MERCHANT_CARD'],
  ])('%s reaches no shared topic, not even from the feed', (cardtype, kind, filtered) => {
    const change = { type: '3', seq: '9', time: '2026-01-01 08:00:00.000' };
    const mapped = map({ cardtype, change });
    expect(mapped).toMatchObject({ kind: 'records', filtered });
    expect(topicsOf(mapped)).toEqual(['hub.out-of-scope-card']);
    expect(valueOf<OutOfScopeCard>(mapped, 'hub.out-of-scope-card')).toMatchObject({
      kind,
      credentials: [{ scheme: 'UID', value: '5630F009' }],
    });
    expect(JSON.stringify(recordsOf(mapped))).not.toMatch(/测试甲|020990001/u);
  });

  it('an unknown card type is a reject: nobody knows whether it may be shared', () => {
    expect(reasonOf(map({ cardtype: '809#新卡' }))).toBe('CODE_UNKNOWN cardtype');
    expect(
      topicsOf(map({ cardtype: '809#新卡' }, contextOf({ profile: { cardTypes: { '809': 'MERCHANT' } } }))),
    ).toEqual(['hub.out-of-scope-card']);
  });
});

describe('credentials', () => {
  it('a number that another card holds is published and marked', () => {
    const other = contextOf({ cardsByCredential: () => ({ kind: 'one', cardKey: 'core:other' }) });
    expect(card({}, other).dataQuality).toEqual(['AMBIGUOUS_CREDENTIAL']);
    const itself = contextOf({ cardsByCredential: () => ({ kind: 'one', cardKey: 'core:0000100123' }) });
    expect(card({}, itself).dataQuality).toEqual([]);
  });

  it('a random or empty UID is no credential', () => {
    for (const cardid of ['08A1B2C3', '8804A3B2', '00000000']) {
      expect(card({ cardid })).toMatchObject({ credentials: [], dataQuality: ['UNSTABLE_UID'] });
    }
  });

  it('a number of every length from 0 to 40 gives a card or a clear reject without the number', () => {
    for (let length = 0; length <= 40; length++) {
      const mapped = map({ cardid: '5'.repeat(length) });
      if ([0, 8, 14, 20].includes(length)) expect(mapped.kind).toBe('records');
      else {
        expect(reasonOf(mapped)).toBe('CARD_NUMBER_INVALID cardid');
        expect(JSON.stringify(mapped)).not.toContain('55');
      }
    }
  });

  it('no profile, no guess', () => {
    const context = contextOf({ profile: { uidProfile: 'gone' } });
    expect(map({}, context)).toMatchObject({ reason: 'READER_PROFILE_MISSING', path: 'cardid' });
    expect(JSON.stringify(map({}, context))).toContain('gone');
  });
});

describe('the change feed', () => {
  const change = {
    type: '5',
    seq: '41',
    time: '2026-01-01 08:00:00.123',
    channel: 'hall ',
    related: '0000100001',
  };

  it('adds the event, and gives the card the same bytes as the listing does', () => {
    const mapped = map({ change });
    const event = valueOf<CardEvent>(mapped, 'master.card-event');
    expect(event).toMatchObject({
      eventId: 'core:cards:41',
      kind: 'REPLACED_NEW',
      occurredAt: Date.UTC(2026, 0, 1, 0, 0, 0, 123),
      relatedCardKey: 'core:0000100001',
      channel: 'hall',
      version: 7,
    });
    for (const topic of ['master.card', 'hub.person-source', 'master.account']) {
      expect(valueOf(mapped, topic)).toEqual(valueOf(map(), topic));
    }
  });

  it.each([
    ['1', 'OPENED'],
    ['2', 'CLOSED'],
    ['3', 'LOST'],
    ['4', 'FROZEN'],
    ['5', 'REPLACED_NEW'],
    ['6', 'UN_LOST'],
    ['7', 'UNFROZEN'],
    ['8', 'REPLACED_OLD'],
    ['9', 'UNKNOWN'],
  ])('kind %s is %s', (type, kind) => {
    expect(valueOf<CardEvent>(map({ change: { ...change, type } }), 'master.card-event').kind).toBe(kind);
  });

  it('a change whose time cannot be read is refused whole', () => {
    expect(reasonOf(map({ change: { ...change, time: 'soon' } }))).toBe('TIME_INVALID change.time');
  });
});

describe('what cannot be mapped', () => {
  it.each([
    [{ cardno: ' ' }, 'REQUIRED_MISSING cardno'],
    [{ sno: '12 34' }, 'ID_INVALID sno'],
    [{ expdate: '20230230' }, 'DATE_INVALID expdate'],
    [{ db_balance: '17.51' }, 'MONEY_INVALID db_balance'],
    [{ lostflag: 'Y' }, 'CODE_UNKNOWN lostflag'],
    [{ status: '99' }, 'CODE_UNKNOWN status'],
    [{ cardver: '-1' }, 'ID_INVALID cardver'],
  ] as [Partial<CardRow>, string][])('%o is %s', (over, reason) => {
    expect(reasonOf(map(over))).toBe(reason);
  });

  it('a shifted column never shows a name or a document in the error', () => {
    const cert = '370214209901010012';
    for (const field of [
      'status',
      'cardtype',
      'expdate',
      'db_balance',
      'cardver',
      'lostflag',
      'cardid',
      'indate',
    ]) {
      for (const value of ['张三', '张小三', cert, '13800138000']) {
        const mapped = map({ [field]: value });
        if (mapped.kind === 'reject') expect(mapped.detail).not.toContain(value);
      }
    }
  });

  it('any row that passes the schema gives records of exactly the contracts’ shape, or a reject', () => {
    const validate = new Ajv2020.default({ strict: false }).compile(cardRowSchema);
    const texts = Object.keys(cardRowSchema['properties'] as object).filter(
      (name) => !['accinfo', 'credentials', 'change'].includes(name),
    );
    const word = fc.oneof(
      fc.constantFrom(
        '',
        '0',
        '1',
        '2',
        '9',
        '800',
        '20990101',
        '20990101000000',
        '5630F009',
        '1751',
        '张三\ufffd',
      ),
      fc.string({ maxLength: 20 }),
    );
    const row = fc.record(
      {
        cardno: fc.string({ minLength: 1, maxLength: 20 }),
        ...Object.fromEntries(texts.filter((name) => name !== 'cardno').map((name) => [name, word])),
        change: fc.record({ type: word, seq: word, time: word }),
      },
      { requiredKeys: ['cardno'] },
    );
    fc.assert(
      fc.property(row, (value) => {
        if (!validate(value)) return;
        const mapped = mapCard(value, contextOf());
        if (mapped.kind === 'records') recordsOf(mapped);
        else expect(mapped.detail).toBeTruthy();
      }),
      { numRuns: 500 },
    );
  });

  it('a loss is read from a row that is refused for any other field', () => {
    const bad = { cardno: '100123', cardver: '7', lostflag: '1', expdate: 'never', card_balance: '1.2.3' };
    expect(mapCard(bad as never, contextOf()).kind).toBe('reject');
    const loss = { cardId: '100123', version: 7, lostAt: null, marks: [] };
    expect(lossOf(bad, {})).toEqual(loss);
    expect(lossOf({ ...bad, lostflag: 1, cardver: 'x' }, {})).toEqual({ ...loss, version: 0 });
    expect(lossOf({ ...bad, lossdate: 'noon' }, {})?.marks).toEqual(['LOST_TIME_UNKNOWN']);
    expect(lossOf(bad, { lossFlag: 'barflag' })).toBeNull();
    for (const row of [null, 'x', { ...bad, lostflag: '0' }, { ...bad, lostflag: '?' }, { lostflag: '1' }])
      expect(lossOf(row, {})).toBeNull();
  });
});
