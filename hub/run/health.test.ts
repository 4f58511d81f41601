import { expect, it } from 'vitest';
import { ConnectorError } from '../../connectors/sdk.js';
import { LogError } from '../log/log.js';
import { emptyBooks } from '../sync/books.js';
import { watchHealth } from './health.js';

const id = 'qau/core/cards/0';

it('a stream that fails has its reason and the time of its first failure, until a page comes', () => {
  let time = 1_000;
  const health = watchHealth(() => time);
  expect(health.of(id)).toEqual({ trouble: null, caughtUpAt: null });
  const error = new ConnectorError('BUSINESS', 'the vendor is off', 'later', { reason: 'VENDOR_OFF' });
  health.note({ kind: 'trouble', id, error, retryInMs: 500 });
  time = 1_500;
  health.note({ kind: 'trouble', id, error, retryInMs: 1_000 });
  const words = { code: 'connector.BUSINESS', reason: 'VENDOR_OFF', message: 'the vendor is off' };
  expect(health.of(id).trouble).toEqual({ ...words, since: 1_000, retryAt: 2_500 });
  expect(health.of('qau/core/accounts/0').trouble).toBeNull();
  health.note({ kind: 'batch', id, books: emptyBooks(), asOf: 1 });
  expect(health.of(id)).toEqual({ trouble: null, caughtUpAt: null });
  health.note({ kind: 'idle', id });
  expect(health.of(id)).toEqual({ trouble: null, caughtUpAt: 1_500 });
});

it('trouble with the log says so, and what was read before stays on record', () => {
  const health = watchHealth(() => 7);
  health.note({ kind: 'idle', id });
  health.note({
    kind: 'trouble',
    id,
    error: new LogError('UNAVAILABLE', 'no broker', 'later'),
    retryInMs: 3,
  });
  expect(health.of(id)).toEqual({
    trouble: { code: 'log.UNAVAILABLE', reason: null, message: 'no broker', since: 7, retryAt: 10 },
    caughtUpAt: 7,
  });
});
