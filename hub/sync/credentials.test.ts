import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CredentialIndex, type CardLike } from './credentials.js';

const number = fc.constantFrom('1', '2', '3');
const card: fc.Arbitrary<CardLike> = fc.record({
  state: fc.constantFrom('NORMAL', 'CLOSED', 'EXPIRED'),
  credentials: fc.array(
    number.map((value) => ({ scheme: 'UID', value })),
    { maxLength: 2 },
  ),
});

describe('credentials held by several cards', () => {
  it('knows after any changes exactly who holds a number, and names everyone whose mark may change', () => {
    const change = fc.record({ key: fc.constantFrom('a', 'b', 'c'), card: fc.option(card) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
        const index = new CredentialIndex();
        const model = new Map<string, CardLike>();
        const shared = (key: string): boolean => {
          const own = model.get(key);
          return own !== undefined && index.isShared(key, own);
        };
        for (const { key, card: next } of changes) {
          const marksBefore = new Map([...model.keys()].map((k) => [k, shared(k)]));
          const affected = index.replace(key, next);
          if (next === null) model.delete(key);
          else model.set(key, next);
          for (const other of model.keys()) {
            if (other === key || shared(other) === marksBefore.get(other)) continue;
            expect(affected.has(other)).toBe(true);
          }
        }
        for (const value of ['1', '2', '3']) {
          const expected = [...model]
            .filter(([, c]) => c.state !== 'CLOSED' && c.credentials.some((x) => x.value === value))
            .map(([key]) => key);
          expect([...index.holders('UID', value)].sort()).toEqual(expected.sort());
        }
      }),
    );
  });
});
