import type { Card } from '../world/cards.js';
import { holderOf } from '../world/cards.js';
import {
  accountExists,
  accountsAfter,
  accountState,
  accountTotal,
  holderOfAccount,
} from '../world/accounts.js';
import { devicesAfter } from '../world/device-life.js';
import { compact, stampMs } from '../world/time.js';
import * as world from '../world/world.js';
import type { World } from '../world/world.js';
import { isHidden } from './gone.js';
import { failed, limitOf, LOOKUP_MAX, ok, orEarlier } from './method.js';
import type { Method, MethodContext, Payload } from './method.js';

/**
 * Accounts, transactions, top-ups and devices, as the gateway tells them. All of these methods are ours: no public
 * document has a listing or a feed. Field names are those of a real core's journal and of the vendor's `query_card`.
 */

/** The account with what it holds now. */
function accountRow(from: World, account: number) {
  const { base, store } = from;
  const state = accountState(base, store, account);
  const of = holderOfAccount(account);
  const holder = holderOf(base, store.meta.cohorts, of as Card);
  const cards = of.kind === '800' ? world.cardsOfPerson(from, of.holder) : [];
  const working = cards.filter((card) => card.status !== 2 && card.status !== 6);
  return {
    ...{ account: String(account), sno: holder.sno, cardtype: of.kind },
    accstatus: of.kind === '800' && working.length === 0 ? '1' : '0',
    freezeflag: working.some((card) => card.frozen) ? '1' : '0',
    ...{ db_balance: String(state.ledger), unsettle_amount: String(state.pending) },
    ...{ card_balance: String(state.seen), daycostamt: String(state.spent), daycostdate: state.spentOn },
    ...{ nonpwdlimit: '5000', lasttime: state.changedAt === 0 ? '' : compact(state.changedAt) },
  };
}

/** `rows-gone-40` takes two of five, always the same ones. */
const left = <T>(context: MethodContext, things: readonly T[], idOf: (thing: T) => string): T[] =>
  things.filter((thing) => !isHidden(context.struck, idOf(thing)));

function accountsLeft(context: MethodContext): number {
  const { base, store } = context.world;
  const total = accountTotal(base, store);
  if (!context.struck.has('rows-gone-40')) return total;
  return left(context, accountsAfter(base, store, 0, total), String).length;
}

const numberOf = (text: string | undefined): number | null =>
  /^\d{1,15}$/.test(text ?? '') ? Number(text) : null;

const accountList: Method = (context, asked) => {
  const request = orEarlier(context, 'account.list', asked);
  const { base, store } = context.world;
  const limit = limitOf(request);
  if (limit === null) return failed('60001', 'limit 不正确');
  const found = accountsAfter(base, store, numberOf(request.after) ?? 0, limit);
  const last = found.at(-1);
  const more = last !== undefined && accountsAfter(base, store, last, 1).length > 0;
  return {
    ...{
      ...ok,
      asof: stampMs(context.now),
      total: String(accountsLeft(context)),
      more: more ? '1' : '0',
    },
    account: left(context, found, String).map((account) => accountRow(context.world, account)),
  };
};

const accountLookup: Method = (context, request) => {
  const numbers = (request.accounts ?? '').split(',').filter((it) => it !== '');
  if (numbers.length > LOOKUP_MAX) return failed('60001', `accounts 最多 ${LOOKUP_MAX} 个`);
  const { base, store } = context.world;
  const there = numbers.map(Number).filter((account) => accountExists(base, store, account));
  const found = left(context, there, String);
  return { ...ok, asof: stampMs(context.now), account: found.map((it) => accountRow(context.world, it)) };
};

interface Feed {
  readonly head: number;
  readonly floor: number;
  /** Entries after this one, oldest first. */
  readonly after: (seq: number, limit: number) => readonly (object & { readonly seq: number })[];
}

function feedOf(context: MethodContext, noun: 'account' | 'trade' | 'topup'): Feed {
  const { store } = context.world;
  const { money } = store.meta;
  const range = (seq: number, limit: number) => ({ start: seq + 1, limit });
  if (noun === 'trade') {
    const after = (seq: number, limit: number) =>
      [...store.trades.getRange(range(seq, limit))].map((it) => it.value);
    return { head: money.tradeSeq, floor: money.tradeFloor, after };
  }
  if (noun === 'topup') {
    const after = (seq: number, limit: number) =>
      [...store.topUps.getRange(range(seq, limit))].map((it) => it.value);
    return { head: money.topUpSeq, floor: money.topUpFloor, after };
  }
  const after = (seq: number, limit: number) =>
    [...store.accountChanges.getRange(range(seq, limit))].map(({ key, value }) => ({
      seq: key,
      account: accountRow(context.world, value),
    }));
  return { head: money.accountSeq, floor: money.accountFloor, after };
}

/** `oldest`: what a reader who wants all that is still kept begins at. */
const head =
  (noun: 'account' | 'trade' | 'topup'): Method =>
  (context) => {
    const feed = feedOf(context, noun);
    return { ...ok, asof: stampMs(context.now), seq: String(feed.head), oldest: String(feed.floor) };
  };

const changes =
  (noun: 'account' | 'trade' | 'topup'): Method =>
  (context, asked): Payload => {
    const request = orEarlier(context, `${noun}.changes`, asked);
    const limit = limitOf(request);
    const after = numberOf(request.after);
    if (limit === null || after === null) return failed('60001', 'after 或 limit 不正确');
    const feed = feedOf(context, noun);
    if (after < feed.floor) return failed('60024', '流水不存在');
    const found = feed.after(after, limit);
    const next = found.at(-1)?.seq ?? after;
    return {
      ...{ ...ok, asof: stampMs(context.now), more: next < feed.head ? '1' : '0', next: String(next) },
      change: found.map((it) => ({ ...it, seq: String(it.seq) })),
    };
  };

const deviceList: Method = (context, asked) => {
  const request = orEarlier(context, 'device.list', asked);
  const limit = limitOf(request);
  if (limit === null) return failed('60001', 'limit 不正确');
  const page = devicesAfter(context.world, request.after ?? '', limit, context.now);
  const rows = left(context, page.rows, ({ termid }) => termid);
  // A listing without a count of its own would still be believed: the count is that of the rows that are left.
  const counted = context.struck.has('rows-gone-40')
    ? left(context, devicesAfter(context.world, '', page.total, context.now).rows, ({ termid }) => termid)
        .length
    : page.total;
  const counts = { total: String(counted), more: page.more ? '1' : '0' };
  return { ...ok, asof: stampMs(context.now), ...counts, device: rows };
};

export const MONEY_METHODS: readonly (readonly [string, Method])[] = [
  ['cardhub.account.list', accountList],
  ['cardhub.account.lookup', accountLookup],
  ['cardhub.account.head', head('account')],
  ['cardhub.account.changes', changes('account')],
  ['cardhub.trade.head', head('trade')],
  ['cardhub.trade.changes', changes('trade')],
  ['cardhub.topup.head', head('topup')],
  ['cardhub.topup.changes', changes('topup')],
  ['cardhub.device.list', deviceList],
];
