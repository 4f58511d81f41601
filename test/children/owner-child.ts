/**
 * One hub of several: owns what the group gives it and appends to each source partition without pause, its
 * sequence going on from the position. `owner-child <brokers> <prefix> <source partition>...`; a line for each
 * event: `+id` given, `-id` taken, `#id` appended, `!code id` failed. SIGTERM lets go first.
 */
import { openKafkaLog } from '../../hub/log/kafka/kafka-log.js';
import { LogError } from '../../hub/log/log.js';
import { EVENT, positionOf, TOPICS } from '../../hub/log/log.workload.js';

const [brokers, prefix, ...ids] = process.argv.slice(2) as [string, string, ...string[]];
const say = (line: string) => process.stdout.write(`${line}\n`);
const log = await openKafkaLog({
  brokers: brokers.split(','),
  prefix,
  clientId: 'owner-child',
  topics: TOPICS,
});
const working = new Map<string, Promise<void>>();
const stopping = new Set<string>();

async function work(id: string): Promise<void> {
  try {
    const writer = await log.openWriter(id);
    const value = writer.position?.value;
    let sequence = value ? (JSON.parse(Buffer.from(value).toString()) as { sequence: number }).sequence : 0;
    while (!stopping.has(id)) {
      sequence++;
      const event = {
        topic: EVENT,
        key: id,
        value: Buffer.from(String(sequence)),
        headers: { hub: String(process.pid) },
      };
      await writer.append({ records: [event], position: positionOf(id, sequence) });
      say(`#${id}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await writer.close();
  } catch (error) {
    say(`!${error instanceof LogError ? error.code : String(error)} ${id}`);
  }
}

const ownership = await log.own(ids, {
  assigned: async (given) => {
    for (const id of given) {
      stopping.delete(id);
      say(`+${id}`);
      working.set(id, work(id));
    }
  },
  revoked: async (taken) => {
    for (const id of taken) stopping.add(id);
    for (const id of taken) await working.get(id);
    for (const id of taken) say(`-${id}`);
  },
});
process.on('SIGTERM', () => {
  void (async () => {
    await ownership.release();
    await log.close();
    process.exit(0);
  })();
});
