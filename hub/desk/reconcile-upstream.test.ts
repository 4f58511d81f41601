import { expect, it } from 'vitest';
import { settled, type UpstreamProof } from './reconcile-upstream.js';

const side = { count: 1, hash: '0'.repeat(32) };

function look(marks: readonly string[], change: Partial<UpstreamProof> = {}): UpstreamProof {
  return {
    ...{ source: 'lockers', stream: 'lockers', remark: null, by: ['listing'], examples: [], marks },
    outcome: marks.length === 0 ? 'equal' : 'differs',
    ...{ rows: 1, upstreamCount: null, equal: 0, refused: 0, differs: marks.length, missing: 0, twice: 0 },
    ...{ older: 0, hub: side, upstream: side, ...change },
  };
}
const outcome = (...looks: UpstreamProof[]): string => settled(looks).outcome;

it('what differs otherwise at each look is moving; what differs twice in the same way differs', () => {
  expect(outcome(look(['K1 free']))).toBe('differs');
  expect(outcome(look(['K1 free']), look([]))).toBe('equal');
  expect(outcome(look(['K1 free']), look(['K1 occupied', 'K2 free']))).toBe('moving');
  expect(outcome(look(['K1 free', 'K3 free']), look(['K1 occupied', 'K3 free']))).toBe('differs');
  expect(outcome(look(['K1 a']), look(['K2 a']), look(['K1 a']))).toBe('moving');
});

it('what cannot be told apart from look to look differs', () => {
  // Only the counts or the hashes differ, or more than is noted.
  const counted = look([], { outcome: 'differs', upstreamCount: 2 });
  expect(outcome(counted, counted)).toBe('differs');
  expect(outcome(look(['a'], { missing: 5_000 }), look(['b'], { missing: 5_000 }))).toBe('differs');
  expect(outcome(look(['a']), look(['b'], { outcome: 'not-compared' }))).toBe('not-compared');
});
