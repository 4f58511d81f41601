/**
 * Reads one number out of encoded values without making the rest of them: what is skipped costs no strings.
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

/**
 * Reader of the field `version` of any topic's values, of any schema in the catalogue; 0 for a topic whose values
 * have none. Throws `EnvelopeError` where the bytes are not of that topic.
 */
export function createVersionReader(catalogue: Catalogue): (topic: string, bytes: Uint8Array) => number {
  const readers = new Map<number, (data: Buffer) => number>();
  const readerOf = (topic: string, id: number): ((data: Buffer) => number) => {
    const written = catalogue.byId(id);
    if (written?.subject !== subjectOf(topic)) {
      throw new EnvelopeError(
        'UNKNOWN_SCHEMA',
        `${topic}: value with schema id ${id}, which is of another topic`,
      );
    }
    const schema = JSON.parse(written.schema) as RecordSchema;
    const field = schema.fields.find(({ name }) => name === VERSION);
    if (field === undefined) return () => 0;
    const projected = avro.Type.forSchema({ ...schema, fields: [field] } as avro.Schema);
    const resolver = projected.createResolver(parseSchema(schema));
    return (data) => (projected.fromBuffer(data, resolver) as { version: number }).version;
  };
  return (topic, bytes) => {
    const id = schemaIdOf(bytes, topic);
    let read = readers.get(id);
    if (read === undefined) readers.set(id, (read = readerOf(topic, id)));
    return read(Buffer.from(bytes.buffer, bytes.byteOffset + PREFIX_BYTES, bytes.byteLength - PREFIX_BYTES));
  };
}
