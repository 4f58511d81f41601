/**
 * When two Avro schemas are the same, and when one may follow the other. Used by the generator, which refuses
 * an incompatible change, and by the registry's look-up and compatibility endpoints.
 */
import { createHash } from 'node:crypto';
import avro from 'avsc';

/**
 * A schema for comparison: without `doc`, keys sorted. Two schemas are **the same** when this text is equal.
 * Documentation does not count: a new id changes every value's bytes, so a corrected comment would make every
 * record of the topic look changed.
 */
export function comparableSchema(schema: unknown): string {
  return JSON.stringify(withoutDocs(schema));
}

/** `sha-256:<hex>` of the comparable text. */
export function schemaFingerprint(schema: unknown): string {
  return `sha-256:${createHash('sha256').update(comparableSchema(schema)).digest('hex')}`;
}

function withoutDocs(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutDocs);
  if (typeof schema !== 'object' || schema === null) return schema;
  const sorted = Object.entries(schema)
    .filter(([name]) => name !== 'doc')
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(
    // A default is a value, not a schema: a key `doc` in it would count.
    sorted.map(([name, value]) => [name, name === 'default' ? value : withoutDocs(value)]),
  );
}

/** Parses with our settings: each schema its own names, records without avsc's helper methods. */
export function parseSchema(schema: unknown): avro.Type {
  return avro.Type.forSchema(schema as avro.Schema, { omitRecordMethods: true });
}

/** Why a reader cannot read what a writer wrote; `path` is the field, empty for the whole. */
export interface Incompatibility {
  readonly path: string;
  readonly reason: string;
}

/** What keeps `reader` from reading data of `writer` (BACKWARD when the reader is the newer); empty: nothing. */
export function cannotRead(reader: avro.Type, writer: avro.Type): Incompatibility[] {
  const failure = resolverError(reader, writer);
  if (failure === undefined) return [];
  const found = inside(reader, writer, '');
  return found.length > 0 ? found : [{ path: '', reason: failure }];
}

/**
 * FULL_TRANSITIVE: what keeps `next` from reading any earlier version, or any earlier version from reading it.
 * Messages name the version, the direction and the field.
 */
export function fullTransitive(
  next: unknown,
  earlier: readonly { readonly version: number; readonly schema: unknown }[],
): string[] {
  const nextType = parseSchema(next);
  return earlier.flatMap(({ version, schema }) => {
    const type = parseSchema(schema);
    const say = (direction: string) => (i: Incompatibility) =>
      `${direction}: field ${i.path === '' ? '(the record)' : i.path}: ${i.reason}`;
    return [
      ...cannotRead(nextType, type).map(say(`the new schema cannot read data of version ${version}`)),
      ...cannotRead(type, nextType).map(say(`version ${version} cannot read data of the new schema`)),
    ];
  });
}

function resolverError(reader: avro.Type, writer: avro.Type): string | undefined {
  try {
    reader.createResolver(writer);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** avsc says what does not fit but not where: find the innermost fields that fail. */
function inside(reader: avro.Type, writer: avro.Type, path: string): Incompatibility[] {
  const failure = resolverError(reader, writer);
  if (failure === undefined) return [];
  const deeper = parts(reader, writer, path).flatMap((part) =>
    'reason' in part ? [part] : inside(part.reader, part.writer, part.path),
  );
  return deeper.length > 0 ? deeper : [{ path, reason: failure }];
}

type Part = Incompatibility | { reader: avro.Type; writer: avro.Type; path: string };

function parts(reader: avro.Type, writer: avro.Type, path: string): Part[] {
  const { types } = avro;
  if (reader instanceof types.RecordType && writer instanceof types.RecordType) {
    return reader.fields.flatMap((field): Part[] => {
      const at = path === '' ? field.name : `${path}.${field.name}`;
      const written = writer.fields.find((f) => f.name === field.name || field.aliases.includes(f.name));
      if (written) return [{ reader: field.type, writer: written.type, path: at }];
      if (field.defaultValue() !== undefined) return [];
      return [{ path: at, reason: 'required here, missing there, and it has no default' }];
    });
  }
  if (reader instanceof types.ArrayType && writer instanceof types.ArrayType) {
    return [{ reader: reader.itemsType, writer: writer.itemsType, path: `${path}[]` }];
  }
  if (reader instanceof types.MapType && writer instanceof types.MapType) {
    // avsc's typings leave the values of a map open.
    const [r, w] = [reader.valuesType as avro.Type, writer.valuesType as avro.Type];
    return [{ reader: r, writer: w, path: `${path}{}` }];
  }
  if (reader instanceof types.UnwrappedUnionType && writer instanceof types.UnwrappedUnionType) {
    return writer.types.flatMap((branch): Part[] => {
      const same = reader.types.find((t) => t.branchName === branch.branchName);
      return same ? [{ reader: same, writer: branch, path }] : [];
    });
  }
  return [];
}
