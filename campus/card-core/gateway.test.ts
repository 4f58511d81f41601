import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Campus } from '../start.js';
import { ask, call, login, NOON, post, smallCampus, temporaryFolder } from '../testing.js';
import type { CardRow } from '../world/cards.js';
import { stamp } from '../world/time.js';

const folder = temporaryFolder();
let campus: Campus;
let token: string;
beforeAll(async () => {
  campus = await smallCampus(folder.dir);
  token = await login(campus);
});
afterAll(async () => {
  await campus.close();
  folder.remove();
});

const LIST = 'cardhub.card.list';
const rowsOf = (reply: Readonly<Record<string, unknown>>): CardRow[] => reply.card as CardRow[];

describe('the gateway', () => {
  it('signs its answers, and all values in them are strings', async () => {
    const reply = await ask(campus, token, LIST, { limit: '3', order: 'keyset', after: '' });
    expect(reply).toMatchObject({ retcode: '0', total: '214', more: '1', asof: '2026-09-01 10:00:00.000' });
    expect(rowsOf(reply)).toHaveLength(3);
    for (const row of rowsOf(reply)) {
      for (const [name, value] of Object.entries(row)) {
        if (name !== 'accinfo') expect(typeof value, name).toBe('string');
      }
    }
  });

  it('gives the same cards by key and by page', async () => {
    const byKey: CardRow[] = [];
    for (let after = '', more = '1'; more === '1'; after = byKey.at(-1)?.cardno ?? '') {
      const reply = await ask(campus, token, LIST, { limit: '50', order: 'keyset', after });
      byKey.push(...rowsOf(reply));
      more = String(reply.more);
    }
    const byPage: CardRow[] = [];
    for (let page = 1, more = '1'; more === '1'; page += 1) {
      const reply = await ask(campus, token, LIST, { limit: '50', order: 'page', page: String(page) });
      byPage.push(...rowsOf(reply));
      more = String(reply.more);
    }
    expect(byKey).toHaveLength(214);
    expect(byPage).toEqual(byKey);
  });

  it('tells changes after a sequence number, and the head', async () => {
    const { seq } = await ask(campus, token, 'cardhub.card.head', {});
    campus.life({ event: 'lose', card: '1000000010', channel: 'wechat' });
    campus.life({ event: 'freeze', card: '1000000020', cause: '3' });
    const reply = await ask(campus, token, 'cardhub.card.changes', { after: String(seq), limit: '500' });
    const changes = reply.change as { type: string; channel: string; cause?: string; card: CardRow }[];
    expect(changes.map((it) => [it.type, it.channel, it.card.cardno])).toEqual([
      ['3', 'wechat', '1000000010'],
      ['4', 'counter', '1000000020'],
    ]);
    expect(changes[0]?.card).toMatchObject({ lostflag: '1', lossdate: '20260901100000' });
    expect(changes[1]).toMatchObject({ cause: '3', card: { freezeflag: '1', frozen_cause: '3' } });
    expect(reply).toMatchObject({ more: '0', next: String(Number(seq) + 2) });
  });

  it('looks up card numbers, at most 200, and tells only those that exist', async () => {
    const method = 'cardhub.card.lookup';
    const reply = await ask(campus, token, method, { cardnos: '1000000010,9999999999,2000000000' });
    expect(rowsOf(reply).map((row) => row.cardno)).toEqual(['1000000010', '2000000000']);
    const many = Array.from({ length: 201 }, (_, index) => String(index)).join(',');
    expect(await ask(campus, token, method, { cardnos: many })).toMatchObject({ retcode: '60001' });
  });

  it('answers query.card by school number, account and chip number', async () => {
    const [row] = rowsOf(
      await ask(campus, token, LIST, { limit: '1', order: 'keyset', after: '1000000019' }),
    );
    const method = 'synjones.onecard.query.card';
    for (const request of [
      { idtype: 'sno', sno: row?.sno },
      { idtype: 'acc', acc: row?.account },
      { idtype: 'cardid', cardid: row?.cardid },
    ]) {
      expect(rowsOf(await ask(campus, token, method, request))).toEqual([row]);
    }
    expect(await ask(campus, token, method, { idtype: 'sno', sno: '20990000001' })).toEqual({
      retcode: '60003',
      errmsg: '账户信息不存在',
    });
  });

  it('refuses a wrong signature, a timestamp 11 minutes off, and an unknown app_key', async () => {
    const refused = async (options: Parameters<typeof call>[3]) =>
      call(campus, LIST, {}, { token, ...options });
    const error = (errcode: string) => ({ kind: 'error', errcode });
    expect(await refused({ spoil: (it) => (it.v = '2.1') })).toEqual(error('40004'));
    expect(await refused({ spoil: (it) => (it.app_key = 'other') })).toEqual(error('40004'));
    expect(await refused({ timestamp: stamp(NOON - 660_000) })).toEqual(error('40018'));
    expect(await refused({ timestamp: stamp(NOON - 540_000) })).toMatchObject({ kind: 'payload' });
    expect(await refused({ timestamp: 'yesterday' })).toEqual(error('40018'));
  });

  it('answers an incomplete form in bare GBK text', async () => {
    const bytes = await post(campus, LIST, {}, { spoil: (fields) => delete fields.request });
    expect(bytes.toString('hex')).toBe('b2cecafdb4edcef3'); // 参数错误 in GBK
  });

  it('has one active token: a login kills the one before, and a token ends after two hours', async () => {
    const second = await login(campus);
    expect(await call(campus, LIST, {}, { token })).toEqual({ kind: 'error', errcode: '40014' });
    expect(await call(campus, LIST, {}, { token: second })).toMatchObject({ kind: 'payload' });
    campus.clock.set({ advanceMs: 7_200_000 });
    expect(await call(campus, LIST, {}, { token: second })).toEqual({ kind: 'error', errcode: '40005' });
    campus.clock.set({ now: NOON });
    token = await login(campus);
  });
});
