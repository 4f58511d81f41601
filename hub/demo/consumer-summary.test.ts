import { expect, test } from 'vitest';
import { summarise } from './consumer-summary.js';

const record = (topic: string, n: number): string =>
  JSON.stringify({
    topic,
    partition: 0,
    offset: String(n),
    key: `k${n}`,
    value: { n, text: 'x'.repeat(999) },
  });

test('the first records of each topic are shown, shortened; the others are counted', () => {
  const summary = summarise();
  const shown: string[] = [];
  for (let n = 0; n < 5_000; n += 1) {
    for (const topic of ['demo.master.door-event', 'demo.master.card-event']) {
      const line = summary.take(record(topic, n));
      if (line !== null) shown.push(line);
    }
  }
  expect(shown).toHaveLength(6);
  expect(shown[0]).toMatch(/demo\.master\.door-event k0 \{"n":0,.*…$/);
  for (const line of shown) expect(line.length).toBeLessThan(200);
  expect(summary.counts()).toContain('demo.master.door-event 5000, demo.master.card-event 5000 records');
  expect(summary.counts()).toBeNull();
  summary.take(record('demo.master.card-event', 5_000));
  expect(summary.counts()).toContain('demo.master.card-event 5001');
});

test('what all was shown is not counted again, and an error of the consumer is shown', () => {
  const summary = summarise();
  expect(summary.take(record('a', 1))).not.toBeNull();
  expect(summary.counts()).toBeNull();
  expect(summary.take('Error: the registry has no schema 7')).toBe('Error: the registry has no schema 7');
  expect(summary.take('x'.repeat(10_000))?.length).toBeLessThan(200);
});
