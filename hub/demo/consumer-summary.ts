/**
 * What a consumer's lines look like on a terminal: the first few records of each topic as decoded, then, every
 * few seconds, how many have come. A campus publishes more than anybody can read.
 */
export interface ConsumerSummary {
  /** One line of the consumer. @returns what to print of it, null: it is only counted */
  take(line: string): string | null;
  /** Counts by topic, null when nothing has come since the last time. */
  counts(): string | null;
}

/** Records of each topic that are shown. */
const SHOWN = 3;
/** Characters of a record that are shown. */
const RECORD_CHARS = 180;
/** Topics that are counted apart. */
const TOPICS_MAX = 100;

export function summarise(): ConsumerSummary {
  const byTopic = new Map<string, number>();
  let told = 0;
  const total = (): number => [...byTopic.values()].reduce((sum, count) => sum + count, 0);
  return {
    take(line) {
      const record = recordOf(line);
      // Not a record: an error of the consumer. It is shown as it is.
      if (record === null) return line.slice(0, RECORD_CHARS);
      const { topic, key, value } = record;
      if (!byTopic.has(topic) && byTopic.size >= TOPICS_MAX) return null;
      const count = (byTopic.get(topic) ?? 0) + 1;
      byTopic.set(topic, count);
      if (count > SHOWN) return null;
      told += 1;
      const text = `consumer 消费者: ${topic} ${key} ${JSON.stringify(value)}`;
      return text.length <= RECORD_CHARS ? text : `${text.slice(0, RECORD_CHARS)}…`;
    },
    counts() {
      if (total() === told) return null;
      told = total();
      const parts = [...byTopic].map(([topic, count]) => `${topic} ${count}`);
      return `consumer 消费者: ${parts.join(', ')} records decoded 条记录`;
    },
  };
}

function recordOf(line: string): { topic: string; key: string; value: unknown } | null {
  try {
    const { topic, key, value } = JSON.parse(line) as Record<string, unknown>;
    return typeof topic === 'string' && typeof key === 'string' ? { topic, key, value } : null;
  } catch {
    return null;
  }
}
