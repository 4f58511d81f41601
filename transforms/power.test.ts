import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PowerPurchaseRow, PowerRoomRow } from '../connectors/power/rows.js';
import { xrefId } from '../connectors/power/rows.js';
import type { PowerPurchase, PowerRoom, PowerVendor, RoomXref } from '../contracts/types.js';
import { parseScaled } from './decimal.js';
import { kinds } from './kinds.js';
import { contextOf, reasonOf, recordsOf, valueOf } from './mapping.test-support.js';
import type { RoomMatch } from './outcome.js';
import type { PowerProfile } from './power-profile.js';
import { mapPowerPurchase } from './power-purchase.js';
import { KNOWN_SENTENCES, sentenceReader, templateProblem } from './power-reading.js';
import { mapPowerRoom, mapPowerVendor } from './power-room.js';
import { mapRoomXref } from './room-xref.js';

const NOW = Date.UTC(2026, 8, 1, 2);
const ROOM: RoomMatch = { kind: 'one', roomId: 'CY-E1-203', campus: '城阳校区' };
const contextFor = (profile: PowerProfile = {}, match: RoomMatch = ROOM) =>
  contextOf({ source: 'east', asOf: NOW, profile: { ...profile }, roomOf: () => match });
const row = (over: Partial<PowerRoomRow>): PowerRoomRow => ({
  vendor: '0030000000002501',
  path: '城阳校区/1503900001//B203',
  room: 'B203',
  ...over,
});
const mapped = (over: Partial<PowerRoomRow>, profile: PowerProfile = {}) =>
  mapPowerRoom(row(over), contextFor(profile));
const room = (over: Partial<PowerRoomRow>, profile: PowerProfile = {}) =>
  valueOf<PowerRoom>(mapped(over, profile), 'master.power-room');

describe('decimal figures', () => {
  it('keep every digit or are refused', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e12, max: 1e12 }), fc.integer({ min: 0, max: 5 }), (value, shift) => {
        const digits = String(Math.abs(value)).padStart(shift + 1, '0');
        const text =
          (value < 0 ? '-' : '') +
          (shift === 0 ? digits : `${digits.slice(0, -shift)}.${digits.slice(-shift)}`);
        expect(parseScaled(text, shift)).toBe(value === 0 ? 0 : value);
      }),
    );
    for (const text of ['', '.5', '1.', '1e3', '1,000', '36.7801', '９', '1 ', '--1'])
      expect(parseScaled(text, 3), text).toBeUndefined();
    expect(parseScaled('36.78000', 3)).toBe(36_780);
  });
});

