import { describe, expect, it } from 'vitest';
import { DEFAULT_POLICY_DOCUMENT } from './default-policy.js';
import { compilePolicy, PolicyError } from './policy.js';

describe('a policy document', () => {
  it('cannot open a door to a lost card', () => {
    const { purposes } = DEFAULT_POLICY_DOCUMENT;
    const document = {
      ...DEFAULT_POLICY_DOCUMENT,
      purposes: { ...purposes, door: { ...purposes.door, LOST: 'permit' } },
    };
    expect(() => compilePolicy(document)).toThrow(PolicyError);
  });

  it.each(['DENY_STALE_DATA', 'DENY_UNKNOWN_CARD', 'DENY_ANTIPASSBACK'])(
    'cannot keep people in for %s',
    (code) => {
      const classes = { OFFICE: { exitDeniedBy: [code] } };
      const document = {
        ...DEFAULT_POLICY_DOCUMENT,
        doors: { ...DEFAULT_POLICY_DOCUMENT.doors, classes },
      };
      expect(() => compilePolicy(document)).toThrow(/exitDeniedBy/);
    },
  );

  it('with a wrong key is refused, and the error names the place', () => {
    expect(() => compilePolicy({ ...DEFAULT_POLICY_DOCUMENT, doorz: {} })).toThrow(/additional properties/);
    expect(() => compilePolicy(null)).toThrow(PolicyError);
  });

  it('denies what it does not name', () => {
    const policy = compilePolicy(DEFAULT_POLICY_DOCUMENT);
    expect(policy.verdict('door', 'DAMAGED')).toBe('deny');
    expect(policy.verdict('library_return', 'LOST')).toBe('warn');
    expect(policy.doorRules('no such class')).toEqual(DEFAULT_POLICY_DOCUMENT.doors.default);
  });
});
