import { LogError, type Log, type StoredRecord } from '../log/log.js';
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

/** Follows a topic from its beginning until the signal; a read that fails is begun again, so records come again. */
export async function followTopic(
  log: Pick<Log, 'read'>,
  topic: string,
  apply: (record: StoredRecord) => void,
  { signal, onProblem }: { readonly signal: AbortSignal; readonly onProblem: (error: unknown) => void },
): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const batch of log.read({ topic, until: 'follow', signal })) batch.records.forEach(apply);
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
