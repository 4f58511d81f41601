import { expect, test } from 'vitest';
import { NOON, temporaryFolder } from '../testing.js';
import { buyPower, powerPaidOn, settlePower } from './power.js';
import { createRng } from './prng.js';
import { startOfDay } from './time.js';
import { openWorld } from './world.js';

const DAY_MS = 86_400_000;

test('what was paid on a day is found by the day, in a world that was made before there was that table too', async () => {
  const { dir, remove } = temporaryFolder();
  const world = openWorld({ dir, seed: 7, people: 60, clock: { now: NOON, rate: 0 } });
  const { store } = world;
  const rng = createRng(7, 1, 1);
  for (let n = 0; n < 60; n += 1) {
    const time = NOON + (n % 3) * DAY_MS + n * 60_000;
    buyPower(world, { time, wallet: n % 7 === 0 }, rng);
  }
  for (let at = NOON; settlePower(world, NOON + 4 * DAY_MS) > 0; at += 1) expect(at).toBeLessThan(NOON + 50);
  const scanned = (day: number) =>
    [...store.powerLog.getRange()]
      .map(({ value }) => value)
      .filter(({ at, order }) => order.status === 'PAID' && startOfDay(at) === day);
  const days = [0, 1, 2, 3].map((n) => startOfDay(NOON) + n * DAY_MS);
  const found = () => days.map((day) => powerPaidOn(world, day));
  const expected = days.map(scanned);
  expect(expected.map(({ length }) => length > 10)).toEqual([true, true, true, false]);
  expect(found()).toEqual(expected);
  store.powerPaid.clearSync();
  delete store.meta.powerPaid;
  expect(found()).toEqual(expected);
  await store.close();
  remove();
});
