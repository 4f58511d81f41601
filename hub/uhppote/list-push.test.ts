import { afterEach, expect, it } from 'vitest';
import { UhppoteController } from '../../campus/uhppote/controller.js';
import type { ControllerConfig } from '../config/types.js';
import { HeldList } from '../doors/offline.js';
import { Devices } from './device.js';
import { pushList, type Stored } from './list-push.js';

const SERIAL = 405_419_896;
const NOW = Date.UTC(2026, 10, 23, 4);
const controller: ControllerConfig = {
  ...{
    id: 'west',
    readerProfile: 'dec10-le',
    validityMs: 86_400_000,
    entriesMax: 40_000,
    uhppote: undefined,
  },
  doors: [{ number: 1, key: 'gate:d1', action: 'enter' }],
};
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function listOf(cards: number): HeldList {
  const held = new HeldList();
  held.entries = new Map(Array.from({ length: cards }, (_, n) => [String(n + 1).padStart(10, '0'), '1']));
  held.statement = {
    ...{ iss: 'qau', sub: 'west', iat: NOW / 1_000, exp: NOW / 1_000 + 86_400, version: 1, digest: '' },
    ...{ entries: cards, profile: 'dec10-le', doors: { 1: {} } },
  };
  return held;
}

async function started(cardsMax: number) {
  const at = await UhppoteController.start({ serial: SERIAL, now: () => NOW, cardsMax });
  closing.push(() => at.close());
  const devices = await Devices.open('127.0.0.1');
  closing.push(() => devices.close());
  const device = devices.device({ serial: SERIAL, host: '127.0.0.1', port: at.port });
  const stored: Stored = new Map();
  return { at, stored, push: (list: HeldList) => pushList(device, controller, list, stored, NOW) };
}

it('puts a long list piece by piece, so that whoever is lost meanwhile is taken off before the rest of it', async () => {
  const { at, push } = await started(40_000);
  expect(await push(listOf(1_200))).toBe('more');
  expect(at.cards.size).toBe(1_000);
  const without = listOf(1_200);
  without.entries = new Map([...without.entries].slice(1));
  expect(await push(without)).toBe(true);
  expect([at.cards.size, at.cards.has(1)]).toEqual([1_199, false]);
});

it('says that a memory is full, and ends', async () => {
  const { at, push } = await started(10);
  expect(await push(listOf(20))).toBe(false);
  expect(await push(listOf(20))).toBe(false);
  expect(at.cards.size).toBe(10);
});

it('takes a card off that was put without a reply', async () => {
  const { at, stored, push } = await started(10);
  at.faults.dropReplies = 3;
  await expect(push(listOf(1))).rejects.toThrow('does not answer put-card');
  expect([at.cards.size, stored.size]).toEqual([1, 1]);
  expect(await push(listOf(0))).toBe(true);
  expect([at.cards.size, stored.size]).toEqual([0, 0]);
});
