import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { deadlineWithin } from './sdk-deadline.js';

it('ends with the signal that it was made of, for its reason, or when the time is over, and says which', async () => {
  const outer = new AbortController();
  const within = deadlineWithin(outer.signal, 60_000);
  outer.abort(new Error('stopped'));
  expect([within.signal.reason, within.isOver]).toEqual([new Error('stopped'), false]);
  within.end();
  expect(deadlineWithin(outer.signal, 60_000).signal.aborted).toBe(true);

  const late = deadlineWithin(new AbortController().signal, 1);
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(late.isOver).toBe(true);
  expect(late.signal.reason).toMatchObject({ name: 'TimeoutError' });
});

it('leaves nothing on a signal that lives as long as the hub', () => {
  const { signal } = new AbortController();
  for (let i = 0; i < 100; i++) deadlineWithin(signal, 60_000).end();
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});
