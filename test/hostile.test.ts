import { expect, it } from 'vitest';
import { fire } from './hostile/fire.js';
import { startUnderFire } from './hostile/hub.js';

/** The short form of `node dist/test/hostile/main.js`: card core and doors in this process, every route. */
it('answers hostile clients as the OpenAPI document says, and tells none of the secrets of the campus', async () => {
  const hub = await startUnderFire(50, 7, 'doors');
  const weigh = async () => ({ held: null, errors: hub.errors });
  const report = await fire({ ...hub, weigh }, { requests: 1_000, seed: 20261123 });
  expect(report.findings).toEqual([]);
  expect(report.errors).toEqual([]);
  expect(report.secrets).toBeGreaterThan(200);
  for (const status of ['200', '400', '401', '403', '404', '405', '413', '417', '431']) {
    expect(report.statuses, status).toHaveProperty(status);
  }
}, 120_000);
