/**
 * Top-ups of a card core → master.top-up, a record a step: accepted → waiting to be claimed → claimed. Money that was
 * paid in by phone or bank is on the card only once a *canteen* POS has claimed it; the cash machine writes to the
 * chip itself, so its money never waits.
 */
import type { TopUpRow } from '../connectors/card-core/money-rows.js';
import type { TopUp } from '../contracts/types.js';
import { bankRefusal } from './bank-words.js';
import { cardProfileSchema, filterOf, flag, scopeOf, type CardProfile } from './card-profile.js';
import * as codes from './codes.js';
import { code, fen, mapRow, optionalId, quality, reject, requiredId, requiredInstant } from './fields.js';
import type { RecordKind } from './kind.js';
import type { MapContext, Mapped, Mark } from './outcome.js';
import { textOrNull } from './text.js';
import { businessDate } from './time.js';
import { TOP_UP_CHANNEL, TOP_UP_STAGE } from './transaction-codes.js';

/** Stream name of every card-core connector; part of the event's id. */
const STREAM = 'top-ups';
/** Channels whose device writes to the chip. */
const AT_MACHINE: ReadonlySet<string> = new Set(['CASH_MACHINE', 'LOAD_MACHINE']);

/** Maps a step of a top-up; see the head of this file. */
export function mapTopUp(row: TopUpRow, context: MapContext): Mapped {
  return mapRow(() => {
    const profile = context.profile as CardProfile;
    const { source } = context;
    const marks = new Set<Mark>();
    const orderNumber = requiredId(row.orderno, 'orderno');
    const accountKey = `${source}:${requiredId(row.account, 'account')}`;
    const filtered = filterOf(scopeOf(row.cardtype, profile));
    if (filtered !== undefined) return { kind: 'records', records: [], marks: [], filtered };
    // A step that cannot be told would say that money waits when it does not.
    const stage = code(row.stage, TOP_UP_STAGE, undefined, 'stage');
    const amountFen = fen(row.amount, profile.moneyUnit ?? 'fen', 'amount');
    if (amountFen === null || amountFen < 0) reject('MONEY_INVALID', 'amount', 'expected an amount from 0');
    const channel = channelOf(row, profile);
    const device = optionalId(row.termid, 'termid');
    const card = optionalId(row.cardno, 'cardno');
    const elsewhere = stage === 'CLAIMED' && !AT_MACHINE.has(channel ?? '') && isNoCanteen(row);
    if (elsewhere) marks.add('CLAIM_NOT_AT_CANTEEN');
    const occurredAt = requiredInstant(row.time, 'time');
    const eventId = `${source}:${STREAM}:${orderNumber}-${stage}`;
    const dataQuality = quality(marks);
    const value: TopUp = {
      eventId,
      source,
      topUpKey: `${source}:${orderNumber}`,
      accountKey,
      cardKey: card === null ? null : `${source}:${card}`,
      stage,
      channel,
      amountFen,
      refusal: stage === 'REFUSED' ? bankRefusal(row.errcode, row.errmsg) : null,
      deviceKey: device === null ? null : `${source}:${device}`,
      occurredAt,
      businessDate: businessDate(occurredAt),
      dataQuality,
    };
    const record = { topic: 'master.top-up', key: accountKey, version: 0, value, eventId, time: occurredAt };
    return { kind: 'records', records: [record], marks: dataQuality };
  });
}

/** The source's own word where no table has it: new channels come without notice. */
function channelOf(row: TopUpRow, profile: CardProfile): string | null {
  const text = textOrNull(row.channel);
  return text === null ? null : (codes.lookUp(text, TOP_UP_CHANNEL, profile.topUpChannels) ?? text);
}

/** Absent: the core does not say where it was claimed. */
const isNoCanteen = ({ canteenflag }: TopUpRow): boolean =>
  canteenflag !== undefined && canteenflag !== '' && !flag(canteenflag, 'canteenflag');

export const topUpKind: RecordKind = {
  map: (row, context) => mapTopUp(row as TopUpRow, context),
  profile: cardProfileSchema,
  state: {},
  rows: [],
  events: { 'master.top-up': { says: ['occurredAt', 'topUpKey', 'stage', 'accountKey', 'amountFen'] } },
};
