/**
 * How a record looks on the wire.
 *
 *   value   ┌──────┬───────────────────┬───────────────────┐
 *           │ 0x00 │ schema id, int32  │ Avro binary …     │   (Confluent wire format)
 *           │ 1 B  │ big-endian, 4 B   │                   │
 *           └──────┴───────────────────┴───────────────────┘
 *   key     UTF-8, `{source}:{natural id}`
 *   headers CloudEvents 1.0, Kafka binary mode; the wall clock (observed at, hub version) only here
 *
 * Values are written with the newest schema of the topic and read from any earlier one into the newest.
 * Times and dates are plain numbers (epoch milliseconds, days since 1970-01-01).
 */
import type avro from 'avsc';
import type { TopicName, TopicValue } from '../../contracts/types.js';
import { avroWriter, DoesNotFit, Slab, type WriteValue } from './avro-writer.js';
import { type Catalogue, subjectOf } from './catalogue.js';
import { parseSchema } from './compatibility.js';

export type EnvelopeErrorCode =
  | 'INVALID_VALUE' // not the shape of the contract: a fault in a mapping
  | 'NOT_WIRE_FORMAT' // no magic byte, or cut short
  | 'UNKNOWN_SCHEMA' // id not in the catalogue, or of another topic: a newer hub wrote it
  | 'UNKNOWN_TOPIC'
  | 'DAMAGED'; // the Avro bytes do not decode

