import { eventRetold, isRetold } from '../../transforms/kinds.js';
import type { StoredRecord } from '../log/log.js';
import type { StreamDeps } from '../sync/stream.js';
import type { EventLedger } from './event-ledger.js';

/**
 * Events on the log that the upstream, asked again, has not told: which of them are missing there?
 *
 *   before the first told one of its partition   the upstream keeps events for a while only: older
 *   an earlier form of a thing that is told      superseded: older
 *   anything else                                missing
 *
 * An event is appended in the order in which its feed told it, so what stands behind a told one was told after it.
 */
export interface Unseen {
  readonly missing: number;
  readonly older: number;
}

export async function judgeUnseen(
  deps: StreamDeps,
  topics: readonly string[],
  ledger: EventLedger,
): Promise<Unseen> {
  let [missing, older] = [0, 0];
  if (ledger.seen === ledger.published) return { missing, older };
  for (const topic of topics) {
    const forms = isRetold(topic) ? await formsTold(deps, topic, ledger) : null;
    const reached = new Set<number>();
    for await (const record of ownEvents(deps, topic)) {
      const id = record.headers.ce_id ?? '';
      if (!ledger.isUnseen(id)) {
        reached.add(record.partition);
        continue;
      }
      const isSuperseded = forms !== null && isEarlierForm(deps, record, forms);
      if (isSuperseded || !reached.has(record.partition)) {
        older += 1;
        ledger.forget(id);
      } else {
        missing += 1;
        ledger.example(id);
      }
    }
  }
  return { missing, older };
}

async function* ownEvents(deps: StreamDeps, topic: string): AsyncGenerator<StoredRecord> {
  const prefix = `${deps.source}:${deps.stream.spec.name}:`;
  for await (const batch of deps.log.read({ topic, until: 'end' })) {
    for (const record of batch.records) {
      if (record.value !== null && record.headers.ce_id?.startsWith(prefix) === true) yield record;
    }
  }
}

/** The forms that were told, by thing. */
async function formsTold(
  deps: StreamDeps,
  topic: string,
  ledger: EventLedger,
): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const forms = new Map<string, Set<string>>();
  for await (const record of ownEvents(deps, topic)) {
    if (ledger.isUnseen(record.headers.ce_id ?? '')) continue;
    const named = retoldOf(deps, record);
    if (named === null) continue;
    forms.set(named[0], (forms.get(named[0]) ?? new Set()).add(named[1]));
  }
  return forms;
}

function isEarlierForm(
  deps: StreamDeps,
  record: StoredRecord,
  forms: ReadonlyMap<string, ReadonlySet<string>>,
): boolean {
  const named = retoldOf(deps, record);
  const told = named === null ? undefined : forms.get(named[0]);
  return told !== undefined && !told.has(named![1]);
}

const retoldOf = (deps: StreamDeps, { topic, value }: StoredRecord) =>
  value === null ? null : eventRetold(topic, deps.codec.decode(topic, value));
