/** Making topics, and verifying those that are there: reported, never repaired. */
import kafkajs, { type Admin, type ITopicConfig } from 'kafkajs';
import { POSITIONS_TOPIC } from '../limits.js';
import type { TopicDefinition, TopicReport } from '../log.js';
import { isPassing, sleep, type KafkaClient } from './client.js';
import { toLogError } from './errors.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** `LIMITS.valueBytes` plus key, headers and framing fit into Kafka's own default. */
const MESSAGE_BYTES = 1_048_588;

export interface TopicOptions {
  /** Absent: the brokers' default. 3 is usual. */
  readonly replicationFactor?: number;
  /** Absent: the brokers' default. 2 with three replicas. */
  readonly minInsyncReplicas?: number;
}

/** Settings that decide what is kept; Kafka's own names and units. */
export function settingsOf(definition: TopicDefinition): Record<string, string> {
  const retention = Number.isSafeInteger(definition.retentionMs) ? definition.retentionMs : -1;
  const segment = definition.name === POSITIONS_TOPIC ? HOUR_MS : DAY_MS;
  if (definition.kind === 'state') {
    return {
      'cleanup.policy': 'compact',
      'delete.retention.ms': String(retention < 0 ? 100 * 365 * DAY_MS : retention),
      'min.cleanable.dirty.ratio': '0.2',
      // What was erased by a tombstone leaves the disk within a stated time, however quiet the topic is.
      'max.compaction.lag.ms': String(DAY_MS),
      'segment.ms': String(segment),
    };
  }
  return {
    'cleanup.policy': 'delete',
    'retention.ms': String(retention),
    'retention.bytes': '-1',
    // Retention removes whole segments: a tenth of it is how much later a record may go.
    'segment.ms': String(
      retention < 0 ? 7 * DAY_MS : Math.min(7 * DAY_MS, Math.max(HOUR_MS, Math.ceil(retention / 10))),
    ),
  };
}

/** Of the definitions, those whose topic exists. */
export async function presentTopics(
  client: KafkaClient,
  prefix: string,
  definitions: readonly TopicDefinition[],
): Promise<TopicDefinition[]> {
  if (definitions.length === 0) return [];
  return withAdmin(client, 'listing topics', async (admin) => {
    const names = new Set(await admin.listTopics());
    return definitions.filter((d) => names.has(prefix + d.name));
  });
}

export async function applyTopics(
  client: KafkaClient,
  prefix: string,
  definitions: readonly TopicDefinition[],
  options: TopicOptions,
): Promise<TopicReport[]> {
  return withAdmin(client, 'applying topics', async (admin) => {
    const names = new Set(await admin.listTopics());
    const missing = definitions.filter((d) => !names.has(prefix + d.name));
    if (missing.length > 0) {
      const topics = missing.map((d) => creation(prefix, d, options));
      await admin.createTopics({ topics, waitForLeaders: true }).catch((error: unknown) => {
        // Another hub made one of them at the same moment: the checks below look at what there is.
        if ((error as Error).name !== 'KafkaJSAggregateError') throw error;
        client.log('info', 'Some topics could not be created', { error: String(error) });
      });
    }
    const made = new Set(missing.map((d) => d.name));
    const reports: TopicReport[] = [];
    const problems = await problemsOf(admin, prefix, definitions);
    for (const { name } of definitions) {
      const detail = problems.get(name);
      if (detail !== undefined) reports.push({ topic: name, outcome: 'wrong', detail });
      else reports.push({ topic: name, outcome: made.has(name) ? 'created' : 'present' });
    }
    return reports;
  });
}

function creation(prefix: string, definition: TopicDefinition, options: TopicOptions): ITopicConfig {
  const settings = settingsOf(definition);
  if (options.minInsyncReplicas !== undefined)
    settings['min.insync.replicas'] = String(options.minInsyncReplicas);
  return {
    topic: prefix + definition.name,
    numPartitions: definition.partitions,
    replicationFactor: options.replicationFactor ?? -1,
    configEntries: Object.entries(settings).map(([name, value]) => ({ name, value })),
  };
}

async function problemsOf(
  admin: Admin,
  prefix: string,
  definitions: readonly TopicDefinition[],
): Promise<Map<string, string>> {
  const problems = new Map<string, string>();
  const { topics } = await admin.fetchTopicMetadata({ topics: definitions.map((d) => prefix + d.name) });
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: definitions.map((d) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name: prefix + d.name })),
  });
  for (const definition of definitions) {
    const name = prefix + definition.name;
    const partitions = topics.find((t) => t.name === name)?.partitions.length ?? 0;
    const settings = new Map(
      resources.find((r) => r.resourceName === name)?.configEntries.map((e) => [e.configName, e.configValue]),
    );
    const wrong = differences(definition, partitions, settings);
    if (wrong.length > 0) problems.set(definition.name, wrong.join('; '));
  }
  return problems;
}

/** What is kept and where keys go: the settings that lose or misplace records when they differ. */
function differences(
  definition: TopicDefinition,
  partitions: number,
  settings: ReadonlyMap<string, string>,
): string[] {
  const wrong: string[] = [];
  if (partitions !== definition.partitions) {
    wrong.push(`partitions: expected ${definition.partitions}, found ${partitions}`);
  }
  const expected = settingsOf(definition);
  for (const name of ['cleanup.policy', 'retention.ms', 'delete.retention.ms']) {
    const value = expected[name];
    if (value !== undefined && settings.get(name) !== value) {
      wrong.push(`${name}: expected ${value}, found ${settings.get(name)}`);
    }
  }
  const bytes = Number(settings.get('max.message.bytes') ?? MESSAGE_BYTES);
  if (bytes < MESSAGE_BYTES)
    wrong.push(`max.message.bytes: expected at least ${MESSAGE_BYTES}, found ${bytes}`);
  return wrong;
}

/** A topic that was just made is not on every broker at once: passing errors are tried again for a while. */
export async function withAdmin<T>(
  client: KafkaClient,
  doing: string,
  action: (admin: Admin) => Promise<T>,
): Promise<T> {
  const attempts = 5;
  for (let attempt = 1; ; attempt++) {
    const admin = client.kafka.admin();
    try {
      await admin.connect();
      return await action(admin);
    } catch (error) {
      if (attempt === attempts || !isPassing(error)) throw toLogError(error, doing);
      await sleep(100 * attempt);
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
  }
}
