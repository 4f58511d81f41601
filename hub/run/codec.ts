import { readFileSync } from 'node:fs';
import type { TopicName } from '../../contracts/types.js';
import { createCodecs, createHeaders, type Codecs } from '../log/envelope.js';
import { loadCatalogue } from '../log/catalogue.js';
import { createVersionReader } from '../log/projection.js';
import { packagePath } from '../package-root.js';
import type { RecordCodec } from '../sync/rows.js';

const { version } = JSON.parse(readFileSync(packagePath('package.json'), 'utf8')) as { version: string };

/** Version of this package; stands in the headers of every record. */
export const HUB_VERSION = version;

export function openCodecs(): Codecs {
  return createCodecs(loadCatalogue());
}

/**
 * Codec with the CloudEvents headers of one origin.
 * @param origin `/tenant/source/stream`, the events' source
 */
export function recordCodec(codecs: Codecs, origin: string, now: () => number): RecordCodec {
  // One encoder for good: its slabs are never written twice, so the views stay valid while a batch is sent.
  const encoder = codecs.createEncoder();
  const version = createVersionReader(loadCatalogue());
  const headersOf = createHeaders(origin, HUB_VERSION);
  return {
    encode: (topic, value) => encoder.encode(topic as TopicName, value as never),
    decode: (topic, bytes) => codecs.codecFor(topic as TopicName).decode(bytes),
    version,
    headers: (topic, key, id, time) =>
      headersOf({
        topic,
        schemaId: codecs.codecFor(topic as TopicName).schemaId,
        id,
        time,
        subject: key,
        observedAt: now(),
      }),
  };
}
