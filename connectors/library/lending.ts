/**
 * Lending by a Koha-like REST: what a desk asks the library to do. A write is sent once: after a cut nobody knows whether it
 * was done, and the library's own state tells when it is asked again.
 *
 *   checkout   patron by card or school number ─▶ item by its number ─▶ out to that patron already? ─▶ POST /checkouts
 *   checkin    item ─▶ POST /checkins
 */
import {
  ConnectorError,
  type ItemAsked,
  type LendingRefused,
  type LendsBooks,
  type ReaderAsked,
} from '../sdk.js';
import { expectOk, type Http, type HttpAnswer, type HttpRequest } from '../sdk-http.js';
import { isObject, parseJson } from '../sdk-json.js';

const PATRONS = '/api/v1/patrons';
const ITEMS = '/api/v1/items';
const CHECKOUTS = '/api/v1/checkouts';
const CHECKINS = '/api/v1/checkins';
const HEADERS = { accept: 'application/json', 'content-type': 'application/json' } as const;

type Row = Readonly<Record<string, unknown>>;

/** @param http reads and writes with one attempt */
export function lendsBooks(http: Pick<Http, 'read'>): LendsBooks {
  const list = (path: string, query: object, signal: AbortSignal): Promise<Row | undefined> =>
    http.read(
      {
        method: 'GET',
        path: `${path}?q=${encodeURIComponent(JSON.stringify(query))}&_per_page=2`,
        headers: HEADERS,
      },
      (answer) => {
        expectOk(answer, path, []);
        const rows = parseJson(answer.body, path);
        if (!Array.isArray(rows)) throw new ConnectorError('PROTOCOL', `${path}: expected a list`, 'later');
        // Two of them: nobody can tell which is meant.
        return rows.length === 1 && isObject(rows[0]) ? rows[0] : undefined;
      },
      signal,
    );
  const write = (path: string, body: object, signal: AbortSignal): Promise<Row | LendingRefused> => {
    const request: HttpRequest = { method: 'POST', path, headers: HEADERS, body: JSON.stringify(body) };
    return http.read(request, (answer) => written(answer, path), signal);
  };
  const patronOf = async ({ cardNumber, schoolNumber }: ReaderAsked, signal: AbortSignal) => {
    const byCard =
      cardNumber === undefined ? undefined : await list(PATRONS, { cardnumber: cardNumber }, signal);
    if (byCard !== undefined || schoolNumber === undefined) return byCard;
    return list(PATRONS, { userid: schoolNumber }, signal);
  };
  const itemOf = ({ item }: ItemAsked, signal: AbortSignal) => list(ITEMS, { external_id: item }, signal);
  const loanOf = (item: Row, signal: AbortSignal) => list(CHECKOUTS, { item_id: item['item_id'] }, signal);
  return {
    async checkout(asked, signal) {
      const patron = await patronOf(asked, signal);
      if (patron === undefined) return refused('The library does not know this reader.');
      const item = await itemOf(asked, signal);
      if (item === undefined) return refused('The library does not know this item.');
      const out = await loanOf(item, signal);
      // An answer that was lost: it was lent to this reader already.
      const loan = isMine(out, patron)
        ? out
        : await write(
            CHECKOUTS,
            { patron_id: patron['patron_id'], item_id: item['item_id'], library_id: asked.location },
            signal,
          );
      if (isRefused(loan)) return loan;
      const dueAt = Date.parse(String(loan?.['due_date']));
      if (Number.isNaN(dueAt)) throw new ConnectorError('PROTOCOL', `${CHECKOUTS}: no due_date`, 'later');
      return { ok: true, title: textOf(item['title']), dueAt, renewed: false };
    },
    async checkin(asked, signal) {
      const item = await itemOf(asked, signal);
      if (item === undefined) return refused('The library does not know this item.');
      const back = await write(CHECKINS, { item_id: item['item_id'], library_id: asked.location }, signal);
      return isRefused(back) ? back : { ok: true, title: textOf(item['title']) };
    },
    async borrower(asked, signal) {
      const item = await itemOf(asked, signal);
      const out = item === undefined ? undefined : await loanOf(item, signal);
      if (typeof out?.['patron_id'] !== 'number') return undefined;
      const patron = await list(PATRONS, { patron_id: out['patron_id'] }, signal);
      if (patron === undefined) return undefined;
      const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);
      return { cardNumber: text(patron['cardnumber']), schoolNumber: text(patron['userid']) };
    },
  };
}

function isMine(out: Row | undefined, patron: Row): boolean {
  return out !== undefined && out['patron_id'] === patron['patron_id'];
}

/** 403 and 409 are the library's no, in its words. */
function written(answer: HttpAnswer, path: string): Row | LendingRefused {
  expectOk(answer, path, [201, 403, 409]);
  const value = parseJson(answer.body, path);
  if (!isObject(value)) throw new ConnectorError('PROTOCOL', `${path}: expected an object`, 'later');
  return answer.status === 403 || answer.status === 409 ? refused(textOf(value['error'])) : value;
}

function refused(says: string): LendingRefused {
  return { ok: false, says: says.slice(0, 200) };
}
function isRefused(value: Row | LendingRefused | undefined): value is LendingRefused {
  return value !== undefined && 'ok' in value && value.ok === false;
}
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
