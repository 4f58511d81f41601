import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DigestTable } from './digest-table.js';
import { ValueTable } from './value-table.js';

const key = fc.constantFrom('core:1', 'core:2', 'core:3', '源:1');
const change = fc.record({ key, value: fc.option(fc.uint8Array({ maxLength: 40 }), { nil: null }) });

describe('a table of values', () => {
  it('holds after any changes exactly what a Map would', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const table = new ValueTable();
        const model = new Map<string, Uint8Array>();
        for (const { key, value } of changes) {
          if (value === null) {
            table.delete(key);
            model.delete(key);
          } else {
            table.set(key, value);
            model.set(key, value);
          }
          expect(table.size).toBe(model.size);
        }
        const held = [...table.entries()].map(([k, v]): [string, number[]] => [k, [...v]]);
        expect(new Map(held)).toEqual(new Map([...model].map(([k, v]) => [k, [...v]])));
        for (const k of ['core:1', 'core:2', 'core:3', '源:1', 'none']) {
          expect(table.get(k) === undefined).toBe(!model.has(k));
        }
      }),
    );
  });

  it('gives dead bytes back, and what was read before stays what it was', () => {
    const table = new ValueTable();
    const value = (n: number): Uint8Array => Buffer.alloc(10_000, n);
    for (let i = 0; i < 100; i++) table.set(`k${i}`, value(1));
    const read = table.get('k7');
    for (let round = 2; round < 60; round++) for (let i = 0; i < 100; i++) table.set(`k${i}`, value(round));
    // 59 MB were written: 1 MB lives, and what is dead is copied away when it is more than that.
    expect(table.bytes).toBeLessThan(4 * 1024 * 1024);
    expect([read?.[0], table.get('k7')?.[0], table.size]).toEqual([1, 59, 100]);
  });
});

describe('a small table that changes all the time', () => {
  it('stays small', () => {
    const table = new ValueTable();
    // The rooms of a campus with their meters: 60 rows of 300 bytes, written a hundred thousand times.
    for (let i = 0; i < 100_000; i++) table.set(`room:${i % 60}`, Buffer.alloc(300, i));
    expect(table.size).toBe(60);
    expect(table.bytes).toBeLessThan(512 * 1024);
  });
});

describe('a table whose keys come and go', () => {
  it('forgets those that are gone, and what is being read stays whole', () => {
    const table = new ValueTable();
    const value = Buffer.alloc(2_000, 1);
    const stays = ['a', 'b', 'c'];
    for (const name of stays) table.set(name, value);
    const reading = table.entries();
    expect(reading.next()).toMatchObject({ value: ['a', value] });
    for (let i = 0; i < 50_000; i++) {
      table.set(`refused:${i}`, value);
      if (i >= 100) table.delete(`refused:${i - 100}`);
    }
    expect(table.size).toBe(103);
    expect(table.get('refused:7')).toBeUndefined();
    expect(table.keysHeld).toBeLessThan(10_000);
    expect([...reading].slice(0, 2).map(([name]) => name)).toEqual(['b', 'c']);
    expect([...table.entries()].map(([name]) => name).slice(0, 3)).toEqual(stays);
  });
});

describe('a table of digests', () => {
  it('knows after any changes the newest digest and version of each key', () => {
    const digestOf = (value: Uint8Array): string => createHash('sha256').update(value).digest('binary');
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const table = new DigestTable();
        const model = new Map<string, { digest: string; version: number }>();
        changes.forEach(({ key, value }, version) => {
          if (value === null) {
            table.delete(key);
            model.delete(key);
          } else {
            table.set(key, digestOf(value), version);
            model.set(key, { digest: digestOf(value).slice(0, 16), version });
          }
        });
        expect(table.size).toBe(model.size);
        for (const k of ['core:1', 'core:2', 'core:3', '源:1']) {
          expect(table.digest(k)).toBe(model.get(k)?.digest);
          expect(table.version(k)).toBe(model.get(k)?.version ?? 0);
        }
      }),
    );
  });
});
