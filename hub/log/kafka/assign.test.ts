import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assignOwners, type Member } from './assign.js';

const ids = fc.uniqueArray(fc.constantFrom(...'abcdefghijkl'), { minLength: 1, maxLength: 12 });
const names = fc.uniqueArray(fc.constantFrom('m1', 'm2', 'm3', 'm4', 'm5'), { minLength: 1 });
/** Hubs with one configuration, whose former shares do not overlap. */
const group = fc
  .record({ ids, names, seed: fc.array(fc.nat(5), { minLength: 12, maxLength: 12 }) })
  .map(({ ids: wants, names: memberIds, seed }) =>
    memberIds.map((memberId, m): Member => ({
      memberId,
      wants,
      had: wants.filter((_, i) => seed[i] === m),
    })),
  );

describe('sharing out source partitions', () => {
  test('gives each to exactly one hub, evenly, and the same whatever the order of the members', () => {
    fc.assert(
      fc.property(group, (members) => {
        const owned = assignOwners(members);
        expect([...owned.values()].flat().sort()).toEqual([...members[0]!.wants].sort());
        const sizes = [...owned.values()].map((list) => list.length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        const reversed = assignOwners([...members].reverse());
        for (const { memberId } of members) expect(reversed.get(memberId)).toEqual(owned.get(memberId));
      }),
    );
  });

  test('moves nothing when nobody came or went', () => {
    fc.assert(
      fc.property(group, (members) => {
        const once = assignOwners(members);
        const again = assignOwners(members.map((m) => ({ ...m, had: once.get(m.memberId)! })));
        for (const [memberId, list] of once)
          expect([...again.get(memberId)!].sort()).toEqual([...list].sort());
      }),
    );
  });

  test('leaves with the others what they had when a hub goes', () => {
    fc.assert(
      fc.property(group, (members) => {
        fc.pre(members.length > 1);
        const before = assignOwners(members);
        const rest = members.slice(1).map((m) => ({ ...m, had: before.get(m.memberId)! }));
        const after = assignOwners(rest);
        for (const { memberId, had } of rest)
          expect(after.get(memberId)).toEqual(expect.arrayContaining([...had]));
      }),
    );
  });

  test('gives a source partition only to a hub that is configured for it', () => {
    const owned = assignOwners([
      { memberId: 'a', wants: ['x', 'y'], had: [] },
      { memberId: 'b', wants: ['x'], had: ['y'] },
    ]);
    expect(owned.get('a')).toContain('y');
    expect([...owned.values()].flat().sort()).toEqual(['x', 'y']);
  });
});
