/**
 * Transactions of a card core → master.card-transaction.
 *
 * An offline transaction arrives late: its own time stands, with the time at which it was collected and the device's
 * running number beside it. One that was uploaded twice is one event; one that comes again with other content is a
 * fault of the upstream and goes to quarantine. A correction is an event of its own (`reverses`), never an edit.
 */
import type { TransactionRow } from '../connectors/card-core/money-rows.js';
import type { CardTransaction } from '../contracts/types.js';
import { addsUp } from './balance.js';
import { cardProfileSchema, filterOf, flag, scopeOf, type CardProfile } from './card-profile.js';
import { code, date, fen, instant, mapRow, optionalCode, optionalId, quality, reject } from './fields.js';
import { requiredInstant, version } from './fields.js';
import type { RecordKind } from './kind.js';
import type { MoneyUnit } from './money.js';
import type { MapContext, Mapped, Mark } from './outcome.js';
import { textOrNull } from './text.js';
import { businessDate, formatDate } from './time.js';
import {
  DATA_TYPE,
  TRANSACTION_CODE,
  TRANSACTION_STATUS,
  type TransactionCode,
} from './transaction-codes.js';

const LATE_MS_MIN = 10 * 60_000;
const CLOCK_AHEAD_MS_MAX = 5 * 60_000;
/** Stream name of every card-core connector; part of the event's id. */
const STREAM = 'transactions';
const UNKNOWN: TransactionCode = { kind: 'UNKNOWN', usage: null };

/** Maps a transaction; see the head of this file. */
export function mapTransaction(row: TransactionRow, context: MapContext): Mapped {
  return mapRow(() => {
    const profile = context.profile as CardProfile;
    const { source } = context;
    const marks = new Set<Mark>();
    const eventId = `${source}:${STREAM}:${naturalId(row)}`;
    const keyOf = (id: string | null): string | null => (id === null ? null : `${source}:${id}`);
    const cardKey = keyOf(optionalId(row.cardno, 'cardno'));
    const accountKey = keyOf(optionalId(row.account, 'account'));
    const key = cardKey ?? accountKey;
    if (key === null) reject('REQUIRED_MISSING', 'cardno', 'expected a card or an account, came neither');
    const filtered = filterOf(scopeOf(row.cardtype, profile));
    if (filtered !== undefined) return { kind: 'records', records: [], marks: [], filtered };
    const read = optionalCode(row.transcode, TRANSACTION_CODE, profile.transactionCodes, marks) ?? UNKNOWN;
    const money = moneyOf(row, read, profile.moneyUnit ?? 'fen', marks);
    const { occurredAt, collectedAt } = timesOf(row, profile, marks);
    const reversed = optionalId(row.revof, 'revof');
    const isReversal = flag(row.revflag, 'revflag') || reversed !== null;
    const dataQuality = quality(marks);
    const value: CardTransaction = {
      eventId,
      source,
      cardKey,
      accountKey,
      kind: isReversal ? 'REVERSAL' : read.kind,
      usage: read.usage,
      upstreamCode: textOrNull(row.transcode),
      ...money,
      deviceKey: keyOf(optionalId(row.termid, 'termid')),
      deviceSequence: optionalId(row.devseqno, 'devseqno') ?? optionalId(row.termseqno, 'termseqno'),
      merchant: textOrNull(row.mercname),
      offline: flag(row.offlineflag, 'offlineflag'),
      dataType: optionalCode(row.datatype, DATA_TYPE, undefined, marks),
      reverses: reversed === null ? null : `${source}:${STREAM}:${reversed}`,
      occurredAt,
      businessDate: businessDate(occurredAt),
      accountingDate: date(row.accdate, 'accdate'),
      collectedAt,
      dataQuality,
    };
    const record = { topic: 'master.card-transaction', key, version: 0, value, eventId, time: occurredAt };
    return { kind: 'records', records: [record], marks: dataQuality };
  });
}

/**
 * The device's own number and date name an offline transaction however often and on whatever day it is uploaded; where
 * a core does not pass them on, its booking names it (domain.md 1.4).
 */
