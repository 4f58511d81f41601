import { compilePolicy } from './policy.js';
import type { PolicyDocument } from './policy.js';

/**
 * The policy of a hub that was given none: the purpose × state matrix of domain.md, and the rules on the
 * safety of people of architecture.md. Every line is a setting that a school can change, except that a known
 * loss denies entry and that staleness, an unknown card or anti-passback alone keep nobody in.
 */
export const DEFAULT_POLICY_DOCUMENT: PolicyDocument & Required<Pick<PolicyDocument, 'purposes' | 'doors'>> =
  {
    version: 'default-1',
    purposes: {
      // FROZEN warns: the campus page limits freezing to consumption. OUT_OF_SCOPE: decided by grant.
      door: { LOST: 'deny', FROZEN: 'warn', OUT_OF_SCOPE: 'permit' },
      identity: { FROZEN: 'warn' },
      library_borrow: { FROZEN: 'warn' },
      library_return: {
        LOST: 'warn',
        FROZEN: 'permit',
        EXPIRED: 'permit',
        REPLACED: 'warn',
        CLOSED: 'permit',
        OUT_OF_SCOPE: 'permit',
        HOLDER_LEFT: 'permit',
        // A book comes back whatever the card is like.
        DAMAGED: 'permit',
        LOCKED: 'permit',
        NOT_ISSUED: 'permit',
        NOT_YET_VALID: 'permit',
      },
      locker_open: { LOST: 'staff', FROZEN: 'warn', EXPIRED: 'warn', REPLACED: 'staff', CLOSED: 'staff' },
      classroom_power: { FROZEN: 'warn' },
    },
    doors: {
      default: {
        exit: 'free',
        exitDeniedBy: [],
        staleAfterMs: 15 * 60_000,
        whenStale: 'warn',
        antiPassback: 'off',
        antiPassbackWindowMs: 12 * 3_600_000,
        antiPassbackArea: 'building',
      },
      classes: {
        PERIMETER: { whenStale: 'warn' },
        DORMITORY: { whenStale: 'warn' },
        LABORATORY: { whenStale: 'deny' },
        // A gate that counts both ways: it refuses exits as it refuses entries.
        TURNSTILE: { exit: 'as-entry' },
      },
    },
    ttl: { allowMs: 1_000 },
  };

export const DEFAULT_POLICY = compilePolicy(DEFAULT_POLICY_DOCUMENT);
