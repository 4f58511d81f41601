import { CARD_TOPICS } from '../../transforms/card.js';
import { ENDED_CARD_STATES } from '../../transforms/codes.js';
import { CredentialIndex, type CardLike } from './credentials.js';
import type { Progress } from './position.js';
import { ownedTopics, rebuildPublished, type EventMemory, type Published } from './published.js';
import { RowMapper } from './rows.js';
import type { StreamDeps } from './stream.js';

/** What a stream holds in memory: a cache of the log (rule 13), and the mapper that keeps it up to date. */
export interface StreamMemory {
  readonly published: Published;
  readonly mapper: RowMapper;
}

/** Reads back what the stream has published, as far as its position says; the digests go on from there. */
export async function rebuildMemory(
  deps: StreamDeps,
  { digests, written }: Pick<Progress, 'digests' | 'written'>,
  events?: EventMemory,
): Promise<StreamMemory> {
  const { name, maps } = deps.stream.spec;
  const topics = ownedTopics(maps);
  const prefix = `${deps.source}:`;
  const idPrefix = `${deps.source}:${name}:`;
  const published = await rebuildPublished(
    deps.log,
    topics,
    written.values(),
    (topic) => (topic === 'hub.quarantine' ? idPrefix : prefix),
    (topic) => (value, headers) => {
      const eventId = headers.ce_id;
      if (eventId === undefined || !eventId.startsWith(idPrefix)) return null;
      return { eventId, ...deps.readEvent(topic, value) };
    },
    (topic, value) => deps.codec.version(topic, value),
    events,
  );
  const credentials = new CredentialIndex();
  for (const topic of CARD_TOPICS) {
    for (const [key, bytes] of published.entries(topic)) {
      const card = deps.codec.decode(topic, bytes) as CardLike;
      // A card that has moved stands on both topics, ended on the one that it left.
      if (!ENDED_CARD_STATES.has(card.state)) credentials.replace(key, card);
    }
  }
  const mapper = new RowMapper({
    source: deps.source,
    stream: name,
    codec: deps.codec,
    mapping: deps.mapping,
    validate: deps.validate,
    published,
    credentials,
    digests,
    eventTopics: new Set(topics.events),
    pseudonym: deps.pseudonym,
    seal: deps.seal,
    lossOf: deps.lossOf ?? (() => null),
  });
  return { published, mapper };
}
