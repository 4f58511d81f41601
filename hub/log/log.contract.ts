import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LIMITS } from './log.js';
import type { Log, LogErrorCode, LogRecord, LogWriter, StoredRecord, TopicDefinition } from './log.js';
import { partitionOf } from './partition.js';
import { EVENT, POSITIONS, STATE, TOPICS, WORKLOAD_RECORDS, positionOf } from './log.workload.js';

/**
 * The suite that both engines pass: the promises of `log.ts` and those of the fourteen rules that concern
 * the log, each named in its test. An engine's test calls `logContract(name, harness)`.
 *
 * What only one engine can be asked (cut its file, fill its disk, leave a foreign transaction open) is a
 * capability of the harness; one that is missing shows as a skipped test with its reason.
 */

/** What an engine can be made to do, or the reason why that makes no sense there. */
export type Capability<T> = T | { readonly missing: string };

export interface CrashRun {
  /** How many batches the child process has been told are safe, as far as its reports have come. */
  acknowledged(): number;
  /** SIGKILLs the child, waits for its end, and opens the same store again in this process. */
  kill(): Promise<{ log: Log; acknowledged: number }>;
}

export interface LogHarness {
  readonly engine: Log['engine'];
  /** Runs of a property test: many where a store costs nothing, few where it costs a broker's round trips. */
  readonly runs: number;
  /** A log on a new, empty store (folder, topic prefix) with these topics applied. */
  open(topics: readonly TopicDefinition[]): Promise<Log>;
  /** Closes the log and opens the same store again. */
  reopen(log: Log): Promise<Log>;
  /** A second log on the same store, as another process would have it; may be read-only. */
  reader(log: Log): Promise<Log>;
  /** A log on the same store that may open writers beside `log`; embedded: `log` itself. */
  rival(log: Log): Promise<Log>;
  /** Closes and removes all that the harness opened since the last call. */
  cleanUp(): Promise<void>;

  /** A child process runs `appendForever` of `log.workload.ts` for this source partition. */
  readonly crash: Capability<(log: Log, id: string) => Promise<CrashRun>>;
  /** Runs compaction and retention to their end as if it were `aheadMs` later. */
  readonly settle: Capability<(log: Log, aheadMs: number) => Promise<void>>;
  /** Another source's transaction: `records` are written, neither committed nor aborted. */
  readonly openTransaction: Capability<
    (log: Log, records: readonly LogRecord[]) => Promise<{ commit(): Promise<void>; abort(): Promise<void> }>
  >;
  /** Opens the store a second time for writing from another process; rejects with `LOCKED`. */
  readonly openTwice: Capability<(log: Log) => Promise<void>>;
  /** A fresh log whose store is full after a few MiB. */
  readonly openSmall: Capability<(topics: readonly TopicDefinition[]) => Promise<Log>>;
  /** Closes the log, damages its file, opens it again and reads all; rejects with `DAMAGED`. */
  readonly damage: Capability<(log: Log, how: 'cut' | 'flip') => Promise<void>>;
}

const SOURCE = 'qau/core/cards/0';
const OTHER = 'qau/gate/swipes/0';
const WAIT_MS = 20_000;
/** Child processes and broker restarts, on a machine that others use too. */
const ABLE_TIMEOUT_MS = 180_000;

const bytes = (text: string): Uint8Array => Buffer.from(text, 'utf8');
const text = (value: Uint8Array | null): string | null => value && Buffer.from(value).toString('utf8');
const record = (topic: string, key: string, value: string | null): LogRecord => ({
  topic,
  key,
  value: value === null ? null : bytes(value),
  headers: { ce_id: `${key}@${value}` },
});

/** A batch of these records with the position at `sequence`. */
const batch = (sequence: number, records: readonly LogRecord[], id = SOURCE) => ({
  records,
  position: positionOf(id, sequence),
});
const sequenceOf = (position: StoredRecord | undefined): number | undefined =>
  position && (JSON.parse(text(position.value)!) as { sequence: number }).sequence;

async function readAll(log: Log, topic: string, from?: ReadonlyMap<number, number>): Promise<StoredRecord[]> {
  const found: StoredRecord[] = [];
  for await (const part of log.read({ topic, until: 'end', ...(from ? { from } : {}) }))
    found.push(...part.records);
  return found;
}

/** All that readers can see of a store, for "nothing has changed". */
async function snapshot(log: Log): Promise<unknown> {
  const all: unknown[] = [];
  for (const { name } of log.topics()) {
    const records = await readAll(log, name);
    records.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
    all.push(records.map((r) => [r.topic, r.partition, r.offset, r.key, text(r.value)]));
  }
  return all;
}

const byPlace = <T extends { topic: string; partition: number }>(places: readonly T[]): T[] =>
  [...places].sort((a, b) => a.topic.localeCompare(b.topic) || a.partition - b.partition);

