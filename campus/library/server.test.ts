import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Campus } from '../start.js';
import { smallCampus, temporaryFolder } from '../testing.js';
import type { CheckoutRow, PatronRow } from './types.js';

const folder = temporaryFolder();
let campus: Campus;
let bearer: string;

async function login(): Promise<string> {
  const { clientId, clientSecret } = campus.credentials.library;
  const response = await fetch(`${campus.urls.library}/api/v1/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: clientId,
      client_secret: clientSecret,
    }),
  });
  return ((await response.json()) as { access_token: string }).access_token;
}

async function ask<T>(
  path: string,
  headers: Record<string, string> = {},
): Promise<{ head: Response; rows: T[] }> {
  const head = await fetch(`${campus.urls.library}/api/v1${path}`, {
    headers: { authorization: `Bearer ${bearer}`, ...headers },
  });
  const text = await head.text();
  return { head, rows: (text === '' ? [] : JSON.parse(text)) as T[] };
}

const byTime = (path: string, time: string, id: string, place: { at: string; id: number }): string => {
  const q = JSON.stringify([{ [time]: { '>': place.at } }, { [time]: place.at, [id]: { '>': place.id } }]);
  return `${path}${path.includes('?') ? '&' : '?'}_order_by=${time},${id}&_per_page=50&q=${encodeURIComponent(q)}`;
};
const early = { at: '2000-01-01T00:00:00+08:00', id: 0 };
const changed = (place = early): string => byTime('/patrons', 'updated_on', 'patron_id', place);
const loans = (list: '0' | '1', place = early): string =>
  byTime(`/checkouts?checked_in=${list}`, 'timestamp', 'checkout_id', place);

beforeAll(async () => {
  campus = await smallCampus(folder.dir);
  bearer = await login();
});
beforeEach(() => campus.faults.clear());
afterAll(async () => {
  await campus.close();
  folder.remove();
});

describe('the library', () => {
  it('lists every reader once, by id and by change, although all share one time', async () => {
    const ids: number[] = [];
    for (let at = early; ;) {
      const { rows } = await ask<PatronRow>(changed(at));
      ids.push(...rows.map((row) => row.patron_id));
      const last = rows.at(-1);
      if (last === undefined) break;
      at = { at: last.updated_on, id: last.patron_id };
    }
    expect(ids).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
    const { head, rows } = await ask<PatronRow>('/patrons?_order_by=patron_id&_per_page=1000');
    expect(rows.map((row) => row.patron_id)).toEqual(ids);
    expect(head.headers.get('x-base-total-count')).toBe('200');
  });

  it('answers 304 while a page is the same', async () => {
    const { head } = await ask(changed());
    const again = await ask(changed(), { 'if-none-match': head.headers.get('etag') ?? '' });
    expect(again.head.status).toBe(304);
  });

  it('hears of a loss a minute later, through its staging server', async () => {
    const card = '1000000010';
    campus.life({ event: 'lose', card });
    const before = await ask<PatronRow>('/patrons?_order_by=patron_id&_per_page=5');
    expect(before.rows[1]).toMatchObject({ cardnumber: card, patron_card_lost: false });
    campus.clock.set({ advanceMs: 61_000 });
    const after = await ask<PatronRow>('/patrons?_order_by=patron_id&_per_page=5');
    expect(after.rows[1]).toMatchObject({ cardnumber: card, patron_card_lost: true });
    const { rows } = await ask<PatronRow>(changed({ at: before.rows[1]!.updated_on, id: 1000 }));
    expect(rows.map((row) => row.patron_id)).toEqual([2]);
    expect(campus.life({ event: 'borrow', card }).refused).toMatchObject([{ reason: 'CARD_LOST' }]);
  });

  it('moves a loan from the open to the closed ones when the book comes back', async () => {
    campus.life({ event: 'borrow', card: '1000000030', item: 77 });
    const out = await ask<CheckoutRow>(loans('0'));
    expect(out.rows).toMatchObject([{ patron_id: 4, item_id: 77, checkin_date: null, renewals_count: 0 }]);
    const loan = out.rows[0]!.checkout_id;
    campus.clock.set({ advanceMs: 5_000 });
    campus.life({ event: 'renew', loan });
    campus.clock.set({ advanceMs: 5_000 });
    campus.life({ event: 'return', loan });
    expect((await ask(loans('0'))).rows).toEqual([]);
    expect((await ask<CheckoutRow>(loans('1'))).rows).toMatchObject([
      { checkout_id: loan, renewals_count: 1 },
    ]);
  });

  it('refuses an old token, a wrong question and another method', async () => {
    campus.clock.set({ advanceMs: 3_600_000 });
    expect((await ask(changed())).head.status).toBe(401);
    bearer = await login();
    expect((await ask('/patrons?_order_by=surname')).head.status).toBe(400);
    expect((await ask('/patrons?_order_by=patron_id&_per_page=5000')).head.status).toBe(400);
    expect((await ask('/patrons/999')).head.status).toBe(404);
  });

  it('calls a field otherwise when it is told to', async () => {
    campus.faults.add({ target: 'library', fault: 'field-renamed' });
    const { rows } = await ask<Record<string, unknown>>('/patrons?_order_by=patron_id&_per_page=1');
    expect(Object.keys(rows[0]!)).toContain('card_lost');
    expect(Object.keys(rows[0]!)).not.toContain('patron_card_lost');
  });
});
