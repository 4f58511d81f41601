/** What `shadow` and `grants propose` read from the log: recorded door events, and the view as it is now. */
import { readFile } from 'node:fs/promises';
import type { DoorEvent } from '../../contracts/types.js';
import { formatDate, parseDate } from '../../transforms/time.js';
import type { Config } from '../config/types.js';
import type { DayRange } from '../desk/propose.js';
import type { ViewTopic, HubView } from '../views/view.js';
import { CliError } from './errors.js';
import type { LogReader } from './open-reader.js';

/** `--from` and `--until`, days in Asia/Shanghai, both inclusive. */
export function dayRange(from: string | undefined, until: string | undefined): DayRange {
  const range = { from: day(from, '--from'), until: day(until, '--until') };
  if (range.from <= range.until) return range;
  throw new CliError('USAGE', `expected --from before --until, got ${from} and ${until}`);
}

export function day(text: string | undefined, option: string): number {
  const parsed = text === undefined ? undefined : parseDate(text);
  if (parsed?.ok === true) return parsed.days;
  throw new CliError('USAGE', `${option}: expected a day such as 2019-04-01, got ${text ?? 'nothing'}`);
}

export function showRange(range: DayRange): string {
  return `${formatDate(range.from)} … ${formatDate(range.until)}`;
}

/** Hands every door event of the log over, in the order of the log. */
export async function eachDoorEvent(
  { log, codec }: LogReader,
  signal: AbortSignal,
  use: (event: DoorEvent) => void,
): Promise<void> {
  for await (const batch of log.read({ topic: 'master.door-event', until: 'end', signal })) {
    for (const { topic, value } of batch.records) {
      if (value !== null) use(codec.decode(topic, value) as DoorEvent);
    }
  }
  signal.throwIfAborted();
}

/** State topics that decide; positions last, since they prove the others. Door events are replayed instead. */
const TOPICS: readonly ViewTopic[] = [
  'hub.policy',
  'master.door',
  'master.access-grant',
  'hub.person-source',
  'master.card',
  'hub.out-of-scope-card',
  'hub.positions',
];

export interface RecordedView {
  readonly view: HubView;
  /** When the card's record last changed upstream, epoch ms. */
  readonly cardChangedAt: (cardKey: string) => number | undefined;
}

/** The view filled from the log up to its end as it stands now. */
export async function readView(
  { log, codec }: LogReader,
  config: Config,
  now: () => number,
  signal: AbortSignal,
): Promise<RecordedView> {
  const [{ createHubView }, { readerProfiles }, policy] = await Promise.all([
    import('../views/view.js'),
    import('../../transforms/reader-profiles.js'),
    ownPolicy(config),
  ]);
  const own = config.readers.profiles as unknown as Parameters<typeof readerProfiles>[0];
  const { profiles } = readerProfiles(own);
  const view = createHubView({ tenant: config.tenant, profiles, now, ...(policy && { policy }) });
  const changed = new Map<string, number>();
  for (const topic of TOPICS) {
    for await (const batch of log.read({ topic, until: 'end', signal })) {
      for (const { key, value } of batch.records) {
        const decoded = value === null ? null : codec.decode(topic, value);
        view.apply(topic, key, decoded as never);
        const { changedAt } = (decoded ?? {}) as { changedAt?: number | null };
        if (typeof changedAt === 'number') changed.set(key, changedAt);
      }
      view.freshness.advance(topic, batch.partition, batch.next);
    }
  }
  signal.throwIfAborted();
  view.freshness.start();
  return { view, cardChangedAt: (key) => changed.get(key) };
}

async function ownPolicy({ policy }: Config) {
  if (policy === undefined) return undefined;
  const [{ compilePolicy }, { parse }] = await Promise.all([import('../decide/policy.js'), import('yaml')]);
  try {
    return compilePolicy(parse(await readFile(policy, 'utf8')));
  } catch (error) {
    throw new CliError('INPUT', (error as Error).message, { path: policy });
  }
}
