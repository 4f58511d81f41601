import type { SchemaObject } from './schema-walk.js';

/**
 * What of a schema the data can ask: without the properties that the data does not have and that have no default,
 * and without the schema of further names or of items where there are none. It finds the same problems and fills the
 * same defaults in; to compile the whole of hub.schema.json would take a third of the time that a command takes.
 */
export function askedOf(schema: SchemaObject, data: unknown): SchemaObject {
  if (typeof data !== 'object' || data === null) return schema;
  if (Array.isArray(data)) return data.length === 0 ? without(schema, 'items') : schema;
  const has = data as SchemaObject;
  const properties = schema['properties'] as Readonly<Record<string, SchemaObject>> | undefined;
  const asked: Record<string, unknown> = { ...schema };
  if (properties !== undefined) {
    const kept = Object.entries(properties).flatMap(([name, property]) => {
      const value = Object.hasOwn(has, name) ? has[name] : property['default'];
      return value === undefined ? [] : [[name, askedOf(property, value)] as const];
    });
    asked['properties'] = Object.fromEntries(kept);
  }
  const isFurther = (name: string): boolean => properties === undefined || !Object.hasOwn(properties, name);
  return typeof schema['additionalProperties'] === 'object' && !Object.keys(has).some(isFurther)
    ? without(asked, 'additionalProperties')
    : asked;
}

function without(schema: SchemaObject, keyword: string): SchemaObject {
  const { [keyword]: _, ...rest } = schema;
  return rest;
}