describe('the sentence of a group of buildings', () => {
  it.each([
    ['房间当前剩余电量36.78', { remainingEnergyWh: 36_780, subsidyEnergyWh: null, remainingFen: null }],
    ['房间剩余金额12.50元', { remainingEnergyWh: null, subsidyEnergyWh: null, remainingFen: 1_250 }],
    ['房间剩余金额-0.30元', { remainingFen: -30 }],
    ['剩余购电量10.50度，剩余补助电量5.00度', { remainingEnergyWh: 10_500, subsidyEnergyWh: 5_000 }],
    [' 剩余电量：３６.７８ 度。', { remainingEnergyWh: 36_780 }],
  ])('%s', (sentence, left) => {
    expect(room({ sentence })).toMatchObject({ ...left, vendorHealth: 'UP', dataQuality: [] });
  });

  it('that nobody has described is refused, however clear its number looks', () => {
    for (const sentence of [
      '剩余金额12.50',
      '水补贴8.00',
      '36.78',
      '房间当前剩余电量',
      '房间当前剩余电量36.78kWh',
    ])
      expect(reasonOf(mapped({ sentence })), sentence).toBe('READING_NOT_UNDERSTOOD sentence');
    expect(room({ sentence: '剩余金额12.50' }, { sentences: ['剩余金额{yuan}'] }).remainingFen).toBe(1_250);
  });

  it('shows no digits in the reject', () => {
    const result = mapped({ sentence: '账户100123余额未知' });
    expect(result.kind === 'reject' && result.detail).toMatch(/999999/);
    expect(JSON.stringify(result)).not.toMatch(/100123/);
  });

  it('that tells a trouble is a room without a reading', () => {
    expect(room({ sentence: '电表通讯故障，请稍后再试' })).toMatchObject({
      remainingEnergyWh: null,
      remainingFen: null,
      vendorHealth: 'DEGRADED',
      vendorMessage: '电表通讯故障,请稍后再试'.replace(',', '，'),
      dataQuality: ['METER_UNREADABLE'],
    });
  });

  it('whose number lost its decimals is refused where they are demanded', () => {
    expect(reasonOf(mapped({ sentence: '房间剩余金额1250元' }, { decimals: 2 }))).toBe(
      'READING_NOT_UNDERSTOOD sentence',
    );
    expect(reasonOf(mapped({ sentence: '房间当前剩余电量3678' }))).toBe('READING_NOT_UNDERSTOOD sydl');
  });

  it('is read back as it was written, whatever the number', () => {
    const cents = fc.integer({ min: -99_999, max: 99_999 });
    const shown = (value: number) => (value / 100).toFixed(2);
    fc.assert(
      fc.property(fc.constantFrom(...KNOWN_SENTENCES), cents, cents, (template, first, second) => {
        const numbers = [first, second];
        const text = template.replaceAll(/\{\w+\}/gu, () => shown(numbers.shift() ?? 0));
        const reading = sentenceReader(KNOWN_SENTENCES).read(text);
        expect(reading?.fen ?? null).toBe(template.includes('{yuan}') ? first || 0 : null);
        expect(reading?.energyWh ?? null).toBe(template.includes('{energyKwh}') ? first * 10 || 0 : null);
        expect(reading?.subsidyWh ?? null).toBe(template.includes('{subsidyKwh}') ? second * 10 || 0 : null);
      }),
    );
  });

  it('is a template only with numbers that have a unit', () => {
    expect(templateProblem('剩余{energyKwh}')).toBeUndefined();
    for (const text of ['剩余', '剩余{n}', '{yuan}{yuan}']) expect(templateProblem(text), text).toBeDefined();
  });
});

describe('the figures of the HTTP form', () => {
  const figures = { sydl: '36.78', syje: '20.12', price: '0.5469', readTime: '2026-09-01 09:00:00' };

  it('stand as the vendor says them, with their price and the time of the reading', () => {
    expect(room(figures)).toMatchObject({
      remainingEnergyWh: 36_780,
      remainingFen: 2_012,
      priceMilliFenPerKwh: 54_690,
      meterReadAt: NOW - 3_600_000,
    });
  });

  it('one is never made of the other', () => {
    expect(room({ ...figures, syje: '' })).toMatchObject({ remainingEnergyWh: 36_780, remainingFen: null });
    expect(room({ ...figures, sydl: '' })).toMatchObject({ remainingEnergyWh: null, remainingFen: 2_012 });
    expect(reasonOf(mapped({ price: '0.5' }))).toBe('READING_NOT_UNDERSTOOD sydl');
  });

  it('in a wrong unit are refused: energy, money and price contradict each other', () => {
    for (const over of [{ syje: '1999.00' }, { sydl: '1999' }, { price: '54.69' }])
      expect(reasonOf(mapped({ ...figures, ...over }))).toBe('UNIT_INCONSISTENT syje');
    expect(reasonOf(mapped({ ...figures, syje: '2012' }))).toBe('READING_NOT_UNDERSTOOD syje');
  });

  it('that nobody has read for long are marked', () => {
    expect(room({ ...figures, readTime: '2026-08-30 09:00:00' }).dataQuality).toEqual(['METER_STALE']);
  });

  it('beside a sentence of trouble are none', () => {
    expect(room({ failure: { code: '0', message: '电表离线' } })).toMatchObject({
      remainingEnergyWh: null,
      remainingFen: null,
      vendorMessage: '电表离线',
      dataQuality: ['METER_UNREADABLE'],
    });
  });
});

