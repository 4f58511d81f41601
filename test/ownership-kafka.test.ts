import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterEach, expect, test } from 'vitest';
import { openKafkaLog } from '../hub/log/kafka/kafka-log.js';
import type { Log, StoredRecord } from '../hub/log/log.js';
import { EVENT, TOPICS } from '../hub/log/log.workload.js';
import { packagePath } from '../hub/package-root.js';
import { refuseBesideOwners } from '../hub/run/once.js';
import type { PlannedStream } from '../hub/run/sources.js';
import { describeKafka } from './kafka/available.js';

const IDS = ['core/cards', 'gate/doors', 'gate/grants', 'gate/swipes', 'bank/notices', 'power/rooms'].map(
  (stream) => `qau/${stream}/0`,
);
/** Session 6 s, heartbeat 1.5 s, and the join itself. */
const TAKEOVER_MS = 15_000;

interface Hub {
  readonly process: ChildProcess;
  readonly owned: Set<string>;
  readonly errors: string[];
  appended: number;
}

describeKafka('asking who owns', (brokers) => {
  const opened: Log[] = [];
  afterEach(async () => {
    for (const log of opened.splice(0)) await log.close();
  });

  test('a sync beside a running hub is refused with the hub’s name and fences nobody; when it has gone, it may', async () => {
    const prefix = `a${randomUUID().slice(0, 8)}.`;
    const open = async (clientId: string): Promise<Log> => {
      const log = await openKafkaLog({ brokers: brokers.split(','), prefix, clientId });
      opened.push(log);
      return log;
    };
    const [hub, sync] = [await open('hub-north'), await open('sync')];
    const streams = IDS.map((id) => ({ deps: { id } })) as unknown as readonly PlannedStream[];
    const refusal = (): Promise<unknown> =>
      refuseBesideOwners(sync, streams).then(
        () => null,
        (error: unknown) => error,
      );
    expect(await refusal()).toBeNull();

    const owned: string[] = [];
    const ownership = await hub.own(IDS, {
      assigned: async (ids) => void owned.push(...ids),
      revoked: async (ids) => void owned.splice(0, ids.length),
    });
    await expect.poll(() => owned.length, { timeout: 40_000 }).toBe(IDS.length);
    expect(await refusal()).toMatchObject({ code: 'LOCKED', retry: 'later' });
    expect(String(await refusal())).toMatch(/is pulled by hub-north .* and 5 more.*stop it first/);
    expect(await sync.owners?.(['qau/other/0'])).toEqual([]);
    expect(owned).toHaveLength(IDS.length);

    await ownership.release();
    await expect.poll(refusal, { timeout: 20_000 }).toBeNull();
  }, 90_000);
});

describeKafka('ownership on Kafka', (brokers) => {
  const hubs: Hub[] = [];
  let log: Log | undefined;
  afterEach(async () => {
    for (const hub of hubs.splice(0)) hub.process.kill('SIGKILL');
    await log?.close();
  });

  function start(prefix: string): Hub {
    const child = spawn(
      process.execPath,
      ['--import', './hub/log/child-hook.mjs', 'test/children/owner-child.ts', brokers, prefix, ...IDS],
      { cwd: packagePath(), stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const hub: Hub = { process: child, owned: new Set(), errors: [], appended: 0 };
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.startsWith('+')) hub.owned.add(line.slice(1));
      else if (line.startsWith('-')) hub.owned.delete(line.slice(1));
      else if (line.startsWith('#')) hub.appended++;
      else hub.errors.push(line);
    });
    hubs.push(hub);
    return hub;
  }

  async function until(what: string, holds: () => boolean, ms: number): Promise<number> {
    const from = performance.now();
    while (!holds()) {
      if (performance.now() - from > ms) {
        const state = hubs.map((hub) => `${[...hub.owned].join(' ')} | ${hub.errors.join(' ')}`);
        throw new Error(`not within ${ms} ms: ${what}\n${state.join('\n')}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return performance.now() - from;
  }

  /** Every id has one owner among these hubs, and the shares differ by at most one. */
  const shared = (among: readonly Hub[]): boolean => {
    const owners = among.flatMap((hub) => [...hub.owned]);
    const sizes = among.map((hub) => hub.owned.size);
    return (
      owners.length === IDS.length &&
      new Set(owners).size === IDS.length &&
      Math.max(...sizes) - Math.min(...sizes) <= 1
    );
  };

  test('three hubs share the source partitions; one is killed, the others take over, and give back; nobody writes twice', async () => {
    const prefix = `o${randomUUID().slice(0, 8)}.`;
    log = await openKafkaLog({ brokers: brokers.split(','), prefix, clientId: 'test' });
    await log.applyTopics(TOPICS);
    const [first, second] = [start(prefix), start(prefix)];
    await until('two hubs share', () => shared([first, second]), 40_000);
    const third = start(prefix);
    await until('a third hub gets its share', () => shared([first, second, third]), 40_000);
    const before = new Set(first.owned);
    await until('it writes', () => third.appended > 5, 10_000);

    third.process.kill('SIGKILL');
    await until('the others take over', () => shared([first, second]), TAKEOVER_MS);
    // Who had a partition keeps it.
    for (const id of before) expect(first.owned).toContain(id);

    const fourth = start(prefix);
    await until('a hub that joins is given its share', () => shared([first, second, fourth]), 40_000);
    await until('it writes', () => fourth.appended > 5, 10_000);
    fourth.process.kill('SIGTERM');
    await once(fourth.process, 'exit');
    await until('a hub that leaves is followed at once', () => shared([first, second]), 6_000);
    await new Promise((resolve) => setTimeout(resolve, 500));
    for (const hub of [first, second]) {
      hub.process.kill('SIGTERM');
      await once(hub.process, 'exit');
      expect(hub.errors).toEqual([]);
    }

    const seen: StoredRecord[] = [];
    for await (const batch of log.read({ topic: EVENT, until: 'end' })) seen.push(...batch.records);
    for (const id of IDS) {
      const numbers = seen.filter((r) => r.key === id).map((r) => Number(Buffer.from(r.value!).toString()));
      expect(numbers.length).toBeGreaterThan(10);
      expect(numbers).toEqual(numbers.map((_, i) => i + 1));
    }
    const writers = new Set(seen.map((r) => r.headers.hub));
    expect(writers.size).toBe(4);
  });
});
