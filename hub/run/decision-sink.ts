import type { DecisionSink } from '../facade/decision-log.js';
import type { RecordCodec } from '../sync/rows.js';
import type { Journal } from './journal.js';

interface EncodedDecision {
  readonly key: string;
  readonly value: Uint8Array;
  readonly id: string;
  readonly time: number;
}

/** Decisions on their way to `hub.decision`. */
export function decisionSink(journal: Journal, codec: RecordCodec): DecisionSink<EncodedDecision> {
  const topic = 'hub.decision';
  return {
    encode: (record) => ({
      key: record.subjectRef ?? record.decisionId,
      value: codec.encode(topic, record),
      id: record.decisionId,
      time: record.decidedAt,
    }),
    append: (records) =>
      journal.append(
        records.map(({ key, value, id, time }) => ({
          topic,
          key,
          value,
          headers: codec.headers(topic, id, id, time),
        })),
      ),
  };
}
