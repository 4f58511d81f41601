import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import iconv from 'iconv-lite';
import { afterEach, describe, expect, it } from 'vitest';
import { ask, control, login, NOON, smallCampus, temporaryFolder } from './testing.js';

const ending: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});

function folder(): string {
  const { dir, remove } = temporaryFolder();
  ending.push(remove);
  return dir;
}

describe('a campus', () => {
  it('goes on after a second start: same keys, same feed, same cards, no token', async () => {
    const dir = folder();
    const first = await smallCampus(dir);
    await login(first);
    first.life({ event: 'lose', count: 5 });
    const told = first.summary();
    await first.close();
    const second = await smallCampus(dir, { seed: 99, people: 50, clock: { now: 0 } });
    ending.push(second.close);
    expect(second.credentials).toEqual(first.credentials);
    expect(second.summary()).toEqual(told);
    const token = await login(second);
    expect(await ask(second, token, 'cardhub.card.head', {})).toMatchObject({ seq: '5' });
  });

  it('is driven through its control port', async () => {
    const campus = await smallCampus(folder(), { life: { perHour: 1 } });
    ending.push(campus.close);
    campus.advance();
    expect(await control(campus, 'world', undefined, 'GET')).toMatchObject({
      people: 200,
      cards: 214,
      doors: 5,
      seq: 0,
    });
    expect(await control(campus, 'clock', { advanceMs: 3_600_000 })).toMatchObject({ now: NOON + 3_600_000 });
    expect(campus.summary().eventSeq).toBeGreaterThan(100);
    const { seq } = campus.summary();
    expect(await control(campus, 'life', { event: 'lose', card: '1000000020' })).toMatchObject({
      changes: [{ seq: seq + 1, type: 3, cardno: '1000000020', time: '2026-09-01T11:00:00.000+08:00' }],
    });
    expect(await control(campus, 'life', { event: 'fly' })).toMatchObject({ status: 400 });
    expect(await control(campus, 'life', { event: 'lose', count: 1e9 })).toMatchObject({ status: 400 });
    expect(await control(campus, 'faults', { target: 'moon', fault: 'cut' })).toMatchObject({ status: 400 });
  });

  it('writes its cards as GBK, and a torn file when asked', async () => {
    const dir = folder();
    const campus = await smallCampus(dir);
    ending.push(campus.close);
    campus.life({ event: 'swipe', count: 12 });
    const files = await campus.exports();
    expect(files.map((file) => [file.name, file.rows])).toEqual([
      ['cards.csv', 214],
      ['doors.csv', 5],
      ['grants.csv', campus.summary().grants],
      ['swipes.csv', 12],
    ]);
    const bytes = readFileSync(join(dir, 'exports', 'cards.csv'));
    expect(bytes.subarray(0, 4).toString('hex')).toBe('bfa8bac5'); // 卡号
    const lines = iconv.decode(bytes, 'gbk').split('\r\n');
    expect(lines[0]).toMatch(/^卡号,账号,学工号,姓名,/);
    expect(lines).toHaveLength(216);
    await campus.exports({ torn: true });
    const torn = readFileSync(join(dir, 'exports', 'cards.csv'));
    expect(torn.length).toBe(bytes.length - 9);
    expect(torn.equals(bytes.subarray(0, -9))).toBe(true);
  });
});
