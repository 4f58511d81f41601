import { readFileSync } from 'node:fs';
import type { TopicName } from '../../contracts/types.js';
import { createCodecs, createHeaders, type Codecs } from '../log/envelope.js';
import { loadCatalogue, type Catalogue } from '../log/catalogue.js';
import { createProjection, createVersionReader } from '../log/projection.js';
import { packagePath } from '../package-root.js';
import type { RecordCodec } from '../sync/rows.js';
import { PROJECTED, type ViewDecoder, type ViewValue } from '../views/fields.js';
import type { ViewTopic } from '../views/view.js';

const { version } = JSON.parse(readFileSync(packagePath('package.json'), 'utf8')) as { version: string };

/** Version of this package; stands in the headers of every record. */
export const HUB_VERSION = version;

/** What is made of the catalogue: once in a process, since reading and checking it takes a while. */
export interface CatalogueCodecs extends Codecs {
  readonly catalogue: Catalogue;
  /** The field `version` of an encoded value; 0 where its topic has none. */
  readonly versionOf: (topic: string, bytes: Uint8Array) => number;
  /** Made at its first use: most commands have no view. */
  readonly view: ViewDecoder;
}

export function openCodecs(): CatalogueCodecs {
  const catalogue = loadCatalogue();
  const codecs = createCodecs(catalogue);
  let view: ViewDecoder | undefined;
  return {
    ...codecs,
    catalogue,
    versionOf: createVersionReader(catalogue),
    get view() {
      return (view ??= viewDecoder(catalogue, codecs));
    },
  };
}

function viewDecoder(catalogue: Catalogue, codecs: Codecs): ViewDecoder {
  const projections = new Map(
    Object.entries(PROJECTED).map(([topic, fields]) => [topic, createProjection(catalogue, topic, fields)]),
  );
  return {
    decode<T extends ViewTopic>(topic: T, bytes: Uint8Array): ViewValue[T] {
      const project = projections.get(topic);
      return (project === undefined ? codecs.codecFor(topic).decode(bytes) : project(bytes)) as ViewValue[T];
    },
  };
}

/**
 * Codec with the CloudEvents headers of one origin.
 * @param origin `/tenant/source/stream`, the events' source
 */
export function recordCodec(codecs: CatalogueCodecs, origin: string, now: () => number): RecordCodec {
  // One encoder for good: its slabs are never written twice, so the views stay valid while a batch is sent.
  const encoder = codecs.createEncoder();
  const headersOf = createHeaders(origin, HUB_VERSION);
  return {
    encode: (topic, value) => encoder.encode(topic as TopicName, value as never),
    decode: (topic, bytes) => codecs.codecFor(topic as TopicName).decode(bytes),
    version: codecs.versionOf,
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
