import type { AccountState } from './accounts.js';
import { baseCardNumber, temporaryCardNumber } from './doors.js';
import type { Base, Cohort, Holder } from './people.js';
import { classCode, entryYear, merchantHolder, person, temporaryHolder } from './people.js';
import { hash32 } from './prng.js';
import { compact } from './time.js';
import { uidOf } from './uid.js';

/** What the core keeps of one card. Persisted as it is (msgpack) once a card differs from its base state. */
export interface Card {
  readonly no: string;
  readonly kind: '800' | '801' | '802';
  /** Index of the person (800), temporary holder (801) or merchant (802). */
  readonly holder: number;
  readonly serial: number;
  /** 1 normal, 2 deleted, 3 renewal unconfirmed, 4 awaiting renewal, 5 awaiting swap, 6 replaced. */
  readonly status: 1 | 2 | 3 | 4 | 5 | 6;
  /** Grows by one with each change. */
  readonly ver: number;
  readonly lost: boolean;
  readonly frozen: boolean;
  readonly bad: boolean;
  readonly locked: boolean;
  /** Epoch ms, 0 when not lost. */
  readonly lostAt: number;
  readonly indate: string;
  readonly expdate: string;
  readonly created: string;
  readonly replacedBy: string;
  readonly replaces: string;
  readonly frozenCause: '' | '1' | '2' | '3';
  /** The transaction that a freeze refers to, where no cause is given. */
  readonly frozenTrade?: FrozenTrade;
}

export interface FrozenTrade {
  readonly status: string;
  readonly transcode: string;
  readonly offlineflag: string;
}

/** A card as the gateway lists it: every value a string (domain.md 1.3a). */
export interface CardRow {
  readonly cardno: string;
  readonly account: string;
  readonly sno: string;
  readonly name: string;
  readonly sex: string;
  readonly cardtype: string;
  readonly cardname: string;
  readonly status: string;
  readonly cardver: string;
  readonly lostflag: string;
  readonly freezeflag: string;
  readonly barflag: string;
  readonly lockflag: string;
  readonly lossdate: string;
  readonly indate: string;
  readonly expdate: string;
  readonly createdate: string;
  readonly cardid: string;
  readonly certtype: string;
  readonly cert: string;
  readonly pidcode: string;
  readonly pidname: string;
  readonly deptcode: string;
  readonly deptname: string;
  readonly db_balance: string;
  readonly unsettle_amount: string;
  readonly card_balance: string;
  readonly replaced_by: string;
  readonly replaces: string;
  readonly frozen_cause: string;
  readonly frozen_trade?: FrozenTrade;
  readonly accinfo: readonly {
    readonly name: string;
    readonly type: string;
    readonly balance: string;
    readonly daycostamt: string;
    readonly daycostdate?: string;
    readonly nonpwdlimit: string;
  }[];
}

/** Serial numbers of the chip factory, by kind of card. */
export const SERIALS = { second: 20_000_000, temporary: 40_000_000, merchant: 50_000_000, extra: 60_000_000 };
export const EXTRA_FIRST = '5000000000';

export const merchantCardNumber = (index: number): string => `3${String(index).padStart(9, '0')}`;
/** Cards opened after the world was made. */
export const extraCardNumber = (index: number): string => `5${String(index).padStart(9, '0')}`;

export const temporaryCount = (people: number): number => Math.ceil(people / 50);
export const merchantCount = (people: number): number => Math.ceil(people / 100);

/** One person in 25 has a second card: half have a replaced one and its successor, half two that work. */
export const hasSecondCard = (personIndex: number): boolean => personIndex % 25 === 7;
export const secondCardsBefore = (personIndex: number): number => Math.floor((personIndex + 17) / 25);

export const uidOfCard = (base: Base, card: Card): string => uidOf(base.seed, card.serial);

const plain = {
  status: 1,
  ver: 1,
  lost: false,
  frozen: false,
  bad: false,
  locked: false,
  lostAt: 0,
  replacedBy: '',
  replaces: '',
  frozenCause: '',
} as const;

function validity(
  base: Base,
  cohorts: readonly Cohort[],
  index: number,
): { indate: string; expdate: string } {
  if (classCode(base, index) === '01') {
    const entry = entryYear(base, cohorts, index);
    return { indate: `${entry}0901`, expdate: `${entry + 4}0715` };
  }
  const since = base.epochYear - 1 - (hash32(base.seed, 70, index) % 10);
  return {
    indate: `${since}0301`,
    expdate: `${base.epochYear + 2 + (hash32(base.seed, 71, index) % 9)}1231`,
  };
}

