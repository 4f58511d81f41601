/** Subjects and resources whose attributes stand in the policy, found by type and id, and by type in order. */
import type { Attributes, PolicyEntity, Scalar } from './rules.js';

export interface Entities {
  readonly count: number;
  attributes(type: string, id: string): Attributes | undefined;
  /** Ids of that type, in order of id. */
  ids(type: string): readonly string[];
  /** Ids of that type whose stored attribute has that value, by an index that is made at first use. */
  having(type: string, attribute: string, value: Scalar): readonly string[];
}

const NOBODY: readonly string[] = [];
const NO_ATTRIBUTES: Attributes = {};

export function compileEntities(entities: readonly PolicyEntity[]): Entities {
  const byType = new Map<string, Map<string, Attributes>>();
  for (const { type, id, attributes } of entities) {
    let ids = byType.get(type);
    if (ids === undefined) byType.set(type, (ids = new Map<string, Attributes>()));
    ids.set(id, attributes ?? NO_ATTRIBUTES);
  }
  const sorted = new Map([...byType].map(([type, ids]) => [type, [...ids.keys()].sort()]));
  const indexes = new Map<string, Map<unknown, string[]>>();
  const indexOf = (type: string, attribute: string): Map<unknown, string[]> => {
    const name = JSON.stringify([type, attribute]);
    let index = indexes.get(name);
    if (index !== undefined) return index;
    indexes.set(name, (index = new Map<unknown, string[]>()));
    for (const [id, attributes] of byType.get(type) ?? []) {
      const value = Object.hasOwn(attributes, attribute) ? attributes[attribute] : undefined;
      index.set(value, [...(index.get(value) ?? []), id]);
    }
    return index;
  };
  return {
    count: entities.length,
    attributes: (type, id) => byType.get(type)?.get(id),
    ids: (type) => sorted.get(type) ?? NOBODY,
    having: (type, attribute, value) => indexOf(type, attribute).get(value) ?? NOBODY,
  };
}