describe('the room of a vendor’s code', () => {
  it.each([
    [{ kind: 'none', otherDays: false }, 'ROOM_UNMAPPED path'],
    [{ kind: 'none', otherDays: true }, 'ROOM_UNMAPPED path'],
    [{ kind: 'many', roomIds: ['a', 'b'] }, 'ROOM_MAPPED_TWICE path'],
  ] as [RoomMatch, string][])('%o is never guessed', (match, reason) => {
    expect(reasonOf(mapPowerRoom(row({ sentence: '房间当前剩余电量1.00' }), contextFor({}, match)))).toBe(
      reason,
    );
    expect(reasonOf(mapPowerPurchase(purchase(), contextFor({}, match)))).toBe(reason);
  });

  it('is asked for in the code system of the instance, on the day of the data', () => {
    const asked: unknown[] = [];
    const roomOf = (...args: unknown[]) => {
      asked.push(args);
      return ROOM;
    };
    const context = contextOf({
      source: 'east',
      asOf: Date.UTC(2026, 7, 31, 16),
      profile: { roomSystem: 'cy' },
      roomOf,
    });
    mapPowerRoom(row({ sentence: '房间当前剩余电量1.00' }), context);
    expect(asked).toEqual([['cy', '城阳校区/1503900001//B203', Date.UTC(2026, 8, 1) / 86_400_000]]);
  });
});

const purchase = (over: Partial<PowerPurchaseRow> = {}): PowerPurchaseRow => ({
  vendor: 'pingdu',
  orderNo: 'P1',
  seq: '7',
  path: '2/1/21/1/21-1-03',
  account: '100123',
  amount: '50.00',
  amountUnit: 'yuan',
  paySource: 'BANK',
  bankRef: '20260901080003004711',
  status: 'PAID',
  time: '2026-09-01 08:00:03',
  order: {
    kind: 'BANK_DEBITED',
    state: 'BANK_DEBITED',
    at: NOW,
    debitedAt: NOW,
    dueAt: NOW + 600_000,
    overdue: false,
    contradicted: false,
  },
  ...over,
});
const event = (over: Partial<PowerPurchaseRow> = {}, profile: PowerProfile = {}) =>
  valueOf<PowerPurchase>(mapPowerPurchase(purchase(over), contextFor(profile)), 'master.power-purchase');

describe('a step of an order', () => {
  it('names the payer by the card’s account and the debit by its tail', () => {
    expect(event({}, { cardSource: 'core' })).toMatchObject({
      eventId: 'east:purchases:P1/7',
      orderKey: 'east:P1',
      payerAccountKey: 'core:100123',
      amountFen: 5_000,
      paySource: 'BANK_CARD',
      bankReferenceTail: '4711',
      upstreamCode: 'PAID',
      dataQuality: [],
    });
  });

  it('is in the unit of its protocol, or in the one that the profile knows better', () => {
    expect(event({ amount: '5000', amountUnit: 'fen' }).amountFen).toBe(5_000);
    expect(event({ amount: '50', amountUnit: 'fen' }, { amountUnit: 'yuan' }).amountFen).toBe(5_000);
    expect(reasonOf(mapPowerPurchase(purchase({ amount: '50.00', amountUnit: 'fen' }), contextFor()))).toBe(
      'MONEY_INVALID amount',
    );
  });

  it('paid from the card is marked, since electricity is debited from the bank card only', () => {
    expect(event({ paySource: 'CARD' }).dataQuality).toEqual(['PAY_SOURCE_NOT_ALLOWED']);
    expect(event({ paySource: 'CARD' }, { allowedPaySources: ['CARD_WALLET'] }).dataQuality).toEqual([]);
    expect(event({ paySource: 'ALIPAY' })).toMatchObject({
      paySource: 'ALIPAY',
      dataQuality: ['CODE_UNMAPPED'],
    });
  });

  it('that was refused for want of a bank card says so', () => {
    const { order } = purchase();
    const failed = { status: 'FAIL', order: { ...order!, kind: 'FAILED', state: 'FAILED', debitedAt: null } };
    expect(event({ ...failed, refusal: '未綁定銀行卡,不能進行充值' })).toMatchObject({
      kind: 'FAILED',
      refusal: 'NOT_BOUND',
    });
    expect(event({ ...failed, refusal: '未签约' }).refusal).toBe('NOT_SIGNED');
    expect(event({ ...failed, refusal: '余额不足' }).refusal).toBeNull();
    expect(event({ refusal: '未签约' }).refusal, 'it went on').toBeNull();
  });

  it('of an unknown status is refused', () => {
    const { order: _, ...unknown } = purchase({ status: 'WHAT' });
    expect(reasonOf(mapPowerPurchase(unknown, contextFor()))).toBe('CODE_UNKNOWN status');
  });

  it('that says that time is up has an id of its own and no code of the vendor', () => {
    const { seq: _, ...overdue } = purchase();
    const value = valueOf<PowerPurchase>(mapPowerPurchase(overdue, contextFor()), 'master.power-purchase');
    expect(value).toMatchObject({ eventId: 'east:purchases:P1/overdue', upstreamCode: null });
  });
});

