/**
 * The policy as data: what each card condition means for each purpose, and how each class of door behaves.
 * A document is checked by its JSON Schema and compiled once; decisions read the compiled form only.
 */
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { DenyReason } from './reasons.js';
import { POLICY_SCHEMA } from './policy-schema.js';

/** What can be wrong with a card, in the order in which it is asked; the first that denies gives the reason. */
export const CARD_CONDITIONS = [
  'LOST',
  'CLOSED',
  'REPLACED',
  'NOT_ISSUED',
  'UNKNOWN_STATE',
  'EXPIRED',
  'NOT_YET_VALID',
  'LOCKED',
  'DAMAGED',
  'OUT_OF_SCOPE',
  'HOLDER_LEFT',
  'FROZEN',
] as const;
export type CardCondition = (typeof CARD_CONDITIONS)[number];

/** `staff`: not by card alone; a member of staff decides (answered as a deny with the condition's reason). */
export type Verdict = 'permit' | 'warn' | 'deny' | 'staff';

export const PURPOSES = [
  'door',
  'identity',
  'library_borrow',
  'library_return',
  'locker_open',
  'classroom_power',
] as const;
export type Purpose = (typeof PURPOSES)[number];

/** A condition that is not named is denied. */
export type ConditionTable = Partial<Record<CardCondition, Verdict>>;

export interface DoorRules {
  /**
   * `free`: an exit is let through (ALLOW_EXIT_SAFETY, with what would have denied it as the warning) unless
   * the reason is in `exitDeniedBy`. `as-entry`: an exit needs the right that an entry needs; old data
   * and anti-passback still keep nobody in.
   */
  readonly exit: 'free' | 'as-entry';
  /** Never DENY_STALE_DATA, DENY_UNKNOWN_CARD or DENY_ANTIPASSBACK: safety of people; the schema refuses. */
  readonly exitDeniedBy: readonly DenyReason[];
  /** Data older than this is stale. */
  readonly staleAfterMs: number;
  readonly whenStale: 'warn' | 'deny';
  readonly antiPassback: 'off' | 'soft' | 'hard';
  readonly antiPassbackWindowMs: number;
  /** Passages count together within one door, or within all doors of a building. */
  readonly antiPassbackArea: 'door' | 'building';
}

export interface PolicyDocument {
  readonly version: string;
  readonly note?: string;
  readonly purposes: Partial<Record<Purpose, ConditionTable>> & { readonly door: ConditionTable };
  readonly doors: {
    readonly default: DoorRules;
    readonly classes: Readonly<Record<string, Partial<DoorRules>>>;
  };
  readonly ttl: { readonly allowMs: number };
}

export interface Policy {
  readonly version: string;
  readonly document: PolicyDocument;
  verdict(purpose: Purpose, condition: CardCondition): Verdict;
  doorRules(doorClass: string): DoorRules;
}

export class PolicyError extends Error {
  override readonly name = 'PolicyError';
  readonly code = 'POLICY_INVALID';
  readonly retry = 'never';
}

const validate = new Ajv2020({ allErrors: true, allowUnionTypes: true }).compile<PolicyDocument>(
  POLICY_SCHEMA,
);

/**
 * Checks and compiles a policy document.
 * @throws PolicyError naming each wrong place and what was expected there.
 */
export function compilePolicy(document: unknown): Policy {
  if (!validate(document)) {
    const detail = (validate.errors ?? [])
      .slice(0, 10)
      .map((error) => `${error.instancePath || '/'} ${error.message ?? 'is wrong'}`)
      .join('; ');
    throw new PolicyError(`policy document refused: ${detail}`);
  }
  const defaults = document.doors.default;
  const classes = new Map(
    Object.entries(document.doors.classes).map(([name, rules]) => [name, { ...defaults, ...rules }]),
  );
  const tables = new Map(Object.entries(document.purposes));
  return {
    version: document.version,
    document,
    verdict: (purpose, condition) => {
      if (condition === 'LOST' && purpose === 'door') return 'deny'; // no policy can open a door to a loss
      return tables.get(purpose)?.[condition] ?? 'deny';
    },
    doorRules: (doorClass) => classes.get(doorClass) ?? defaults,
  };
}
