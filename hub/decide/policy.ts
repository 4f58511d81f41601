/**
 * The policy as data: what each card condition means for each purpose, and how each class of door behaves.
 * A document is checked by its JSON Schema and compiled once; decisions read the compiled form only.
 */
import { Ajv2020 } from 'ajv/dist/2020.js';
import { compileCalendar, compileNamedSchedule } from './calendar.js';
import type { CalendarDocument, CalendarSpan, CompiledCalendar, NamedSchedule } from './calendar.js';
import { compileEntities } from './entities.js';
import type { Entities } from './entities.js';
import type { DenyReason } from './reasons.js';
import { POLICY_SCHEMA } from './policy-schema.js';
import { documentProblems } from './policy-check.js';
import { compileRules } from './rules.js';
import type { CompiledRules, PolicyEntity, PolicyRule } from './rules.js';

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
  /** Name of a schedule: outside of it nobody enters (DENY_TIME), whatever the grant says. */
  readonly hours?: string;
  /**
   * Days of the week in a grant's schedule are those of the clock (`week`, the default), or as the calendar
   * counts them (`calendar`: a makeup workday as the day it stands for, a holiday as a Sunday).
   */
  readonly grantDays?: 'week' | 'calendar';
}

/** What a locker or a classroom says by itself (places.ts), and for how long it is believed. */
export interface PlaceRules {
  /** Data older than this is stale. */
  readonly staleAfterMs: number;
  readonly whenStale: 'warn' | 'deny';
}

export interface ClassroomRules extends PlaceRules {
  /** A lesson's equipment may be used from so long before it … */
  readonly beforeLessonMs: number;
  /** … until so long after it. */
  readonly afterLessonMs: number;
}

/** Who is let in although an alarm closes the door; a lost card never is. */
export interface AlertException {
  readonly personClasses?: readonly string[];
  readonly cards?: readonly string[];
  readonly people?: readonly string[];
}

export interface AlertRule {
  /** `normal`: the alarm alone keeps nobody out. */
  readonly enter: 'normal' | 'deny';
  /** Classes of doors that it closes; absent: all. */
  readonly doorClasses?: readonly string[];
  readonly except?: AlertException;
}

/**
 * What alarms mean. Fire and evacuation release every exit, whatever else is true (ALLOW_EMERGENCY); no policy
 * can say otherwise. A lockdown leaves exits to `exitDeniedBy`. A level that is not named closes all entries.
 */
export interface AlertRules {
  readonly fire?: AlertRule;
  readonly evacuation?: AlertRule;
  readonly lockdown?: Readonly<Record<string, AlertRule>>;
}

export interface PolicyDocument {
  readonly version: string;
  readonly note?: string;
  /** Absent: everything that is wrong with a card denies. */
  readonly purposes?: Partial<Record<Purpose, ConditionTable>> & { readonly door: ConditionTable };
  /** Absent: no doors are decided by this policy (a tenant of entities), so all rules are the strictest. */
  readonly doors?: {
    readonly default: DoorRules;
    readonly classes: Readonly<Record<string, Partial<DoorRules>>>;
  };
  readonly ttl: { readonly allowMs: number };
  /** Absent, or in part: the defaults of PLACES. */
  readonly places?: {
    readonly locker?: Partial<PlaceRules>;
    readonly classroom?: Partial<ClassroomRules>;
  };
  readonly alerts?: AlertRules;
  readonly calendar?: CalendarDocument;
  readonly schedules?: Readonly<Record<string, readonly CalendarSpan[]>>;
  readonly rules?: readonly PolicyRule[];
  readonly entities?: readonly PolicyEntity[];
  /** Names of actions that a search for actions tries, by type of resource. */
  readonly actions?: Readonly<Record<string, readonly string[]>>;
}

export interface Policy {
  readonly version: string;
  readonly document: PolicyDocument;
  readonly calendar: CompiledCalendar;
  readonly rules: CompiledRules;
  readonly entities: Entities;
  /** A rule or an alarm's exception asks for the class of the holder. */
  readonly asksPersonClass: boolean;
  verdict(purpose: Purpose, condition: CardCondition): Verdict;
  doorRules(doorClass: string): DoorRules;
  readonly places: { readonly locker: PlaceRules; readonly classroom: ClassroomRules };
  schedule(name: string): NamedSchedule | undefined;
}

export class PolicyError extends Error {
  override readonly name = 'PolicyError';
  readonly code = 'POLICY_INVALID';
  readonly retry = 'never';
}

const STRICTEST: DoorRules = {
  exit: 'free',
  exitDeniedBy: [],
  staleAfterMs: 60_000,
  whenStale: 'deny',
  antiPassback: 'off',
  antiPassbackWindowMs: 1_000,
  antiPassbackArea: 'door',
};

const MINUTE_MS = 60_000;
/**
 * A box that has been emptied may be somebody else's by now, so old data opens none. A timetable is known for days, and a
 * lesson should not fail because it was not read again.
 */
const PLACES: Policy['places'] = {
  locker: { staleAfterMs: 15 * MINUTE_MS, whenStale: 'deny' },
  classroom: {
    ...{ staleAfterMs: 24 * 60 * MINUTE_MS, whenStale: 'warn' },
    ...{ beforeLessonMs: 20 * MINUTE_MS, afterLessonMs: 20 * MINUTE_MS },
  },
};

// The schema is our own and a test checks it.
const validate = new Ajv2020({
  ...{ allErrors: true, allowUnionTypes: true },
  ...{ meta: false, validateSchema: false },
}).compile<PolicyDocument>(POLICY_SCHEMA);

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
  const problems = documentProblems(document);
  if (problems.length > 0) {
    throw new PolicyError(`policy document refused: ${problems.slice(0, 10).join('; ')}`);
  }
  const defaults = document.doors?.default ?? STRICTEST;
  const classes = new Map(
    Object.entries(document.doors?.classes ?? {}).map(([name, rules]) => [name, { ...defaults, ...rules }]),
  );
  const tables = new Map(Object.entries(document.purposes ?? {}));
  const calendar = compileCalendar(document.calendar);
  const schedules = new Map(
    Object.entries(document.schedules ?? {}).map(([name, spans]) => [name, compileNamedSchedule(spans)]),
  );
  const rules = compileRules(document.rules ?? [], calendar, schedules);
  const { fire, evacuation, lockdown = {} } = document.alerts ?? {};
  const alarms = [fire, evacuation, ...Object.values(lockdown)];
  return {
    version: document.version,
    document,
    calendar,
    rules,
    asksPersonClass:
      rules.asks('subject.personClass') || alarms.some((one) => one?.except?.personClasses !== undefined),
    entities: compileEntities(document.entities ?? []),
    verdict: (purpose, condition) => {
      if (condition === 'LOST' && purpose === 'door') return 'deny'; // no policy can open a door to a loss
      return tables.get(purpose)?.[condition] ?? 'deny';
    },
    doorRules: (doorClass) => classes.get(doorClass) ?? defaults,
    places: {
      locker: { ...PLACES.locker, ...document.places?.locker },
      classroom: { ...PLACES.classroom, ...document.places?.classroom },
    },
    schedule: (name) => schedules.get(name),
  };
}