describe('health of a vendor', () => {
  it.each([
    ['answered', 'UP', null],
    ['off', 'DOWN', 'VENDOR_OFF'],
    ['network', 'DOWN', 'NETWORK'],
    ['not-understood', 'DEGRADED', 'NOT_UNDERSTOOD'],
    ['refused', 'DEGRADED', 'REFUSED'],
  ] as const)('%s is %s', (outcome, health, reason) => {
    const result = mapPowerVendor({ vendor: 'v', name: '电控', outcome }, contextFor());
    expect(valueOf<PowerVendor>(result, 'master.power-vendor')).toMatchObject({ health, reason });
  });
});

describe('a line of the mapping table', () => {
  const line = { codeSystem: 'east', vendorRoom: 'a/1', roomId: 'CY-E1-101' };
  const context = contextOf({ source: 'rooms' });

  it('has its id as its key, so that its absence ends it', () => {
    fc.assert(
      fc.property(fc.constantFrom('', '2026-09-01', '2026/9/1', '20260901'), (validFrom) => {
        const xref = { ...line, ...(validFrom === '' ? {} : { validFrom }) };
        const value = valueOf<RoomXref>(mapRoomXref(xref, context), 'master.room-xref');
        expect(value.xrefKey).toBe(`rooms:${xrefId(xref)}`);
      }),
    );
  });

  it('does not end before it begins', () => {
    const turned = { ...line, validFrom: '2026-09-02', validUntil: '2026-09-01' };
    expect(reasonOf(mapRoomXref(turned, context))).toBe('DATE_INVALID validUntil');
    expect(reasonOf(mapRoomXref({ ...line, validFrom: 'soon' }, context))).toBe('DATE_INVALID validFrom');
  });
});

describe('any texts', () => {
  it('give records of the contract’s shape or a reject', () => {
    const text = fc.oneof(
      fc.string({ maxLength: 20 }),
      fc.constantFrom('36.78', '房间当前剩余电量1.00', '0', 'x/y'),
    );
    const any = fc.record(
      {
        vendor: text,
        path: text,
        room: text,
        sentence: text,
        sydl: text,
        syje: text,
        price: text,
        readTime: text,
      },
      { requiredKeys: ['vendor', 'path'] },
    );
    fc.assert(
      fc.property(any, (value) => {
        const result = kinds['power-room'].map(value, contextFor());
        if (result.kind === 'records') recordsOf(result);
      }),
    );
    const xref = fc.record({
      codeSystem: text,
      vendorRoom: text,
      roomId: text,
      validFrom: text,
      validUntil: text,
    });
    fc.assert(
      fc.property(xref, (value) => {
        const result = kinds['room-xref'].map(value, contextFor());
        if (result.kind === 'records') recordsOf(result);
      }),
    );
    const order = fc.record(
      {
        orderNo: text,
        path: text,
        account: text,
        amount: text,
        energy: text,
        paySource: text,
        bankRef: text,
      },
      { requiredKeys: ['orderNo', 'path', 'amount'] },
    );
    fc.assert(
      fc.property(order, (value) => {
        const result = kinds['power-purchase'].map({ ...purchase(), ...value }, contextFor());
        if (result.kind === 'records') recordsOf(result);
      }),
    );
  });
});