async function expectCode(action: Promise<unknown>, ...codes: LogErrorCode[]): Promise<void> {
  const outcome = await action.then(
    () => 'no error',
    (error: unknown) => (error as { code?: string }).code ?? String(error),
  );
  expect(codes).toContain(outcome);
}

/** Followers of the running test; they end before its logs do. */
const followers: { readonly stop: () => Promise<void> }[] = [];

/** Gathers what a following reader sees until `enough`, then aborts it. */
function following(log: Log, topic: string, from?: ReadonlyMap<number, number>) {
  const control = new AbortController();
  const seen: StoredRecord[] = [];
  const waiting: { enough: () => boolean; go: () => void }[] = [];
  const done = (async () => {
    const options = { topic, until: 'follow', signal: control.signal, ...(from ? { from } : {}) } as const;
    for await (const part of log.read(options)) {
      seen.push(...part.records);
      for (const waiter of waiting) if (waiter.enough()) waiter.go();
    }
  })();
  const wait = (enough: () => boolean): Promise<void> =>
    enough()
      ? Promise.resolve()
      : new Promise((resolve, reject) => {
          const timer = setTimeout(() => reject(new Error('the follower saw too little')), WAIT_MS);
          waiting.push({ enough, go: () => (clearTimeout(timer), resolve()) });
          done.catch(reject);
        });
  const stop = async (): Promise<void> => {
    control.abort();
    await done;
  };
  done.catch(() => undefined);
  followers.push({ stop });
  return { seen, wait, stop };
}

