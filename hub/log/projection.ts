/**
 * Reads some fields out of encoded values without making the rest of them: what is skipped costs no strings.
 */
import avro from 'avsc';
import { type Catalogue, subjectOf } from './catalogue.js';
import { parseSchema } from './compatibility.js';
import { EnvelopeError, schemaIdOf } from './envelope.js';

const PREFIX_BYTES = 5;
const VERSION = 'version';

interface RecordSchema {
  readonly type: string;
  readonly name: string;
  readonly namespace?: string;
  readonly fields: readonly { readonly name: string }[];
}

type Read = (data: Buffer) => Readonly<Record<string, unknown>>;

/**
 * Reader of some fields of a topic's values, written with any schema that the catalogue has for it; fields that the
 * topic does not have are left out. Throws `EnvelopeError` where the bytes are not of that topic.
 */
export function createProjection(
  catalogue: Catalogue,
  topic: string,
  fields: readonly string[],
): (bytes: Uint8Array) => Readonly<Record<string, unknown>> {
  const readers = new Map<number, Read>();
  const newest = catalogue.versions(subjectOf(topic)).at(-1);
  if (newest === undefined)
    throw new EnvelopeError('UNKNOWN_TOPIC', `the catalogue has no schema for topic ${topic}`);
  const schema = JSON.parse(newest.schema) as RecordSchema;
  const wanted = schema.fields.filter(({ name }) => fields.includes(name));
  const projected = avro.Type.forSchema({ ...schema, fields: wanted } as avro.Schema);
  const readerOf = (id: number): Read => {
    const written = catalogue.byId(id);
    if (written?.subject !== subjectOf(topic)) {
      throw new EnvelopeError(
        'UNKNOWN_SCHEMA',
        `${topic}: value with schema id ${id}, which is of another topic`,
      );
    }
    const resolver = projected.createResolver(parseSchema(JSON.parse(written.schema)));
    return (data) => projected.fromBuffer(data, resolver) as Readonly<Record<string, unknown>>;
  };
  return (bytes) => {
    const id = schemaIdOf(bytes, topic);
    let read = readers.get(id);
    if (read === undefined) readers.set(id, (read = readerOf(id)));
    return read(Buffer.from(bytes.buffer, bytes.byteOffset + PREFIX_BYTES, bytes.byteLength - PREFIX_BYTES));
  };
}

/** Reader of the field `version` of any topic's values; 0 for a topic whose values have none. */
export function createVersionReader(catalogue: Catalogue): (topic: string, bytes: Uint8Array) => number {
  const topics = new Map<string, (bytes: Uint8Array) => Readonly<Record<string, unknown>>>();
  return (topic, bytes) => {
    let read = topics.get(topic);
    if (read === undefined) topics.set(topic, (read = createProjection(catalogue, topic, [VERSION])));
    const found = read(bytes)[VERSION];
    return typeof found === 'number' ? found : 0;
  };
}
