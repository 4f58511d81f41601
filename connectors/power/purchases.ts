import { ConnectorError, type Cursor, type Page, type SourceRow } from '../sdk.js';
import { isObject } from '../sdk-json.js';
import { lazyRow } from '../sdk-pages.js';
import { dueAt, isEnded, stepOrder, type Order, type OrderEvent, type ReportedState } from './orders.js';
import type { PowerPurchaseRow } from './rows.js';

/**
 * A log of order steps as a feed. What is known of the orders under way lives in the cursor, so that it is committed
 * with the rows, and the step function gives the same rows again after a crash.
 */
export interface PurchaseEntry {
  /** Decimal, ascending. */
  readonly seq: string;
  readonly row: Omit<PowerPurchaseRow, 'order'>;
  /** Undefined: a status that the connector does not know; the row is then refused by the mapping. */
  readonly state: ReportedState | undefined;
  /** Undefined: a time that cannot be read. */
  readonly at: number | undefined;
}

export interface PurchaseLog {
  readonly entries: readonly PurchaseEntry[];
  readonly more: boolean;
  /** The upstream's clock, epoch ms. */
  readonly asOf: number;
}

type Facts = Omit<PowerPurchaseRow, 'order' | 'seq'>;

interface OpenOrder {
  readonly order: Order;
  /** Its last row: what an overdue event needs to say of it. */
  readonly facts: Facts;
}

export interface PurchaseCursor {
  readonly seq: string;
  readonly open: Readonly<Record<string, OpenOrder>>;
  /** Ends of the newest orders that have one, to recognise what contradicts them. */
  readonly ended: readonly (readonly [orderNo: string, order: Order])[];
}

/** Orders under way that are remembered; the oldest that are overdue already, or not debited, go first. */
export const OPEN_MAX = 500;
export const ENDED_MAX = 50;

export const startOfLog = (seq: string): Cursor => ({ seq, open: {}, ended: [] });

export function cursorOf(cursor: unknown): PurchaseCursor {
  return isObject(cursor)
    ? (cursor as unknown as PurchaseCursor)
    : (startOfLog('0') as unknown as PurchaseCursor);
}

/** @param what the call, for errors @throws ConnectorError PROTOCOL when the page does not follow the cursor */
export function purchasePage(log: PurchaseLog, cursor: PurchaseCursor, withinMs: number, what: string): Page {
  const open = new Map(Object.entries(cursor.open));
  const ended = new Map(cursor.ended);
  const rows: SourceRow[] = [];
  let last = BigInt(cursor.seq);
  for (const entry of log.entries) {
    if (BigInt(entry.seq) <= last) {
      const message = `${what}: seq ${entry.seq} does not follow ${last}: a repeated page`;
      throw new ConnectorError('PROTOCOL', message, 'now');
    }
    last = BigInt(entry.seq);
    rows.push(...enter(entry, open, ended, withinMs));
  }
  // Only a log that was read to its end says that something has not happened.
  if (!log.more) rows.push(...timeOuts(open, log.asOf, withinMs));
  const next = {
    seq: String(last),
    open: Object.fromEntries(kept(open)),
    ended: [...ended].slice(-ENDED_MAX),
  };
  return { rows, next: next as unknown as Cursor, state: log.more ? 'more' : 'end', asOf: log.asOf };
}

function enter(
  { seq, row, state, at }: PurchaseEntry,
  open: Map<string, OpenOrder>,
  ended: Map<string, Order>,
  withinMs: number,
): SourceRow[] {
  if (state === undefined || at === undefined) return [lazyRow(`${row.orderNo}/${seq}`, seq, row)];
  const { orderNo } = row;
  const known = open.get(orderNo);
  const before = known?.order ?? ended.get(orderNo) ?? null;
  const { order, events } = stepOrder(before, { kind: 'reported', state, at }, withinMs);
  open.delete(orderNo);
  if (isEnded(order)) ended.set(orderNo, order);
  else {
    const { seq: _, ...facts } = row;
    open.set(orderNo, { order, facts });
  }
  // That the time was up is told of the order as it stood before this step, as if somebody had looked then.
  return events.map((event) =>
    rowOf(event.kind === 'DELIVERY_OVERDUE' ? (known?.facts ?? row) : row, event, withinMs),
  );
}

function timeOuts(open: Map<string, OpenOrder>, asOf: number, withinMs: number): SourceRow[] {
  const rows: SourceRow[] = [];
  for (const [orderNo, { order, facts }] of open) {
    const step = stepOrder(order, { kind: 'clock', asOf }, withinMs);
    if (step.events.length === 0) continue;
    open.set(orderNo, { order: step.order, facts });
    rows.push(...step.events.map((event) => rowOf(facts, event, withinMs)));
  }
  return rows;
}

function rowOf(row: Omit<PowerPurchaseRow, 'order'>, event: OrderEvent, withinMs: number): SourceRow {
  const due = dueAt(event, withinMs);
  const data: PowerPurchaseRow = { ...row, order: { ...event, dueAt: due } };
  if (event.kind !== 'DELIVERY_OVERDUE') {
    const seq = row.seq ?? '';
    return lazyRow(`${row.orderNo}/${seq}`, seq, data);
  }
  // Said by no step of the log, so it has no number there.
  const { seq: _, ...facts } = data;
  return lazyRow(`${row.orderNo}/overdue`, `${row.orderNo}!overdue`, facts);
}

function kept(open: Map<string, OpenOrder>): [string, OpenOrder][] {
  const all = [...open];
  if (all.length <= OPEN_MAX) return all;
  let surplus = all.length - OPEN_MAX;
  const some = all.filter(([, { order }]) => {
    const canWait = order.overdue || order.debitedAt === null;
    return !canWait || surplus-- <= 0;
  });
  return some.slice(-OPEN_MAX);
}