function naturalId(row: TransactionRow): string {
  const device = optionalId(row.devphyid, 'devphyid');
  const sequence = optionalId(row.devseqno, 'devseqno');
  if (device !== null && sequence !== null) return `${day(row.transdate, 'transdate')}-${device}-${sequence}`;
  const terminal = optionalId(row.termid, 'termid');
  const booked = optionalId(row.termseqno, 'termseqno');
  if (terminal !== null && booked !== null) return `${day(row.accdate, 'accdate')}-${terminal}-${booked}`;
  return reject('REQUIRED_MISSING', 'devseqno', 'expected devphyid and devseqno, or termid and termseqno');
}

/** `20260901` */
function day(text: string | undefined, path: string): string {
  const days = date(text, path) ?? reject('REQUIRED_MISSING', path, 'expected a date, came nothing');
  return formatDate(days).replaceAll('-', '');
}

function moneyOf(row: TransactionRow, read: TransactionCode, unit: MoneyUnit, marks: Set<Mark>) {
  const amountFen = fen(row.amount, unit, 'amount');
  if (amountFen === null) reject('REQUIRED_MISSING', 'amount', 'expected an amount, came nothing');
  const balanceBeforeFen = fen(row.cardbefbal, unit, 'cardbefbal');
  const balanceAfterFen = fen(row.cardaftbal, unit, 'cardaftbal');
  const status =
    row.status === undefined || row.status === ''
      ? 'SUCCESS'
      : code(row.status, TRANSACTION_STATUS, undefined, 'status');
  // Some cores write what was spent with a minus; the kind tells the direction.
  const size = Math.abs(amountFen);
  const chip = balanceBeforeFen !== null && balanceAfterFen !== null;
  const kind = row.revflag === '1' ? 'REVERSAL' : read.kind;
  const sound = !chip || addsUp({ kind, amountFen: size, balanceBeforeFen, balanceAfterFen });
  if (status === 'SUCCESS' && (!sound || (balanceAfterFen ?? 0) < 0)) marks.add('BALANCE_UNCERTAIN');
  // The chip left the reader before the end: whether it was debited only its next use will show.
  if (status === 'INTERRUPTED' || status === 'ABORTED') marks.add('BALANCE_UNCERTAIN');
  return {
    status,
    amountFen: size,
    paidFrom: read.kind !== 'CONSUMPTION' ? null : chip ? 'CARD_WALLET' : bankOf(read),
    balanceBeforeFen,
    balanceAfterFen,
    counter: row.cardcnt === undefined || row.cardcnt === '' ? null : version(row.cardcnt, 'cardcnt'),
  };
}

/** Electricity is debited from the linked bank card only, never from the campus card. */
const bankOf = ({ usage }: TransactionCode): string | null =>
  usage === 'ELECTRICITY' ? 'BANK_ACCOUNT' : null;

function timesOf(row: TransactionRow, profile: CardProfile, marks: Set<Mark>) {
  const occurredAt = requiredInstant(`${row.transdate}${row.transtime}`, 'transtime');
  const collected = `${row.coldate ?? ''}${row.coltime ?? ''}`;
  const collectedAt = collected === '' ? null : instant(collected, 'coltime');
  if (collectedAt !== null) {
    const late = collectedAt - occurredAt;
    if (late > (profile.lateMsMin ?? LATE_MS_MIN)) marks.add('LATE_UPLOAD');
    if (-late > (profile.clockAheadMsMax ?? CLOCK_AHEAD_MS_MAX)) marks.add('CLOCK_SUSPECT');
  }
  return { occurredAt, collectedAt };
}

export const transactionKind: RecordKind = {
  map: (row, context) => mapTransaction(row as TransactionRow, context),
  profile: cardProfileSchema,
  state: {},
  rows: [],
  events: {
    'master.card-transaction': {
      says: [
        ...(['occurredAt', 'cardKey', 'accountKey', 'upstreamCode', 'status', 'amountFen'] as const),
        ...(['balanceBeforeFen', 'balanceAfterFen', 'counter', 'deviceKey'] as const),
      ],
    },
  },
};
