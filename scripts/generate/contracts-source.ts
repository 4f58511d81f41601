import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { packagePath } from '../../hub/package-root.js';

/** An Avro schema as it stands in a `.avsc` file. */
export type AvroSchema =
  | string
  | readonly AvroSchema[]
  | {
      readonly type: AvroSchema;
      readonly name?: string;
      readonly namespace?: string;
      readonly doc?: string;
      readonly logicalType?: string;
      readonly fields?: readonly AvroField[];
      readonly symbols?: readonly string[];
      readonly default?: unknown;
      readonly items?: AvroSchema;
      readonly values?: AvroSchema;
    };

export interface AvroField {
  readonly name: string;
  readonly doc?: string;
  readonly type: AvroSchema;
  readonly default?: unknown;
}

/** A property of an ODCS v3.1 contract, as far as we read it. */
export interface OdcsProperty {
  readonly name: string;
  readonly classification?: string;
  readonly tags?: readonly string[];
  readonly description?: string;
  readonly items?: { readonly properties?: readonly OdcsProperty[] };
  readonly properties?: readonly OdcsProperty[];
}

/** A data contract (ODCS v3.1), as far as we read it. */
export interface OdcsContract {
  readonly apiVersion: string;
  readonly kind: string;
  readonly team: { readonly name: string };
  readonly description: { readonly purpose: string };
  readonly schema: readonly { readonly name: string; readonly properties: readonly OdcsProperty[] }[];
  readonly slaProperties: readonly { readonly property: string; readonly value: unknown }[];
  readonly customProperties: readonly { readonly property: string; readonly value: unknown }[];
}

/** A topic's two contract files. */
export interface TopicSource {
  readonly topic: string;
  readonly avroText: string;
  readonly avro: AvroSchema;
  readonly odcs: OdcsContract;
}

/** All topics of `contracts/`, sorted by name. A schema without a data contract, or the reverse, throws. */
export function readTopics(folder = packagePath('contracts')): TopicSource[] {
  const files = readdirSync(folder);
  const named = (suffix: string) =>
    files.filter((f) => f.endsWith(suffix)).map((f) => f.slice(0, -suffix.length));
  const contracts = new Set(named('.odcs.yaml'));
  const schemas = named('.avsc').sort();
  for (const topic of schemas) {
    if (!contracts.delete(topic))
      throw new Error(`contracts/${topic}.avsc has no ${topic}.odcs.yaml beside it`);
  }
  for (const topic of contracts)
    throw new Error(`contracts/${topic}.odcs.yaml has no ${topic}.avsc beside it`);
  return schemas.map((topic) => {
    const avroText = readFileSync(join(folder, `${topic}.avsc`), 'utf8');
    return {
      topic,
      avroText,
      avro: JSON.parse(avroText) as AvroSchema,
      odcs: parse(readFileSync(join(folder, `${topic}.odcs.yaml`), 'utf8')) as OdcsContract,
    };
  });
}

/** A `customProperties` value of a data contract; throws when it is missing. */
export function customProperty(source: TopicSource, name: string): string | number {
  const value = source.odcs.customProperties.find((p) => p.property === name)?.value;
  if (typeof value !== 'string' && typeof value !== 'number') {
    throw new Error(`contracts/${source.topic}.odcs.yaml: customProperties has no ${name}`);
  }
  return value;
}

const DAY_MS = 86_400_000;

/**
 * Milliseconds of an ISO 8601 duration of the forms PnY, PnM, PnW, PnD, PTnH, PTnM, PTnS and their sums. A
 * month counts 31 days and a year 366, so that "at least six months" is never cut short.
 */
export function durationMs(text: string): number {
  const match = /^P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/.exec(
    text,
  );
  if (!match || text.endsWith('P') || text.endsWith('T')) {
    throw new Error(`not an ISO 8601 duration that we use (P6M, P30D, PT5M): ${JSON.stringify(text)}`);
  }
  const [years, months, weeks, days, hours, minutes, seconds] = match.slice(1).map((n) => Number(n ?? 0));
  return (
    (years! * 366 + months! * 31 + weeks! * 7 + days!) * DAY_MS +
    hours! * 3_600_000 +
    minutes! * 60_000 +
    seconds! * 1000
  );
}
