import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { GAP_MS_MAX, runTakeover } from './crash/takeover-run.js';
import { describeKafka } from './kafka/available.js';

describeKafka('three hubs on one broker', (brokers) => {
  test('killed and started at random for 40 s: every stream soon has an owner, one writes, nothing is lost or repeated', async () => {
    const report = await runTakeover({
      brokers,
      seconds: 40,
      seed: 20_260_901,
      dir: join(tmpdir(), `cardhub-takeover-${randomUUID()}`),
      eventEveryMs: [2_000, 8_000],
    });
    expect(report.fallen).toEqual([]);
    expect(report.kills).toBeGreaterThan(1);
    expect(report.longestGapMs).toBeLessThanOrEqual(GAP_MS_MAX);
    expect(report.interleaved).toEqual([]);
    expect(report.sequenceFaults).toEqual([]);
    expect({ lost: report.lost, twice: report.twice }).toEqual({ lost: 0, twice: 0 });
    expect(report.records).toBeGreaterThan(report.swipes);
    expect(report.ok).toBe(true);
  });
});
