import { createSocket } from 'node:dgram';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { UhppoteController } from './controller.js';

const SERIAL = 405_419_896;
const NOW = Date.UTC(2026, 10, 23, 4);
let dir: string;
let file: string;
let open: UhppoteController[];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cardhub-uhppote-'));
  file = join(dir, 'uhppote.json');
  open = [];
});
afterEach(async () => {
  for (const one of open) await one.close().catch(() => undefined);
  rmSync(dir, { recursive: true, force: true });
});

async function start(serial = SERIAL): Promise<UhppoteController> {
  const started = await UhppoteController.start({ serial, now: () => NOW, file });
  open.push(started);
  return started;
}

/** One command, answered. */
async function command(
  device: UhppoteController,
  code: number,
  fill: (bytes: Buffer) => void,
): Promise<Buffer> {
  const bytes = Buffer.alloc(64);
  bytes[0] = 0x17;
  bytes[1] = code;
  bytes.writeUInt32LE(SERIAL, 4);
  fill(bytes);
  const socket = createSocket('udp4');
  const answer = new Promise<Buffer>((resolve) => socket.once('message', resolve));
  socket.send(bytes, device.port, '127.0.0.1');
  return answer.finally(() => socket.close());
}

const put = (device: UhppoteController, card: number): Promise<Buffer> =>
  command(device, 0x50, (bytes) => {
    bytes.writeUInt32LE(card, 8);
    bytes.write('2026010120261231', 12, 'hex');
    bytes[20] = 1;
  });
const remove = (device: UhppoteController, card: number): Promise<Buffer> =>
  command(device, 0x52, (bytes) => void bytes.writeUInt32LE(card, 8));
const pcControl = (device: UhppoteController): Promise<Buffer> =>
  command(device, 0xa0, (bytes) => {
    bytes.writeUInt32LE(0x55aaaa55, 8);
    bytes[12] = 1;
  });
const slot = async (device: UhppoteController, index: number): Promise<number> =>
  (await command(device, 0x5c, (bytes) => void bytes.writeUInt32LE(index, 8))).readUInt32LE(8);

it('keeps cards, deleted slots and events with their index over a start, and not that a host decides', async () => {
  const before = await start();
  for (const card of [7, 8, 9]) await put(before, card);
  await remove(before, 8);
  await pcControl(before);
  expect(before.swipe(7)).toMatchObject({ index: 1, granted: false, reason: 5 });
  await before.close();

  const after = await start();
  expect(after.cards).toEqual(before.cards);
  expect([await slot(after, 1), await slot(after, 2), await slot(after, 3)]).toEqual([7, 0xffff_ffff, 9]);
  expect(after.events).toEqual(before.events);
  expect(after.swipe(7)).toMatchObject({ index: 2, granted: true, reason: 1 });
  expect(after.swipe(8)).toMatchObject({ index: 3, granted: false, reason: 18 });
});

it('writes by itself soon after a change, whole under its name', async () => {
  const device = await start();
  device.swipe(7);
  await expect.poll(() => existsSync(file)).toBe(true);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ serial: SERIAL, index: 1 });
  expect(existsSync(`${file}.new`)).toBe(false);
});

it.each<[string, (text: string) => string]>([
  ['a torn file', (text) => text.slice(0, -20)],
  ['an empty file', () => ''],
  ['other JSON', () => 'null'],
  ['a missing event', (text) => text.replace(/\[2,.*\n/, '')],
  ['a last event that is not the newest', (text) => text.replace('"index":3', '"index":9')],
  ['an event with too few figures', (text) => text.replace(/^\[2,/m, '[')],
  ['a card without doors', (text) => text.replace(/"doors":\[.*?\]/, '"doors":[]')],
  ['a damaged date', (text) => text.replace('2026-01-01', '2026-01')],
  ['a damaged number', (text) => text.replace('"card":7', '"card":-7')],
  ["another controller's file", (text) => text.replace(String(SERIAL), '1')],
])('is a new controller by %s', async (_what, damage) => {
  const before = await start();
  await put(before, 7);
  for (const card of [7, 8, 7]) before.swipe(card);
  await before.close();
  const text = readFileSync(file, 'utf8');
  expect(damage(text)).not.toBe(text);
  writeFileSync(file, damage(text));

  const after = await start();
  expect([after.cards.size, after.events.length]).toEqual([0, 0]);
  expect(after.swipe(7)).toMatchObject({ index: 1, reason: 18 });
});
