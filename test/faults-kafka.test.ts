import { randomUUID } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { openKafkaLog } from '../hub/log/kafka/kafka-log.js';
import { LogError, type Log, type LogWriter, type StoredRecord } from '../hub/log/log.js';
import { EVENT, POSITIONS, positionOf, STATE, TOPICS } from '../hub/log/log.workload.js';
import { describeKafka } from './kafka/available.js';

const ID = 'qau/core/cards/0';

describeKafka('faults between the log and its brokers', (brokers) => {
  const logs: Log[] = [];
  const sockets = new Set<Socket>();
  let cutting: NodeJS.Timeout | undefined;
  afterEach(async () => {
    clearInterval(cutting);
    await Promise.all(logs.splice(0).map((log) => log.close()));
  });

  async function open(prefix: string, cuttable: boolean): Promise<Log> {
    const socketFactory = ({
      host,
      port,
      onConnect,
    }: {
      host: string;
      port: number;
      onConnect: () => void;
    }) => {
      const socket = connect({ host, port }, onConnect);
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      return socket;
    };
    const log = await openKafkaLog({
      brokers: brokers.split(','),
      prefix,
      clientId: 'faults',
      topics: TOPICS,
      ...(cuttable ? { socketFactory } : {}),
    });
    logs.push(log);
    return log;
  }

  const sequenceOf = (writer: LogWriter): number => {
    const value = writer.position?.value;
    return value ? (JSON.parse(Buffer.from(value).toString()) as { sequence: number }).sequence : 0;
  };

  async function readAll(log: Log, topic: string): Promise<StoredRecord[]> {
    const seen: StoredRecord[] = [];
    for await (const batch of log.read({ topic, until: 'end' })) seen.push(...batch.records);
    return seen;
  }

  test('a log that is closed leaves no connection behind, whenever its readers were told to stop', async () => {
    const prefix = `f${randomUUID().slice(0, 8)}.`;
    const log = await open(prefix, true);
    await log.applyTopics(TOPICS);
    await Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        const stop = new AbortController();
        // At every stage: connecting, asking for the leaders, connecting for the first fetch, fetching.
        setTimeout(() => stop.abort(), 4 * i);
        for await (const batch of log.read({ topic: EVENT, until: 'follow', signal: stop.signal }))
          void batch;
      }),
    );
    await log.close();
    await vi.waitFor(() => expect(sockets.size).toBe(0), { timeout: 5_000 });
  });

  test('whichever connections are cut when, each batch is there once, and the follower sees each once', async () => {
    const prefix = `f${randomUUID().slice(0, 8)}.`;
    const sound = await open(prefix, false);
    await sound.applyTopics(TOPICS);
    const shaky = await open(prefix, true);
    const control = new AbortController();
    const followed: StoredRecord[] = [];
    const following = (async () => {
      for await (const batch of shaky.read({ topic: EVENT, until: 'follow', signal: control.signal })) {
        followed.push(...batch.records);
      }
    })();

    let cuts = 0;
    cutting = setInterval(() => {
      const victims = [...sockets];
      const victim = victims[Math.floor(Math.random() * victims.length)];
      if (victim) {
        cuts++;
        victim.destroy(new Error('cut by the test'));
      }
    }, 15);
    const wanted = 150;
    let writer: LogWriter | undefined;
    let sequence = 0;
    const deadline = Date.now() + 60_000;
    while (sequence < wanted && Date.now() < deadline) {
      try {
        if (writer === undefined) {
          writer = await shaky.openWriter(ID);
          // What was acknowledged is there; what was not may be.
          expect(sequenceOf(writer)).toBeGreaterThanOrEqual(sequence);
          expect(sequenceOf(writer)).toBeLessThanOrEqual(sequence + 1);
          sequence = sequenceOf(writer);
        }
        const n = sequence + 1;
        const records = [STATE, EVENT].flatMap((topic) =>
          Array.from({ length: 20 }, (_, i) => ({
            topic,
            key: `core:${i}`,
            value: Buffer.from(`${n}`),
            headers: {},
          })),
        );
        await writer.append({ records, position: positionOf(ID, n) });
        sequence = n;
      } catch (error) {
        // FENCED: the broker may carry out a cut InitProducerId only after the one that was sent in its place, and then
        // fences that. To an owner it is another one's writer: it rejoins and opens its own anew, as is done here.
        if (!(error instanceof LogError) || !['UNAVAILABLE', 'FENCED'].includes(error.code)) throw error;
        await writer?.close();
        writer = undefined;
      }
    }
    clearInterval(cutting);
    // A slow machine gets through fewer batches before the time is up; each of them must be there once.
    if (writer === undefined) sequence = sequenceOf(await shaky.openWriter(ID));
    const batches = sequence;
    expect(batches).toBeGreaterThan(5);
    expect(cuts).toBeGreaterThan(20);

    for (const topic of [STATE, EVENT]) {
      const seen = await readAll(sound, topic);
      expect(seen).toHaveLength(20 * batches);
      for (let key = 0; key < 20; key++) {
        const numbers = seen
          .filter((r) => r.key === `core:${key}`)
          .map((r) => Number(Buffer.from(r.value!).toString()));
        expect(numbers).toEqual(numbers.map((_, i) => i + 1));
      }
    }
    expect((await readAll(sound, POSITIONS)).length).toBe(batches);
    while (followed.length < 20 * batches && Date.now() < deadline + 60_000) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    control.abort();
    await following;
    expect(followed).toHaveLength(20 * batches);
  });
});
