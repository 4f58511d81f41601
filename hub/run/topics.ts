import { LogError, type Log, type ReadBatch, type StoredRecord } from '../log/log.js';
import { pause } from '../pause.js';

const RETRY_MS = 1_000;
/** A record is durable when this wait begins; it only tells whether this hub acts by it already. */
const IN_FORCE_MS_MAX = 2_000;
const IN_FORCE_POLL_MS = 5;

/** Every record of a topic as it stands now; none where an older version made the log and it lacks the topic. */
export async function* recordsOf(log: Pick<Log, 'read'>, topic: string): AsyncGenerator<StoredRecord> {
  try {
    for await (const batch of log.read({ topic, until: 'end' })) yield* batch.records;
  } catch (error) {
    if (error instanceof LogError && error.code === 'UNKNOWN_TOPIC') return;
    throw error;
  }
}

interface Following {
  readonly signal: AbortSignal;
  readonly onProblem: (error: unknown) => void;
}

/** Follows a topic from its beginning until the signal: every record, once where `apply` does not throw. */
export function followTopic(
  log: Pick<Log, 'read'>,
  topic: string,
  apply: (record: StoredRecord) => void,
  following: Following,
): Promise<void> {
  return followBatches(log, topic, (batch) => batch.records.forEach(apply), following);
}

/** The same by batches. A read that fails is begun again behind the last batch that was applied. */
export async function followBatches(
  log: Pick<Log, 'read'>,
  topic: string,
  apply: (batch: ReadBatch) => void | Promise<void>,
  { signal, onProblem }: Following,
): Promise<void> {
  const from = new Map<number, number>();
  while (!signal.aborted) {
    try {
      for await (const batch of log.read({ topic, until: 'follow', from: new Map(from), signal })) {
        await apply(batch);
        from.set(batch.partition, batch.next);
      }
    } catch (error) {
      if (!signal.aborted) onProblem(error);
    }
    await pause(RETRY_MS, signal);
  }
}

/** Whether it came true while an operator would wait for it. */
export async function soonTrue(holds: () => boolean): Promise<boolean> {
  const deadline = performance.now() + IN_FORCE_MS_MAX;
  while (!holds() && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, IN_FORCE_POLL_MS));
  }
  return holds();
}
