import { expect, it, onTestFinished } from 'vitest';
import type { Decision as DecisionRecord } from '../../contracts/types.js';
import { DecisionLog } from './decision-log.js';
import { createUuid7 } from './uuid7.js';

/** A decision of this time cannot be encoded. */
const UNFIT = 13;

function open(bufferMax: number) {
  const appends: (readonly DecisionRecord[])[] = [];
  const alarms: string[] = [];
  const state = { fails: 0 };
  const log = new DecisionLog({
    sink: {
      encode: (record) => {
        if (record.kind === 'DECISION' && record.decidedAt === UNFIT)
          throw new Error('does not fit the contract');
        return record;
      },
      append: async (records) => {
        if (state.fails-- > 0) throw new Error('disk full');
        appends.push(records);
      },
    },
    replica: 'r1',
    pseudonym: () => 'hmac-sha256:x',
    now: () => 0,
    bufferMax,
    flushMs: 60_000,
    onAlarm: ({ code }) => alarms.push(code),
  });
  onTestFinished(() => log.close());
  const add = (decidedAt: number) =>
    log.add({
      decidedAt,
      purpose: 'door',
      action: 'enter',
      subject: { type: 'card', id: 'core:1' },
      decision: { decision: true, reason: 'ALLOW', policyVersion: 'p', ttlMs: 0, facts: [] },
    });
  return { log, appends, alarms, state, add };
}

it('a failed append is tried again with the same records and ids', async () => {
  const { log, appends, alarms, state, add } = open(10);
  state.fails = 1;
  add(1);
  await log.flush();
  add(2);
  expect([log.size, appends.length, alarms]).toEqual([2, 0, ['APPEND_FAILED']]);
  await log.flush();
  await log.flush();
  expect(appends.map((records) => records.map(({ decidedAt }) => decidedAt))).toEqual([[1], [2]]);
  expect(log.size).toBe(0);
});

it('what has no room is counted, alarmed once, and told as one gap', async () => {
  const { log, appends, alarms, add } = open(2);
  for (let i = 1; i <= 5; i++) add(i);
  expect([log.full, log.droppedCount, alarms]).toEqual([true, 3, ['BUFFER_FULL']]);
  await log.flush();
  expect(appends[0]?.map(({ kind, decidedAt, gapCount }) => [kind, decidedAt, gapCount])).toEqual([
    ['DECISION', 1, null],
    ['DECISION', 2, null],
    ['GAP', 3, 3],
  ]);
  expect(log.full).toBe(false);
});

it('decisions of a turn are recorded at its end, by themselves; one that cannot be is told in the gap', async () => {
  const { log, appends, alarms, add } = open(10);
  for (const at of [1, UNFIT, 2]) add(at);
  expect([log.size, log.droppedCount]).toEqual([3, 0]);
  await new Promise((resolve) => setImmediate(resolve));
  expect([log.size, log.droppedCount, alarms]).toEqual([2, 1, ['BUFFER_FULL', 'APPEND_FAILED']]);
  await log.flush();
  expect(appends[0]?.map(({ kind, decidedAt }) => [kind, decidedAt])).toEqual([
    ['DECISION', 1],
    ['DECISION', 2],
    ['GAP', UNFIT],
  ]);
});

it('an id is a UUIDv7 whose time is that of the decision', () => {
  const uuid = createUuid7();
  const ids = Array.from({ length: 600 }, () => uuid(Date.parse('2026-11-23T02:00:00Z')));
  for (const id of ids)
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(new Set(ids).size).toBe(600);
  expect(parseInt(ids[0]!.replaceAll('-', '').slice(0, 12), 16)).toBe(Date.parse('2026-11-23T02:00:00Z'));
});
