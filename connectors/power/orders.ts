/**
 * The life of an order for electricity, as a pure step function. The hub observes it and moves no money.
 *
 *   CREATED ─▶ BANK_DEBIT_PENDING ─▶ BANK_DEBITED ─▶ VENDOR_SUBMITTED ─▶ VENDOR_ACCEPTED ─▶ DELIVERED
 *                      │                  │                 │                  │
 *                      │                  └────────┬────────┴──────────────────┘
 *                      │                           ├── no clear answer ──▶ OUTCOME_UNKNOWN ──▶ (any later state)
 *                      │                           ├── 10 minutes after the debit ──▶ DELIVERY_OVERDUE
 *                      │                           └── to be paid back ──▶ REFUND_REVIEW ──▶ FAILED or DELIVERED
 *                      └── refused ──▶ FAILED          (also from DELIVERY_OVERDUE and OUTCOME_UNKNOWN)
 *
 * - A log may begin in the middle, so any state may be an order's first, and steps may be left out.
 * - DELIVERED and FAILED are ends. What is reported after an end, or behind where the order stands, is told as a
 *   contradiction and changes nothing. After OUTCOME_UNKNOWN and while overdue, an order may be submitted again.
 * - Whether an order is overdue depends on its steps alone and not on when the hub looked: it is overdue when the log
 *   is complete up to `dueAt` and has no end by then. Found late, it is still dated `dueAt`. So the events of an order
 *   are the same however the log was cut into pages; only their order in the log may differ.
 * - While an order is overdue its state is DELIVERY_OVERDUE until it ends or is up for a refund.
 */

export const ORDER_STATES = [
  ...(['CREATED', 'BANK_DEBIT_PENDING', 'BANK_DEBITED', 'VENDOR_SUBMITTED', 'VENDOR_ACCEPTED'] as const),
  ...(['DELIVERED', 'OUTCOME_UNKNOWN', 'DELIVERY_OVERDUE', 'REFUND_REVIEW', 'FAILED'] as const),
] as const;
export type OrderState = (typeof ORDER_STATES)[number];
/** What an upstream can report; that an order is overdue, only the clock says. */
export type ReportedState = Exclude<OrderState, 'DELIVERY_OVERDUE'>;

export interface Order {
  readonly state: OrderState;
  /** The furthest state on the straight way that was reported. */
  readonly reached: ReportedState;
  /** Epoch ms; null: not debited, or the log began later. */
  readonly debitedAt: number | null;
  readonly overdue: boolean;
}

export type OrderInput =
  | { readonly kind: 'reported'; readonly state: ReportedState; readonly at: number }
  /** The upstream's log has been read in full as of this moment. */
  | { readonly kind: 'clock'; readonly asOf: number };

export interface OrderEvent {
  readonly kind: OrderState;
  readonly state: OrderState;
  readonly at: number;
  readonly debitedAt: number | null;
  readonly overdue: boolean;
  readonly contradicted: boolean;
}

export interface OrderStep {
  readonly order: Order;
  readonly events: readonly OrderEvent[];
}

/** "Normally within 10 minutes" (the university's page). */
export const DELIVERY_MS_MAX = 600_000;

const WAY: readonly ReportedState[] = [
  'CREATED',
  'BANK_DEBIT_PENDING',
  'BANK_DEBITED',
  'VENDOR_SUBMITTED',
  'VENDOR_ACCEPTED',
  'DELIVERED',
];

export const isEnded = (order: Order): boolean => order.state === 'DELIVERED' || order.state === 'FAILED';

/** When power should be there; null while nothing was debited. */
export const dueAt = (order: Pick<Order, 'debitedAt'>, withinMs: number): number | null =>
  order.debitedAt === null ? null : order.debitedAt + withinMs;

/** @param order null: nothing was known of it */
export function stepOrder(order: Order | null, input: OrderInput, withinMs = DELIVERY_MS_MAX): OrderStep {
  if (input.kind === 'reported') return report(order, input.state, input.at, withinMs);
  if (order === null) throw new TypeError('the clock says nothing of an order that is not known');
  return timeOut(order, input.asOf, withinMs);
}

function timeOut(order: Order, asOf: number, withinMs: number): OrderStep {
  const due = dueAt(order, withinMs);
  if (due === null || asOf < due || order.overdue || isEnded(order) || order.state === 'REFUND_REVIEW') {
    return { order, events: [] };
  }
  const late: Order = { ...order, state: 'DELIVERY_OVERDUE', overdue: true };
  return { order: late, events: [eventOf(late, 'DELIVERY_OVERDUE', due)] };
}

function report(before: Order | null, state: ReportedState, at: number, withinMs: number): OrderStep {
  if (before === null) {
    const debitedAt = state === 'BANK_DEBITED' ? at : null;
    const order: Order = { state, reached: state, debitedAt, overdue: false };
    return { order, events: [eventOf(order, state, at)] };
  }
  // A step that is dated after the time was up proves that it passed without an end.
  const late = timeOut(before, at, withinMs);
  const known = late.order;
  if (!follows(known, state)) {
    return { order: known, events: [...late.events, { ...eventOf(known, state, at), contradicted: true }] };
  }
  const debitedAt = state === 'BANK_DEBITED' ? (known.debitedAt ?? at) : known.debitedAt;
  const ends = state === 'DELIVERED' || state === 'FAILED' || state === 'REFUND_REVIEW';
  const order: Order = {
    state: known.overdue && !ends ? 'DELIVERY_OVERDUE' : state,
    reached: state,
    debitedAt,
    overdue: known.overdue,
  };
  return { order, events: [...late.events, eventOf(order, state, at)] };
}

function follows(order: Order, state: ReportedState): boolean {
  if (isEnded(order)) return false;
  if (state === 'FAILED' || state === 'DELIVERED' || state === 'REFUND_REVIEW') return true;
  if (order.reached === 'REFUND_REVIEW') return false;
  if (state === 'OUTCOME_UNKNOWN') return true;
  // Asked for again after no clear answer, or after the time was up.
  if (order.overdue || order.reached === 'OUTCOME_UNKNOWN') return WAY.indexOf(state) >= 2;
  return WAY.indexOf(state) > WAY.indexOf(order.reached);
}

function eventOf(order: Order, kind: OrderState, at: number): OrderEvent {
  const { state, debitedAt, overdue } = order;
  return { kind, state, at, debitedAt, overdue, contradicted: false };
}