/** Card of a person as it was when the world was made (or, for a later intake, when it was issued). */
export function basePersonCard(base: Base, cohorts: readonly Cohort[], index: number, slot: 0 | 1): Card {
  const { indate, expdate } = validity(base, cohorts, index);
  const swapped = hasSecondCard(index) && index % 50 === 7;
  const common = {
    ...plain,
    no: baseCardNumber(index, slot),
    kind: '800',
    holder: index,
    serial: slot === 0 ? index : SERIALS.second + index,
    indate,
    expdate,
    created: indate,
  } as const;
  if (swapped && slot === 0) return { ...common, status: 6, ver: 3, replacedBy: baseCardNumber(index, 1) };
  if (slot === 1) return { ...common, ...(swapped && { replaces: baseCardNumber(index, 0) }) };
  const fate = hash32(base.seed, 72, index) % 1000;
  if (fate < 10)
    return { ...common, lost: true, ver: 2, lostAt: Date.UTC(base.epochYear, 0, 1 + (fate % 28), 4, fate) };
  if (fate < 15) return { ...common, frozen: true, ver: 2, frozenCause: fate % 2 === 0 ? '1' : '3' };
  if (fate < 30) return { ...common, status: 4, expdate: `${base.epochYear - 1}0715`, ver: 2 };
  if (fate < 45) return { ...common, status: 2, ver: 2 };
  return { ...common, bad: fate === 45, locked: fate === 46 };
}

export function baseTemporaryCard(base: Base, index: number): Card {
  const dates = { indate: `${base.epochYear}0101`, expdate: `${base.epochYear + 1}1231` };
  const no = temporaryCardNumber(index);
  return {
    ...plain,
    ...dates,
    created: dates.indate,
    no,
    kind: '801',
    holder: index,
    serial: SERIALS.temporary + index,
  };
}

export function baseMerchantCard(base: Base, index: number): Card {
  const dates = { indate: `${base.epochYear - 1}0101`, expdate: `${base.epochYear + 9}1231` };
  const no = merchantCardNumber(index);
  return {
    ...plain,
    ...dates,
    created: dates.indate,
    no,
    kind: '802',
    holder: index,
    serial: SERIALS.merchant + index,
  };
}

export function holderOf(base: Base, cohorts: readonly Cohort[], card: Card): Holder {
  if (card.kind === '800') return person(base, cohorts, card.holder);
  return card.kind === '801' ? temporaryHolder(base, card.holder) : merchantHolder(card.holder);
}

const TYPE_NAMES = { '800': '正式卡', '801': '临时卡', '802': '商户卡' } as const;
const CARD_NAMES = { '01': '学生卡', '02': '教工卡', '03': '离退休卡', '09': '临时卡' } as const;
const flag = (value: boolean): string => (value ? '1' : '0');

export function cardRow(base: Base, cohorts: readonly Cohort[], card: Card, money: AccountState): CardRow {
  const holder = holderOf(base, cohorts, card);
  const balance = String(money.ledger);
  return {
    cardno: card.no,
    account: holder.account,
    sno: holder.sno,
    name: holder.name,
    sex: holder.sex,
    cardtype: `${card.kind}#${TYPE_NAMES[card.kind]}`,
    cardname: card.kind === '802' ? '商户卡' : CARD_NAMES[holder.pidcode],
    status: String(card.status),
    cardver: String(card.ver),
    lostflag: flag(card.lost),
    freezeflag: flag(card.frozen),
    barflag: flag(card.bad),
    lockflag: flag(card.locked),
    lossdate: card.lostAt === 0 ? '' : compact(card.lostAt),
    indate: card.indate,
    expdate: card.expdate,
    createdate: card.created,
    cardid: uidOfCard(base, card),
    certtype: holder.certtype,
    cert: holder.cert,
    pidcode: holder.pidcode,
    pidname: holder.pidname,
    deptcode: holder.deptcode,
    deptname: holder.deptname,
    db_balance: balance,
    unsettle_amount: String(money.pending),
    card_balance: String(money.seen),
    replaced_by: card.replacedBy,
    replaces: card.replaces,
    frozen_cause: card.frozenCause,
    ...(card.frozenTrade !== undefined && { frozen_trade: card.frozenTrade }),
    accinfo: [
      {
        ...{ name: '卡账户', type: '###', balance, daycostamt: String(money.spent) },
        ...(money.spentOn !== '' && { daycostdate: money.spentOn }),
        nonpwdlimit: '5000',
      },
    ],
  };
}
