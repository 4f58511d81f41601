import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isExact, compare, sequenceFaults, type Seen } from './crash/contents.js';
import { runCrash, type CrashReport } from './crash/crash.js';
import { describeKafka } from './kafka/available.js';

const CI = { changes: 3_000, kills: 10, seed: 20_260_901, pageRows: 50, paceMs: 5 };

function expectExact(report: CrashReport): void {
  expect(report.kills).toBe(CI.kills);
  expect(report.topics.filter((topic) => !isExact(topic))).toEqual([]);
  expect(report.records).toBeGreaterThan(CI.changes);
  expect({ lost: report.lost, twice: report.twice }).toEqual({ lost: 0, twice: 0 });
  expect(report.sequenceFaults).toEqual([]);
  expect(report.publishedAgain).toBe(0);
  expect(report.reconciled).toBe(true);
  expect(report.ok).toBe(true);
}

const folder = (): string => join(tmpdir(), `cardhub-crash-${randomUUID()}`);

describe('a sync that is killed', () => {
  test('ten times: the embedded log holds what an uninterrupted run holds, nothing lost, nothing twice', async () => {
    expectExact(await runCrash({ ...CI, engine: 'embedded', dir: folder() }));
  });

  const records: readonly Seen[] = [
    { topic: 'hub.positions', key: 'p', value: '1', id: 'p@1' },
    { topic: 'master.door-event', key: 'k', value: 'a', id: 'e1' },
    { topic: 'master.door-event', key: 'k', value: 'b', id: 'e2' },
  ];
  const [first, , last] = records as [Seen, Seen, Seen];

  test('the comparison sees a lost record', () => {
    const [, events] = compare(records, records.slice(0, 2));
    expect(events).toMatchObject({ lost: 1, surplus: 0, sameFold: false });
  });

  test('the comparison sees a record that stands twice', () => {
    const [, events] = compare(records, [...records, last]);
    expect(events).toMatchObject({ lost: 0, surplus: 1, twice: 1 });
  });

  test('the comparison sees a changed value under the same id', () => {
    const [, events] = compare(records, [...records.slice(0, 2), { ...last, value: 'c' }]);
    expect(events).toMatchObject({ lost: 1, surplus: 1, twice: 0, sameFold: false });
  });

  test('a position that skips or repeats a number is a fault', () => {
    expect(sequenceFaults(records)).toEqual([]);
    expect(sequenceFaults([first, { ...first, id: 'p@3' }])).toEqual(['p: 1 is followed by 3']);
    expect(sequenceFaults([first, first])).toEqual(['p: 1 is followed by 1']);
  });
});

describeKafka('a sync into Kafka that is killed', (brokers) => {
  test('ten times: a read_committed consumer finds what an uninterrupted run holds', async () => {
    expectExact(await runCrash({ ...CI, engine: 'kafka', brokers, dir: folder() }));
  });
});