export class EnvelopeError extends Error {
  override readonly name = 'EnvelopeError';
  readonly retry = 'never';
  constructor(
    readonly code: EnvelopeErrorCode,
    message: string,
    /** INVALID_VALUE: the field, e.g. `holder.key`. */
    readonly path: string = '',
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** Encoder and decoder of one topic. */
export interface Codec<T extends TopicName = TopicName> {
  readonly topic: T;
  /** Id of the newest schema, which `encode` writes. */
  readonly schemaId: number;
  /** Into a buffer of its own; for many values use `createEncoder`. Bytes fields must be a `Buffer`. */
  encode(value: TopicValue[T]): Uint8Array;
  /** Any version of the catalogue, resolved to the newest. Throws `EnvelopeError`. */
  decode(bytes: Uint8Array): TopicValue[T];
}

/** Encodes the values of one batch into slabs of its own. The views stay valid after the batch. */
export interface Encoder {
  encode<T extends TopicName>(topic: T, value: TopicValue[T]): Uint8Array;
}

export interface Codecs {
  codecFor<T extends TopicName>(topic: T): Codec<T>;
  /** One for each batch: a producer reads the bytes again when it retries, so slabs are never reused. */
  createEncoder(slabBytes?: number): Encoder;
}

const PREFIX_BYTES = 5;
const SLAB_BYTES = 256 * 1024;

/** What encoding one topic needs. */
interface Writer {
  readonly topic: string;
  readonly schemaId: number;
  readonly type: avro.Type;
  readonly write: WriteValue;
  /** For avsc's `isValid`, which names what is wrong. */
  readonly checks: object;
}

/** Codecs of all topics of the catalogue. Types and resolvers are built when first used, then kept. */
export function createCodecs(catalogue: Catalogue): Codecs {
  const writers = new Map<string, Writer>();
  const codecs = new Map<string, Codec>();
  const writerFor = (topic: string): Writer => {
    let writer = writers.get(topic);
    if (!writer) writers.set(topic, (writer = createWriter(catalogue, topic)));
    return writer;
  };
  const createEncoder = (slabBytes = SLAB_BYTES): Encoder => {
    const write = createSlabWriter(slabBytes);
    return { encode: (topic, value) => write(writerFor(topic), value) };
  };
  return {
    createEncoder,
    codecFor<T extends TopicName>(topic: T): Codec<T> {
      let codec = codecs.get(topic);
      if (!codec) codecs.set(topic, (codec = createCodec(catalogue, writerFor(topic))));
      return codec as unknown as Codec<T>;
    },
  };
}

function createWriter(catalogue: Catalogue, topic: string): Writer {
  const newest = catalogue.versions(subjectOf(topic)).at(-1);
  if (!newest) throw new EnvelopeError('UNKNOWN_TOPIC', `the catalogue has no schema for topic ${topic}`);
  const type = parseSchema(JSON.parse(newest.schema));
  return {
    ...{ topic, schemaId: newest.id, type, write: avroWriter(type) },
    checks: {
      noUndeclaredFields: true,
      errorHook: (path: string[], value: unknown, type: avro.Type) => {
        throw invalidValue(topic, path, value, type);
      },
    },
  };
}

/** Names the field and the kinds, never the value: messages end up in logs. */
function invalidValue(
  topic: string,
  path: readonly string[],
  value: unknown,
  type: avro.Type,
): EnvelopeError {
  const at = path.join('.');
  const known =
    'fields' in type ? new Set((type as avro.types.RecordType).fields.map((f) => f.name)) : undefined;
  const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value);
  const undeclared = known && isRecord ? Object.keys(value).filter((name) => !known.has(name)) : [];
  const what =
    undeclared.length > 0
      ? `fields that the contract does not have: ${undeclared.join(', ')}`
      : `expected ${expected(type)}, got ${kindOf(value)}`;
  return new EnvelopeError(
    'INVALID_VALUE',
    `${topic}: field ${at === '' ? '(the record)' : at}: ${what}`,
    at,
  );
}

function expected(type: avro.Type): string {
  if (type.typeName === 'bytes') return 'bytes (a Buffer)';
  if (type.typeName === 'enum') return `one of ${(type as avro.types.EnumType).symbols.join(', ')}`;
  return type.name ?? type.typeName.replace(/^union:.*/, JSON.stringify(type));
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (value instanceof Uint8Array) return 'a Uint8Array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'an integer out of range' : 'a fraction';
  return typeof value;
}

/** Writes one value after the other into a slab. */
function createSlabWriter(slabBytes: number): (writer: Writer, value: unknown) => Uint8Array {
  const slab = new Slab(slabBytes);
  return ({ type, schemaId, checks, write }, value) => {
    slab.begin();
    slab.byte(0);
    slab.bigEndian32(schemaId);
    try {
      write(value, slab);
    } catch (error) {
      // Says where and what; it throws.
      if (error instanceof DoesNotFit) type.isValid(value, checks);
      throw error;
    }
    return slab.take();
  };
}

function createCodec(catalogue: Catalogue, writer: Writer): Codec {
  const topic = writer.topic as TopicName;
  const resolvers = new Map<number, avro.types.RecordType | object | undefined>([
    [writer.schemaId, undefined],
  ]);
  const resolverOf = (id: number): object | undefined => {
    if (resolvers.has(id)) return resolvers.get(id);
    const entry = catalogue.byId(id);
    if (entry?.subject !== subjectOf(topic)) {
      const has = entry ? `which is ${entry.subject}` : 'which is not in the catalogue';
      throw new EnvelopeError(
        'UNKNOWN_SCHEMA',
        `${topic}: value with schema id ${id}, ${has}; is the hub too old?`,
      );
    }
    const resolver = writer.type.createResolver(parseSchema(JSON.parse(entry.schema)));
    resolvers.set(id, resolver);
    return resolver;
  };
  return {
    topic,
    schemaId: writer.schemaId,
    encode: (value) => createSlabWriter(512)(writer, value),
    decode(bytes) {
      const resolver = resolverOf(schemaIdOf(bytes, topic));
      const data = Buffer.from(
        bytes.buffer,
        bytes.byteOffset + PREFIX_BYTES,
        bytes.byteLength - PREFIX_BYTES,
      );
      try {
        return writer.type.fromBuffer(data, resolver) as TopicValue[TopicName];
      } catch (cause) {
        const size = `${bytes.byteLength} bytes`;
        throw new EnvelopeError('DAMAGED', `${topic}: a value of ${size} does not decode as its schema`, '', {
          cause,
        });
      }
    },
  };
}

/** The schema id of a value in the wire format. Throws `NOT_WIRE_FORMAT`. */
export function schemaIdOf(bytes: Uint8Array, topic = 'value'): number {
  if (bytes.byteLength < PREFIX_BYTES || bytes[0] !== 0) {
    const got = bytes.byteLength < PREFIX_BYTES ? `${bytes.byteLength} bytes` : `first byte ${bytes[0]}`;
    throw new EnvelopeError('NOT_WIRE_FORMAT', `${topic}: expected 0x00 and a 4-byte schema id, got ${got}`);
  }
  return (bytes[1]! << 24) | (bytes[2]! << 16) | (bytes[3]! << 8) | bytes[4]!;
}

/** What the headers of a record say. */
export interface HeaderFacts {
  readonly topic: string;
  /** Newest schema of the topic (`Codec.schemaId`); on tombstones too. */
  readonly schemaId: number;
  /** Event topics: the event id. State topics: key and version or position; same after any crash. */
  readonly id: string;
  /** URI reference of who said it, e.g. `/qau/core/cards`. */
  readonly source: string;
  /** When it happened or was true upstream, epoch milliseconds. */
  readonly time: number;
  /** The record's key. */
  readonly subject: string;
  /** Wall clock of the hub when it read the row, epoch milliseconds; takes no part in comparison. */
  readonly observedAt: number;
  readonly hubVersion: string;
}

/** CloudEvents 1.0 headers, Kafka binary mode. Tombstones carry them too. */
export function headersFor(facts: HeaderFacts): Record<string, string> {
  return createHeaders(facts.source, facts.hubVersion)(facts);
}

/**
 * Headers of one origin. Of ten headers of a record only three are its own, so the rest is made once: writing
 * two times out anew took longer than encoding a small value.
 */
export function createHeaders(
  source: string,
  hubVersion: string,
): (facts: Omit<HeaderFacts, 'source' | 'hubVersion'>) => Record<string, string> {
  const topics = new Map<string, { schemaId: number; type: string; dataSchema: string }>();
  const timeOf = createTimeText();
  const observedAtOf = createTimeText();
  return ({ topic, schemaId, id, time, subject, observedAt }) => {
    let fixed = topics.get(topic);
    if (fixed?.schemaId !== schemaId) {
      // A URI of its own: where a registry is reached differs from reader to reader, the id does not.
      const dataSchema = `urn:cardhub:schemas:ids:${schemaId}`;
      topics.set(topic, (fixed = { schemaId, type: `cardhub.${topic}.v1`, dataSchema }));
    }
    return {
      ce_specversion: '1.0',
      ce_id: id,
      ce_source: source,
      ce_type: fixed.type,
      ce_time: timeOf(time),
      ce_subject: subject,
      ce_dataschema: fixed.dataSchema,
      'content-type': 'application/avro',
      cardhub_observedat: observedAtOf(observedAt),
      cardhub_version: hubVersion,
    };
  };
}

const MINUTE_MS = 60_000;
/** `SS.mmmZ` */
const SECONDS_LENGTH = 7;

/** As `Date.toISOString`, which is asked only when the minute changes. */
function createTimeText(): (time: number) => string {
  let lastTime = NaN;
  let lastText = '';
  let minute = NaN;
  let minuteText = '';
  return (time) => {
    if (time === lastTime) return lastText;
    const ms = Math.trunc(time);
    const its = Math.floor(ms / MINUTE_MS);
    if (its !== minute) {
      minuteText = new Date(its * MINUTE_MS).toISOString().slice(0, -SECONDS_LENGTH);
      minute = its;
    }
    // 1SSmmm
    const digits = String(100_000 + (ms - its * MINUTE_MS));
    lastText = `${minuteText}${digits.slice(1, 3)}.${digits.slice(3)}Z`;
    lastTime = time;
    return lastText;
  };
}
