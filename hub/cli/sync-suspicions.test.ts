import { describe, expect, it } from 'vitest';
import { emptyBooks } from '../sync/books.js';
import { suspicions } from './sync.js';

const stream = (read: number, marked: Record<string, number>, quarantined: Record<string, number> = {}) => ({
  ...emptyBooks(),
  ...{ source: 'core', stream: 'cards', read, marked, quarantined, held: 0 },
});

describe('books that balance and yet cannot be right', () => {
  it('are told when nearly every row is refused or marked in the same way', () => {
    const warned = suspicions({
      streams: [stream(100, { CODE_UNMAPPED: 95 }), stream(100, {}, { READER_PROFILE_MISSING: 100 })],
    });
    expect(warned.map(({ en }) => en)).toEqual([
      expect.stringContaining('95 of 100 rows have CODE_UNMAPPED'),
      expect.stringContaining('100 of 100 rows have READER_PROFILE_MISSING'),
    ]);
    expect(warned[0]?.zh).toContain('编码');
  });

  it('are not suspected for a share that a real campus has, nor for a handful of rows', () => {
    expect(
      suspicions({ streams: [stream(22_391, { UNKNOWN_CREDENTIAL: 12_801 }), stream(5, { X: 5 })] }),
    ).toEqual([]);
  });
});
