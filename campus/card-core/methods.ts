import type { Struck } from '../faults.js';
import type { Card, CardRow } from '../world/cards.js';
import { stampMs } from '../world/time.js';
import * as world from '../world/world.js';
import type { World } from '../world/world.js';
import { isGone, isHidden } from './gone.js';
import { failed, LIMIT_MAX, limitOf, LOOKUP_MAX, ok, orEarlier } from './method.js';
import type { Method, MethodContext } from './method.js';
import { MONEY_METHODS } from './money-methods.js';

/** Counted once for each state of the card list, since every page says it. */
const leftCards = new WeakMap<World, { readonly of: string; readonly count: number }>();

function cardTotal({ world: from, struck }: MethodContext): number {
  const total = world.cardTotal(from);
  if (!struck.has('rows-gone-40')) return total;
  const of = `${total}/${from.store.meta.goneCards}`;
  const known = leftCards.get(from);
  if (known?.of === of) return known.count;
  const count = world.countCards(from, (no) => !isGone(no));
  leftCards.set(from, { of, count });
  return count;
}

const visible = (struck: Struck, cards: readonly Card[]): Card[] =>
  struck.has('rows-gone-40') ? cards.filter((card) => !isHidden(struck, card.no)) : [...cards];

const rows = (context: MethodContext, cards: readonly Card[]): CardRow[] =>
  visible(context.struck, cards).map((card) => world.rowOf(context.world, card));

const list: Method = (context, asked) => {
  const request = orEarlier(context, 'list', asked);
  const limit = limitOf(request);
  if (limit === null) return failed('60001', `limit 应为 1 至 ${LIMIT_MAX}`);
  const head = { ...ok, asof: stampMs(context.now), total: String(cardTotal(context)) };
  if (request.order === 'page') {
    const page = Number(request.page ?? '1');
    if (!Number.isInteger(page) || page < 1) return failed('60001', 'page 应为正整数');
    // Rows ahead of this page were inserted (even pages) or removed (odd pages) since the page before.
    const moved = context.struck.has('rows-move') && page > 1 ? (page % 2 === 0 ? -3 : 3) : 0;
    const from = (page - 1) * limit + moved;
    const card = rows(context, world.cardsBetween(context.world, from, from + limit));
    return { ...head, more: world.cardNumberAt(context.world, page * limit) === null ? '0' : '1', card };
  }
  const page = world.cardsAfter(context.world, request.after ?? '', limit);
  return { ...head, more: page.more ? '1' : '0', card: rows(context, page.cards) };
};

const headOf: Method = (context) => ({
  ...ok,
  asof: stampMs(context.now),
  seq: String(context.world.store.meta.seq),
});

const changes: Method = (context, asked) => {
  const request = orEarlier(context, 'changes', asked);
  const limit = limitOf(request);
  const after = /^\d{1,15}$/.test(request.after ?? '') ? Number(request.after) : null;
  if (limit === null || after === null) return failed('60001', 'after 或 limit 不正确');
  const found = world.changesAfter(context.world, after, limit);
  if (found === null) return failed('60024', '流水不存在');
  const next = found.at(-1)?.seq ?? after;
  return {
    ...ok,
    asof: stampMs(context.now),
    more: next < context.world.store.meta.seq ? '1' : '0',
    next: String(next),
    change: found.map((it) => ({
      seq: String(it.seq),
      type: String(it.type),
      time: stampMs(it.time),
      ...(it.channel !== '' && { channel: it.channel }),
      ...(it.cause !== '' && { cause: it.cause }),
      ...(it.related !== '' && { related: it.related }),
      card: world.rowOf(context.world, it.card),
    })),
  };
};

const lookup: Method = (context, request) => {
  const numbers = (request.cardnos ?? '').split(',').filter((no) => no !== '');
  if (numbers.length > LOOKUP_MAX) return failed('60001', `cardnos 最多 ${LOOKUP_MAX} 个`);
  const found = numbers.flatMap((no) => world.cardOf(context.world, no) ?? []);
  return { ...ok, asof: stampMs(context.now), card: rows(context, found) };
};

/** Accounts are numbered by person (100000…), temporary holder (7000000…) and merchant (8000000…). */
function cardsOfAccount(from: World, account: string): Card[] {
  if (!/^[1-9]\d{5,6}$/.test(account)) return [];
  const number = Number(account);
  if (number < 7_000_000) return world.cardsOfPerson(from, number - 100_000);
  const prefix = number < 8_000_000 ? '2' : '3';
  return [world.cardOf(from, prefix + String(number % 1_000_000).padStart(9, '0')) ?? []].flat();
}

const queryCard: Method = (context, request) => {
  const { idtype = '', id = '' } = request;
  const value = request[idtype] ?? id;
  let found: Card[] = [];
  if (idtype === 'sno')
    found = world.cardsOfPerson(context.world, world.personOfNumber(context.world, value));
  else if (idtype === 'acc') found = cardsOfAccount(context.world, value);
  else if (idtype === 'cardid') found = [world.cardOfUid(context.world, value) ?? []].flat();
  else return failed('60001', 'idtype 不支持');
  const card = rows(context, found);
  return card.length === 0 ? failed('60003', '账户信息不存在') : { ...ok, card };
};

/** Method name → what answers it; `synjones.authorize.access_token` belongs to the gateway. */
export const METHODS: ReadonlyMap<string, Method> = new Map<string, Method>([
  ...MONEY_METHODS,
  ['synjones.onecard.query.card', queryCard],
  ['cardhub.card.list', list],
  ['cardhub.card.head', headOf],
  ['cardhub.card.changes', changes],
  ['cardhub.card.lookup', lookup],
]);

/** `cardhub.card.list` → `card_list`; `synjones.onecard.query.elec.area` → `query_elec_area`. */
export const envelopeKey = (method: string): string =>
  method
    .replace(/^synjones\.onecard\./, '')
    .split('.')
    .slice(method.startsWith('synjones.onecard.') ? 0 : -2)
    .join('_');
