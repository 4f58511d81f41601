/** Steps of orders for electricity → master.power-purchase. Where an order stands, `connectors/power/orders.ts` says. */
import type { PowerPurchaseRow } from '../connectors/power/rows.js';
import type { PowerPurchase, PowerPurchaseKind } from '../contracts/types.js';
import { bankRefusal } from './bank-words.js';
import { lookUp, type CodeTable } from './codes.js';
import { parseScaled } from './decimal.js';
import { fen, mapRow, optionalId, quality, reject, requiredId, shown } from './fields.js';
import type { RecordKind } from './kind.js';
import type { MapContext, Mapped, Mark } from './outcome.js';
import { mappedRoom, powerProfileSchema, type PowerProfile } from './power-profile.js';
import { foldWidth } from './text.js';
import { businessDate } from './time.js';

/** Stream name of every connector with orders; part of the event's id. */
const STREAM = 'purchases';
/** Codes of both protocols. */
const PAY_SOURCE: CodeTable<string> = {
  '1': 'BANK_CARD',
  '2': 'CARD_WALLET',
  BANK: 'BANK_CARD',
  CARD: 'CARD_WALLET',
};

/** Maps a step of an order; see the head of this file. */
export function mapPowerPurchase(row: PowerPurchaseRow, context: MapContext): Mapped {
  return mapRow(() => {
    const profile = context.profile as PowerProfile;
    const { source } = context;
    const marks = new Set<Mark>();
    const orderNo = requiredId(row.orderNo, 'orderNo');
    const order =
      row.order ??
      reject(
        'CODE_UNKNOWN',
        'status',
        `expected a known status and a time that can be read; came ${shown(row.status)}`,
      );
    const vendorRoom = requiredId(row.path, 'path');
    const room = mappedRoom(vendorRoom, businessDate(order.at), context);
    if (order.contradicted) marks.add('ORDER_CONTRADICTED');
    const eventId = `${source}:${STREAM}:${orderNo}/${row.seq ?? 'overdue'}`;
    const paySource = paySourceOf(row.paySource, profile, marks);
    const amountFen =
      fen(row.amount, profile.amountUnit ?? row.amountUnit, 'amount') ??
      reject('REQUIRED_MISSING', 'amount', 'expected an amount, came nothing');
    const account = optionalId(row.account, 'account');
    const dataQuality = quality(marks);
    const value: PowerPurchase = {
      eventId,
      source,
      vendorKey: `${source}:${requiredId(row.vendor, 'vendor')}`,
      orderKey: `${source}:${orderNo}`,
      kind: order.kind as PowerPurchaseKind,
      orderState: order.state,
      vendorRoom,
      ...room,
      payerAccountKey: account === null ? null : `${profile.cardSource ?? source}:${account}`,
      paySource,
      amountFen,
      energyWh: energyOf(row.energy),
      bankReferenceTail: tailOf(row.bankRef),
      refusal: order.kind === 'FAILED' ? bankRefusal(row.refusalCode, row.refusal) : null,
      occurredAt: order.at,
      businessDate: businessDate(order.at),
      debitedAt: order.debitedAt,
      dueAt: order.dueAt,
      overdue: order.overdue,
      // Of an overdue order no step was reported: the status is that of the step before.
      upstreamCode: row.seq === undefined ? null : row.status,
      dataQuality,
    };
    const record = { topic: 'master.power-purchase', key: value.orderKey, version: 0, value, eventId };
    return { kind: 'records', records: [{ ...record, time: order.at }], marks: dataQuality };
  });
}

function paySourceOf(text: string | undefined, profile: PowerProfile, marks: Set<Mark>): string | null {
  const code = foldWidth(text ?? '');
  if (code === '') return null;
  const known = lookUp(code, PAY_SOURCE, profile.paySources);
  if (known === undefined) marks.add('CODE_UNMAPPED');
  const allowed = profile.allowedPaySources ?? ['BANK_CARD'];
  if (known !== undefined && !allowed.includes(known)) marks.add('PAY_SOURCE_NOT_ALLOWED');
  return known ?? code.slice(0, 32);
}

function energyOf(text: string | undefined): number | null {
  const folded = foldWidth(text ?? '');
  if (folded === '') return null;
  return (
    parseScaled(folded, 3) ??
    reject('READING_NOT_UNDERSTOOD', 'energy', `expected kWh, came ${folded.length} characters`)
  );
}

/** Enough to find the debit by, too little to be the reference. */
function tailOf(text: string | undefined): string | null {
  const reference = foldWidth(text ?? '');
  return reference.length < 8 ? null : reference.slice(-4);
}

export const powerPurchaseKind: RecordKind = {
  map: (row, context) => mapPowerPurchase(row as PowerPurchaseRow, context),
  profile: powerProfileSchema,
  state: {},
  rows: [],
  events: {
    'master.power-purchase': { says: ['occurredAt', 'orderKey', 'kind', 'vendorRoom', 'amountFen'] },
  },
  looksUpRooms: true,
};