export function logContract(name: string, harness: LogHarness): void {
  describe(`log contract: ${name}`, () => {
    let log: Log;
    beforeEach(async () => {
      log = await harness.open(TOPICS);
    });
    afterEach(async () => {
      for (const { stop } of followers.splice(0)) await stop().catch(() => undefined);
      await harness.cleanUp();
    });

    /** A test that needs something only some engines can be made to do. */
    function able<K extends 'crash' | 'settle' | 'openTransaction' | 'openTwice' | 'openSmall' | 'damage'>(
      capability: K,
      title: string,
      body: (can: Exclude<LogHarness[K], { missing: string }>) => Promise<void>,
    ): void {
      const can = harness[capability];
      if ('missing' in can) test.skip(`${title} [not on ${harness.engine}: ${can.missing}]`, () => undefined);
      else test(title, () => body(can as Exclude<LogHarness[K], { missing: string }>), ABLE_TIMEOUT_MS);
    }

    async function append(writer: LogWriter, first: number, last: number): Promise<void> {
      for (let n = first; n <= last; n++) {
        await writer.append(
          batch(
            n,
            [record(STATE, `core:${n % 7}`, `s${n}`), record(EVENT, `core:${n % 7}`, `e${n}`)],
            writer.id,
          ),
        );
      }
    }

    describe('rule 1: records and the position commit together', () => {
      test('one append writes several topics and the position, with the offsets that it wrote inside it', async () => {
        const writer = await log.openWriter(SOURCE);
        await append(writer, 1, 5);
        const records = Array.from({ length: 40 }, (_, i) =>
          record(i % 3 ? STATE : EVENT, `core:${i}`, `v${i}`),
        );
        const result = await writer.append(batch(6, records));

        const seen = [...(await readAll(log, STATE)), ...(await readAll(log, EVENT))];
        const last = new Map<string, { topic: string; partition: number; offset: number }>();
        for (const { topic, partition, offset } of seen) {
          if (!seen.some((s) => s.topic === topic && s.partition === partition && s.offset > offset)) {
            last.set(`${topic}/${partition}`, { topic, partition, offset });
          }
        }
        const touched = records.map((r) => `${r.topic}/${partitionOf(r.key, 3)}`);
        const expected = [...last].filter(([place]) => touched.includes(place)).map(([, written]) => written);
        expect(byPlace(result.written)).toEqual(byPlace(expected));

        const positions = await readAll(log, POSITIONS);
        const newest = JSON.parse(text(positions.at(-1)!.value)!) as {
          sequence: number;
          written: typeof expected;
        };
        expect(newest.sequence).toBe(6);
        expect(newest.written).toEqual(result.written);
      });

      test('`written` does not name the place of the position itself', async () => {
        const writer = await log.openWriter(SOURCE);
        const { written } = await writer.append(batch(1, [record(STATE, 'core:1', 'a')]));
        expect(written.map((w) => w.topic)).toEqual([STATE]);
      });

      test('rule 10: an empty batch writes its position alone', async () => {
        const writer = await log.openWriter(SOURCE);
        expect((await writer.append(batch(1, []))).written).toEqual([]);
        expect((await writer.append(batch(2, []))).written).toEqual([]);
        expect(sequenceOf((await log.openWriter(SOURCE)).position)).toBe(2);
        expect(await readAll(log, STATE)).toEqual([]);
      });

      test('when the position cannot be made, no record is written and the writer is dead', async () => {
        const writer = await log.openWriter(SOURCE);
        await append(writer, 1, 3);
        const before = await snapshot(log);
        const position = () => {
          throw new Error('no position');
        };
        await expect(
          writer.append({ records: [record(STATE, 'core:1', 'lost')], position }),
        ).rejects.toThrow();
        await expectCode(writer.append(batch(4, [])), 'CLOSED', 'FENCED');
        expect(await snapshot(log)).toEqual(before);
        expect(sequenceOf((await log.openWriter(SOURCE)).position)).toBe(3);
      });

      test.each([
        ['another topic', () => record(STATE, SOURCE, '{}')],
        ['another key', () => record(POSITIONS, OTHER, '{}')],
        ['no value', () => record(POSITIONS, SOURCE, null)],
      ])('a position with %s is misuse, and nothing is written', async (_, position) => {
        const writer = await log.openWriter(SOURCE);
        await expectCode(writer.append({ records: [record(STATE, 'core:1', 'lost')], position }), 'MISUSE');
        expect(await readAll(log, STATE)).toEqual([]);
        expect(await readAll(log, POSITIONS)).toEqual([]);
      });

      test('any bytes, keys and headers come back as they were given', async () => {
        const some = fc.record({
          topic: fc.constantFrom(STATE, EVENT),
          key: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
          value: fc.option(fc.uint8Array({ maxLength: 300 })),
          headers: fc.dictionary(
            fc
              .string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 10 })
              .filter((h) => h !== '__proto__'),
            fc.string({ unit: 'grapheme', maxLength: 20 }),
            { maxKeys: 4, noNullPrototype: true },
          ),
        });
        const plain = (r: LogRecord) => ({
          key: r.key,
          value: r.value && [...r.value],
          headers: { ...r.headers },
        });
        const writer = await log.openWriter(SOURCE);
        const ends = { [STATE]: new Map<number, number>(), [EVENT]: new Map<number, number>() };
        let sequence = 0;
        await fc.assert(
          fc.asyncProperty(fc.array(some, { maxLength: 20 }), async (records) => {
            await writer.append(batch(++sequence, records));
            for (const topic of [STATE, EVENT] as const) {
              const seen = await readAll(log, topic, ends[topic]);
              for (let partition = 0; partition < 3; partition++) {
                const given = records.filter((r) => r.topic === topic && partitionOf(r.key, 3) === partition);
                expect(seen.filter((r) => r.partition === partition).map(plain)).toEqual(given.map(plain));
              }
              for (const { partition, end } of await log.bounds(topic)) ends[topic].set(partition, end);
            }
          }),
          { numRuns: harness.runs },
        );
      });

      test('a value is not changed by what the caller does to its bytes after the append', async () => {
        const writer = await log.openWriter(SOURCE);
        const value = bytes('before');
        await writer.append(batch(1, [{ topic: STATE, key: 'core:1', value, headers: {} }]));
        value.fill(0);
        expect((await readAll(log, STATE)).map((r) => text(r.value))).toEqual(['before']);
      });
    });

    describe('rules 1 and 2: a new writer fences the old before it reads the position', () => {
      test('a source partition that was never written has no position', async () => {
        expect((await log.openWriter(SOURCE)).position).toBeUndefined();
      });

      test('the new writer starts at the last committed position, and the old one has no more effect', async () => {
        const old = await log.openWriter(SOURCE);
        await append(old, 1, 9);
        const rival = await harness.rival(log);
        const young = await rival.openWriter(SOURCE);
        expect(sequenceOf(young.position)).toBe(9);
        const before = await snapshot(log);
        await expectCode(old.append(batch(10, [record(STATE, 'core:1', 'lost')])), 'FENCED');
        expect(await snapshot(log)).toEqual(before);
        await append(young, 10, 12);
        await expectCode(old.append(batch(11, [])), 'FENCED', 'CLOSED');
        expect(sequenceOf((await rival.openWriter(SOURCE)).position)).toBe(12);
      });

      test('FENCED says never to try again', async () => {
        const old = await log.openWriter(SOURCE);
        await (await harness.rival(log)).openWriter(SOURCE);
        await expect(old.append(batch(1, []))).rejects.toMatchObject({ code: 'FENCED', retry: 'never' });
      });

      test('writers of other source partitions are left alone', async () => {
        const other = await log.openWriter(OTHER);
        const rival = await harness.rival(log);
        await append(await rival.openWriter(SOURCE), 1, 2);
        await append(other, 1, 3);
        expect(sequenceOf((await rival.openWriter(SOURCE)).position)).toBe(2);
        expect(sequenceOf((await rival.openWriter(OTHER)).position)).toBe(3);
      });

      test('an append that races with its fencing is either refused or inside the new position', async () => {
        const rival = await harness.rival(log);
        for (let round = 1; round <= 5; round++) {
          const old = await log.openWriter(SOURCE);
          const base = sequenceOf(old.position) ?? 0;
          const racing = old.append(batch(base + 1, [record(EVENT, 'core:1', `r${round}`)])).then(
            () => base + 1,
            () => undefined,
          );
          const young = await rival.openWriter(SOURCE);
          const reached = sequenceOf(young.position) ?? 0;
          const acknowledged = await racing;
          if (acknowledged !== undefined) expect(reached).toBe(acknowledged);
          await young.append(batch(reached + 1, []));
          const events = await readAll(log, EVENT);
          expect(events.filter((e) => text(e.value) === `r${round}`)).toHaveLength(reached - base);
        }
      });

      test('the position survives compaction of the positions of others', async () => {
        for (const id of [SOURCE, OTHER]) await append(await log.openWriter(id), 1, 30);
        await log.maintain(Date.now());
        expect(sequenceOf((await log.openWriter(SOURCE)).position)).toBe(30);
        expect(sequenceOf((await log.openWriter(OTHER)).position)).toBe(30);
      });

      able(
        'openTransaction',
        'the old-position trap: a foreign open transaction does not hide the newest position',
        async (open) => {
          const writer = await log.openWriter(SOURCE);
          await append(writer, 1, 3);
          // One key for each partition of the positions, so that the open transaction surely shares ours.
          const keys = Array.from({ length: 200 }, (_, i) => `qau/foreign/x/${i}`);
          const blocking = keys.find((key) => partitionOf(key, 3) === partitionOf(SOURCE, 3))!;
          const foreign = await open(log, [record(POSITIONS, blocking, '{"sequence":1}')]);
          await append(writer, 4, 6);
          const opening = (await harness.rival(log)).openWriter(SOURCE);
          const ending = new Promise((resolve) => setTimeout(resolve, 1_000)).then(() => foreign.abort());
          expect(sequenceOf((await opening).position)).toBe(6);
          await ending;
        },
      );
    });

    describe('a writer', () => {
      test('takes one append at a time', async () => {
        const writer = await log.openWriter(SOURCE);
        const first = writer.append(batch(1, [record(STATE, 'core:1', 'a')]));
        await expectCode(writer.append(batch(2, [record(STATE, 'core:1', 'b')])), 'MISUSE');
        await first;
        expect((await readAll(log, STATE)).map((r) => text(r.value))).toEqual(['a']);
      });

      test('appends nothing after it was closed', async () => {
        const writer = await log.openWriter(SOURCE);
        await writer.close();
        await writer.close();
        await expectCode(writer.append(batch(1, [])), 'CLOSED');
        expect(await readAll(log, POSITIONS)).toEqual([]);
      });

      test('refuses a topic that was not applied', async () => {
        const writer = await log.openWriter(SOURCE);
        const records = [record(STATE, 'core:1', 'lost'), record('no.such', 'core:1', 'x')];
        await expectCode(writer.append(batch(1, records)), 'UNKNOWN_TOPIC');
        expect(await readAll(log, STATE)).toEqual([]);
      });

      const small = record(STATE, 'core:1', 'lost');
      const tooLarge: Record<string, () => LogRecord[]> = {
        'a key': () => [small, record(STATE, 'é'.repeat(LIMITS.keyBytes / 2) + 'x', 'v')],
        'an empty key': () => [small, record(STATE, '', 'v')],
        'a value': () => [small, { ...small, value: new Uint8Array(LIMITS.valueBytes + 1) }],
        'the headers of a record': () => [
          small,
          { ...small, headers: { h: 'é'.repeat(LIMITS.headerBytes / 2) } },
        ],
        'the number of records of a batch': () =>
          Array.from({ length: LIMITS.batchRecords + 1 }, () => small),
        'the bytes of a batch': () =>
          Array.from({ length: 19 }, (_, i) => ({
            ...small,
            key: `core:${i}`,
            value: new Uint8Array(LIMITS.valueBytes),
          })),
      };
      test.each(Object.entries(tooLarge))(
        'refuses what is over its limit, and writes nothing of it: %s',
        async (what, records) => {
          const writer = await log.openWriter(SOURCE);
          await expectCode(
            writer.append(batch(1, records())),
            what === 'an empty key' ? 'MISUSE' : 'TOO_LARGE',
          );
          await expectCode(writer.append(batch(1, [])), 'CLOSED', 'FENCED');
          expect(await readAll(log, STATE)).toEqual([]);
          expect((await log.openWriter(SOURCE)).position).toBeUndefined();
        },
      );

      test('takes what is just at its limits', async () => {
        const writer = await log.openWriter(SOURCE);
        const value = new Uint8Array(LIMITS.valueBytes).fill(7);
        const key = 'k'.repeat(LIMITS.keyBytes);
        await writer.append(
          batch(1, [{ topic: STATE, key, value, headers: { h: 'x'.repeat(LIMITS.headerBytes - 1) } }]),
        );
        const many = Array.from({ length: LIMITS.batchRecords }, (_, i) => record(EVENT, `core:${i}`, 'v'));
        await writer.append(batch(2, many));
        const [back] = await readAll(log, STATE);
        expect(back!.key).toBe(key);
        expect(Buffer.compare(back!.value!, value)).toBe(0);
        expect(await readAll(log, EVENT)).toHaveLength(LIMITS.batchRecords);
      });
    });

    describe('rule 13: readers see committed records only, in order', () => {
      test('records of one key keep their order over many appends, and a key has one partition', async () => {
        await append(await log.openWriter(SOURCE), 1, 40);
        const seen = await readAll(log, EVENT);
        expect(seen).toHaveLength(40);
        for (let key = 0; key < 7; key++) {
          const ofKey = seen.filter((r) => r.key === `core:${key}`);
          const numbers = ofKey.map((r) => Number(text(r.value)!.slice(1)));
          expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
          for (const r of ofKey) expect(r.partition).toBe(partitionOf(r.key, 3));
        }
      });

      test('a read gives each partition in offset order, and says where to go on', async () => {
        await append(await log.openWriter(SOURCE), 1, 20);
        const next = new Map<number, number>();
        const offsets = new Map<number, number>();
        for await (const part of log.read({ topic: EVENT, until: 'end' })) {
          for (const r of part.records) {
            expect(r.partition).toBe(part.partition);
            expect(r.topic).toBe(EVENT);
            expect(r.offset).toBeGreaterThan(offsets.get(r.partition) ?? -1);
            expect(part.next).toBeGreaterThan(r.offset);
            offsets.set(r.partition, r.offset);
          }
          expect(part.next).toBeLessThanOrEqual(part.end);
          next.set(part.partition, part.next);
        }
        const bounds = await log.bounds(EVENT);
        for (const { partition, end } of bounds) if (end > 0) expect(next.get(partition)).toBe(end);
        expect(await readAll(log, EVENT, next)).toEqual([]);
        await append(await log.openWriter(SOURCE), 21, 23);
        expect((await readAll(log, EVENT, next)).map((r) => text(r.value)).sort()).toEqual([
          'e21',
          'e22',
          'e23',
        ]);
      });

      test('a read starts at the offsets that it was given', async () => {
        await append(await log.openWriter(SOURCE), 1, 30);
        const all = await readAll(log, EVENT);
        const from = new Map([0, 1, 2].map((p) => [p, all.filter((r) => r.partition === p)[2]?.offset ?? 0]));
        const rest = await readAll(log, EVENT, from);
        const places = (records: StoredRecord[]) => records.map((r) => `${r.partition}/${r.offset}`).sort();
        expect(places(rest)).toEqual(places(all.filter((r) => r.offset >= from.get(r.partition)!)));
      });

      test('a read of an empty topic ends', async () => {
        expect(await readAll(log, EVENT)).toEqual([]);
      });

      test('a read until the end may be left early', async () => {
        await append(await log.openWriter(SOURCE), 1, 5);
        for await (const part of log.read({ topic: EVENT, until: 'end' })) {
          if (part.records.length > 0) break;
        }
        expect(await readAll(log, EVENT)).toHaveLength(5);
      });

      test('a follower sees what is there, then what is appended, and ends when it is aborted', async () => {
        const writer = await log.openWriter(SOURCE);
        await append(writer, 1, 5);
        const follower = following(log, EVENT);
        await follower.wait(() => follower.seen.length === 5);
        await append(writer, 6, 9);
        await follower.wait(() => follower.seen.length === 9);
        await follower.stop();
        await append(writer, 10, 10);
        expect(follower.seen.map((r) => Number(text(r.value)!.slice(1))).sort((a, b) => a - b)).toEqual([
          1, 2, 3, 4, 5, 6, 7, 8, 9,
        ]);
      });

      test('a follower that starts in the middle of busy appending misses nothing and repeats nothing', async () => {
        const writer = await log.openWriter(SOURCE);
        const work = append(writer, 1, 60);
        const first = following(log, EVENT);
        const second = following(await harness.reader(log), EVENT);
        await work;
        for (const { seen, wait } of [first, second]) {
          await wait(() => seen.length >= 60);
          expect(new Set(seen.map((r) => text(r.value))).size).toBe(60);
          expect(seen).toHaveLength(60);
        }
      });

      test('a follower that is told to start behind the end waits for what comes', async () => {
        const writer = await log.openWriter(SOURCE);
        await append(writer, 1, 5);
        const ends = new Map((await log.bounds(EVENT)).map((b) => [b.partition, b.end]));
        const follower = following(log, EVENT, ends);
        await append(writer, 6, 8);
        await follower.wait(() => follower.seen.length === 3);
        expect(follower.seen.map((r) => text(r.value)).sort()).toEqual(['e6', 'e7', 'e8']);
      });

      test('a reader with a signal that is aborted already reads nothing', async () => {
        await append(await log.openWriter(SOURCE), 1, 5);
        let seen = 0;
        for await (const part of log.read({ topic: EVENT, until: 'follow', signal: AbortSignal.abort() })) {
          seen += part.records.length;
        }
        expect(seen).toBe(0);
      });

      test('another process sees what was committed', async () => {
        const writer = await log.openWriter(SOURCE);
        await append(writer, 1, 5);
        const reader = await harness.reader(log);
        expect(await readAll(reader, EVENT)).toHaveLength(5);
        await append(writer, 6, 8);
        expect(await readAll(reader, EVENT)).toHaveLength(8);
        expect(reader.lineage).toBe(log.lineage);
      });

      able(
        'openTransaction',
        'records of an open transaction, and of an aborted one, are never seen',
        async (open) => {
          await append(await log.openWriter(OTHER), 1, 3);
          const foreign = await open(log, [
            record(EVENT, 'core:1', 'never'),
            record(POSITIONS, 'x', '{"sequence":1}'),
          ]);
          expect((await readAll(log, EVENT)).map((r) => text(r.value))).not.toContain('never');
          await foreign.abort();
          await append(await log.openWriter(OTHER), 4, 4);
          const seen = (await readAll(log, EVENT)).map((r) => text(r.value));
          expect(seen).not.toContain('never');
          expect(seen).toHaveLength(4);
        },
      );

      test('a topic that was not applied cannot be read', async () => {
        await expectCode(readAll(log, 'no.such'), 'UNKNOWN_TOPIC');
        await expectCode(log.bounds('no.such'), 'UNKNOWN_TOPIC');
      });

      test('bounds name every partition and hold every record', async () => {
        expect((await log.bounds(EVENT)).map((b) => b.partition).sort()).toEqual([0, 1, 2]);
        for (const { start, end } of await log.bounds(EVENT)) expect([start, end]).toEqual([0, 0]);
        await append(await log.openWriter(SOURCE), 1, 20);
        const bounds = new Map((await log.bounds(EVENT)).map((b) => [b.partition, b]));
        for (const { partition, offset } of await readAll(log, EVENT)) {
          expect(offset).toBeGreaterThanOrEqual(bounds.get(partition)!.start);
          expect(offset).toBeLessThan(bounds.get(partition)!.end);
        }
      });
    });

    describe('rules 6 and 7: state topics keep the newest of each key, event topics all until retention', () => {
      test('`maintain` takes away neither the newest of a key nor an event', async () => {
        await append(await log.openWriter(SOURCE), 1, 50);
        const { compacted, expired } = await log.maintain(Date.now());
        expect(compacted).toBeGreaterThanOrEqual(0);
        expect(expired).toBe(0);
        const newest = new Map((await readAll(log, STATE)).map((r) => [r.key, text(r.value)]));
        expect([...newest].sort()).toEqual(
          [44, 45, 46, 47, 48, 49, 50].map((n) => [`core:${n % 7}`, `s${n}`]).sort(),
        );
        expect(await readAll(log, EVENT)).toHaveLength(50);
      });

      able(
        'settle',
        'compaction leaves exactly the newest record of each key, in order, at its offset',
        async (settle) => {
          const writer = await log.openWriter(SOURCE);
          const model = fc.array(fc.record({ key: fc.nat({ max: 9 }), dead: fc.boolean() }), {
            minLength: 1,
            maxLength: 30,
          });
          let sequence = 0;
          await fc.assert(
            fc.asyncProperty(model, async (steps) => {
              const records = steps.map(({ key, dead }, i) =>
                record(STATE, `core:${key}`, dead ? null : `${sequence}.${i}`),
              );
              const before = await readAll(log, STATE);
              const half = Math.ceil(records.length / 2);
              await writer.append(batch(++sequence, records.slice(0, half)));
              await writer.append(batch(++sequence, records.slice(half)));
              const newest = new Map<string, StoredRecord>();
              const all = await readAll(log, STATE);
              expect(all.length).toBe(before.length + records.length);
              for (const r of all) newest.set(r.key, r);
              const bounds = await log.bounds(STATE);
              await settle(log, 0);
              const places = (list: Iterable<StoredRecord>) =>
                [...list]
                  .map((r) => ({ ...r, value: text(r.value) }))
                  .sort((a, b) => a.partition - b.partition || a.offset - b.offset);
              const left = await readAll(log, STATE);
              expect(places(left)).toEqual(places(newest.values()));
              expect((await log.bounds(STATE)).map((b) => b.end)).toEqual(bounds.map((b) => b.end));
            }),
            { numRuns: harness.runs },
          );
        },
      );

      able('settle', 'a tombstone stays until its retention ends, then goes with its key', async (settle) => {
        const writer = await log.openWriter(SOURCE);
        await writer.append(batch(1, [record(STATE, 'core:1', 'a'), record(STATE, 'core:2', 'b')]));
        await writer.append(batch(2, [record(STATE, 'core:1', null)]));
        await settle(log, 0);
        expect((await readAll(log, STATE)).find((r) => r.key === 'core:1')!.value).toBeNull();
        await settle(log, retentionOf(STATE) + 60_000);
        expect((await readAll(log, STATE)).map((r) => r.key)).toEqual(['core:2']);
        expect(sequenceOf((await log.openWriter(SOURCE)).position)).toBe(2);
      });

      able(
        'settle',
        'events go when their retention has ended, not before, and reads go on behind them',
        async (settle) => {
          const writer = await log.openWriter(SOURCE);
          await append(writer, 1, 20);
          await settle(log, retentionOf(EVENT) - 60_000);
          expect(await readAll(log, EVENT)).toHaveLength(20);
          const ends = await log.bounds(EVENT);
          await settle(log, retentionOf(EVENT) + 60_000);
          expect(await readAll(log, EVENT)).toEqual([]);
          for (const { partition, start, end } of await log.bounds(EVENT)) {
            expect(end).toBe(ends.find((b) => b.partition === partition)!.end);
            expect(start).toBe(end);
          }
          await append(writer, 21, 23);
          expect((await readAll(log, EVENT, new Map([[0, 0]]))).map((r) => text(r.value)).sort()).toEqual([
            'e21',
            'e22',
            'e23',
          ]);
        },
      );

      able('settle', 'a follower does not miss the newest of a key while compaction runs', async (settle) => {
        const writer = await log.openWriter(SOURCE);
        await append(writer, 1, 20);
        const follower = following(log, STATE);
        for (let n = 21; n <= 60; n += 10) {
          await append(writer, n, n + 9);
          await settle(log, 0);
        }
        const folded = () => new Map(follower.seen.map((r) => [r.key, text(r.value)]));
        await follower.wait(() => folded().get('core:4') === 's60');
        for (let n = 54; n <= 60; n++) expect(folded().get(`core:${n % 7}`)).toBe(`s${n}`);
      });
    });

    describe('rule 5: topics are applied once, and their partitions are fixed', () => {
      test('present topics are found, missing ones made', async () => {
        const extra: TopicDefinition = {
          name: 'test.extra',
          kind: 'state',
          partitions: 2,
          retentionMs: 60_000,
        };
        const first = await log.applyTopics([...TOPICS, extra]);
        expect(first.find((r) => r.topic === 'test.extra')!.outcome).toBe('created');
        expect(
          first
            .filter((r) => r.outcome === 'present')
            .map((r) => r.topic)
            .sort(),
        ).toEqual(TOPICS.map((t) => t.name).sort());
        expect((await log.applyTopics([extra])).map((r) => r.outcome)).toEqual(['present']);
        expect(log.topics().map((t) => t.name)).toContain('test.extra');
        expect(await log.bounds('test.extra')).toHaveLength(2);
      });

      test('a wrong partition count is reported with both numbers, and not repaired', async () => {
        const [report] = await log.applyTopics([{ ...TOPICS[0]!, partitions: 5 }]);
        expect(report).toMatchObject({ topic: TOPICS[0]!.name, outcome: 'wrong' });
        expect(report!.detail).toMatch(/3/);
        expect(report!.detail).toMatch(/5/);
        expect(await log.bounds(TOPICS[0]!.name)).toHaveLength(3);
      });
    });

    describe('rules 11 and 12: what is acknowledged stays; a store that is not whole is refused', () => {
      test('all is there after the log is opened again, under the same lineage', async () => {
        await append(await log.openWriter(SOURCE), 1, 12);
        const before = await snapshot(log);
        const { lineage } = log;
        log = await harness.reopen(log);
        expect(await snapshot(log)).toEqual(before);
        expect(log.lineage).toBe(lineage);
        const writer = await log.openWriter(SOURCE);
        expect(sequenceOf(writer.position)).toBe(12);
        await append(writer, 13, 14);
        expect(await readAll(log, EVENT)).toHaveLength(14);
      });

      test('a new store has a new lineage', async () => {
        const another = await harness.open(TOPICS);
        expect(another.lineage).not.toBe(log.lineage);
        expect(another.lineage).not.toBe('');
      });

      test('a closed log does nothing more', async () => {
        const writer = await log.openWriter(SOURCE);
        const follower = following(log, EVENT);
        await log.close();
        await follower.stop().catch(() => undefined);
        await expectCode(writer.append(batch(1, [])), 'CLOSED');
        await expectCode(readAll(log, EVENT), 'CLOSED');
        await expectCode(log.openWriter(SOURCE), 'CLOSED');
        await log.close();
      });

      able(
        'crash',
        'after a SIGKILL at any instant each batch is whole or absent, and acknowledged ones are there',
        async (crash) => {
          let known = 0;
          for (let round = 0; round < Math.min(3, harness.runs); round++) {
            const run = await crash(log, SOURCE);
            const more = 1 + Math.floor(Math.random() * 30);
            const deadline = Date.now() + WAIT_MS;
            while (run.acknowledged() < more && Date.now() < deadline)
              await new Promise((go) => setTimeout(go, 1));
            const after = await run.kill();
            log = after.log;
            known += after.acknowledged;
            const { position } = await log.openWriter(SOURCE);
            const reached = sequenceOf(position) ?? 0;
            expect(reached).toBeGreaterThanOrEqual(known);
            expect(reached).toBeLessThanOrEqual(known + 1);
            known = reached;
            const counts = new Map<string, number>();
            for (const r of [...(await readAll(log, STATE)), ...(await readAll(log, EVENT))]) {
              counts.set(text(r.value)!, (counts.get(text(r.value)!) ?? 0) + 1);
            }
            expect([...counts.keys()].sort()).toEqual(
              Array.from({ length: reached }, (_, i) => `batch ${i + 1}`).sort(),
            );
            expect(new Set(counts.values())).toEqual(new Set([WORKLOAD_RECORDS]));
          }
        },
      );

      able('openTwice', 'rule 14: no second process writes', async (openTwice) => {
        await expectCode(openTwice(log), 'LOCKED');
        await append(await log.openWriter(SOURCE), 1, 2);
      });

      able(
        'openSmall',
        'a full disk stops the appends with DISK_FULL, whole, and reads go on',
        async (openSmall) => {
          const small = await openSmall(TOPICS);
          const writer = await small.openWriter(SOURCE);
          const value = new Uint8Array(200_000).fill(1);
          let sequence = 0;
          let failure: unknown;
          while (failure === undefined && sequence < 1_000) {
            const records = [1, 2].map((i) => ({
              topic: EVENT,
              key: `core:${sequence}.${i}`,
              value,
              headers: {},
            }));
            await writer.append(batch(sequence + 1, records)).then(
              () => sequence++,
              (error: unknown) => (failure = error),
            );
          }
          expect(failure).toMatchObject({ code: 'DISK_FULL', retry: 'later' });
          expect(sequence).toBeGreaterThan(0);
          expect(await readAll(small, EVENT)).toHaveLength(2 * sequence);
          const reopened = await harness.reopen(small);
          expect(await readAll(reopened, EVENT)).toHaveLength(2 * sequence);
        },
      );

      able('damage', 'a file that was cut short is refused', async (damage) => {
        await append(await log.openWriter(SOURCE), 1, 200);
        await expectCode(damage(log, 'cut'), 'DAMAGED');
      });

      able('damage', 'flipped bits are refused', async (damage) => {
        await append(await log.openWriter(SOURCE), 1, 200);
        await expectCode(damage(log, 'flip'), 'DAMAGED');
      });
    });

    describe('ownership', () => {
      test('a hub alone owns every source partition until it lets go', async () => {
        const events: string[] = [];
        const ownership = await log.own([SOURCE, OTHER], {
          assigned: async (ids) => void events.push(...ids.map((id) => `+${id}`)),
          revoked: async (ids) => void events.push(...ids.map((id) => `-${id}`)),
        });
        const deadline = Date.now() + WAIT_MS;
        while (events.length < 2 && Date.now() < deadline) await new Promise((go) => setTimeout(go, 10));
        expect([...events].sort()).toEqual([`+${SOURCE}`, `+${OTHER}`].sort());
        expect([ownership.owns(SOURCE), ownership.owns(OTHER), ownership.owns('qau/x/y/0')]).toEqual([
          true,
          true,
          false,
        ]);
        await ownership.release();
        expect(events.slice(2).sort()).toEqual([`-${SOURCE}`, `-${OTHER}`].sort());
        expect(ownership.owns(SOURCE)).toBe(false);
      });
    });
  });
}

const retentionOf = (topic: string): number => TOPICS.find((t) => t.name === topic)!.retentionMs;
