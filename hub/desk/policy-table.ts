/**
 * What a table of `cardhub policy test` may hold, and nothing else: a misspelt key would be a case that tests something else.
 */
import { Ajv2020 } from 'ajv/dist/2020.js';
import type {
  AlertFacts,
  CardFacts,
  CardState,
  DoorFacts,
  LockerFacts,
  PersonFacts,
  Right,
  SentAttributes,
} from '../decide/model.js';
import type { RawSpan } from '../decide/schedule.js';

export interface World {
  /** Shanghai time, `YYYY-MM-DD HH:MM`. */
  readonly at?: string;
  /** Default: a door; with `locker` or `classroom` that one, and the action `open` or `power_on`. */
  readonly resource?: { readonly type: string; readonly id: string };
  readonly action?: string;
  /** A subject of the policy's own entities, in place of the card. */
  readonly subject?: { readonly type: string; readonly id: string };
  readonly card?: Partial<Omit<CardFacts, 'validFrom' | 'validUntil'>> & {
    validFrom?: string;
    validUntil?: string;
  };
  readonly person?: {
    readonly state?: PersonFacts['state'];
    readonly personClass?: string;
    readonly key?: string;
  };
  readonly door?: Partial<DoorFacts>;
  /** `null`: none. */
  readonly grant?: { readonly direction?: Right['direction']; readonly schedule?: readonly RawSpan[] } | null;
  readonly dataAgeMs?: number;
  readonly lastPassage?: { readonly direction: 'ENTER' | 'EXIT'; readonly minutesAgo: number };
  readonly alert?: { readonly state: AlertFacts['state']; readonly level?: number };
  readonly sent?: SentAttributes;
  /** The box; `null`: the hub has no record of it. */
  readonly locker?: {
    /** Default OCCUPIED. */
    readonly occupancy?: LockerFacts['occupancy'];
    /** Person key of whoever has a bag in it. */
    readonly holder?: string;
    /** Key of the card that began the session; `card` is the one that asks. */
    readonly card?: string;
  } | null;
  /** The room; `null`: the hub has no record of it. */
  readonly classroom?: { readonly lessons: readonly Lesson[] } | null;
}

interface Lesson {
  readonly id?: string;
  /** Shanghai time, `YYYY-MM-DD HH:MM`, or `HH:MM` of the day of the case; without the margins of the policy. */
  readonly from: string;
  readonly until: string;
  /** Person keys. */
  readonly teachers: readonly string[];
}

export interface PolicyTable {
  readonly defaults?: World;
  readonly cases: readonly (World & { readonly name: string; readonly expect: string })[];
}

const TEXT = { type: 'string' };
const TIME = { type: 'string', pattern: '^(\\d{4}-\\d{2}-\\d{2} )?([01]\\d|2[0-3]):[0-5]\\d$' };
const locker = {
  type: ['object', 'null'],
  additionalProperties: false,
  properties: { occupancy: { enum: ['FREE', 'OCCUPIED', 'UNKNOWN'] }, holder: TEXT, card: TEXT },
};
const classroom = {
  type: ['object', 'null'],
  additionalProperties: false,
  required: ['lessons'],
  properties: {
    lessons: {
      type: 'array',
      maxItems: 100,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['from', 'until', 'teachers'],
        properties: { id: TEXT, from: TIME, until: TIME, teachers: { type: 'array', items: TEXT } },
      },
    },
  },
};
const CARD_STATES: readonly CardState[] = [
  ...(['NORMAL', 'NOT_ISSUED', 'EXPIRED', 'REPLACED', 'CLOSED', 'REMOVED', 'UNKNOWN'] as const),
];
const FLAG = { type: 'boolean' };
const DAY = { type: 'string', pattern: '^\\d{4}-\\d{2}-\\d{2}$' };
/** Exactly these keys: a misspelt one would be a case that tests something else. */
const block = (properties: object, required: readonly string[] = []) => ({
  ...{ type: 'object', additionalProperties: false, required, properties },
});
const NAMED = { key: TEXT, source: TEXT, version: { type: 'integer', minimum: 0 } };
const card = block({
  ...{ ...NAMED, scope: { enum: ['master', 'out-of-scope'] }, state: { enum: CARD_STATES } },
  ...{ lost: FLAG, frozen: FLAG, damaged: FLAG, locked: FLAG },
  ...{ validFrom: DAY, validUntil: DAY, holder: TEXT },
});
const person = block({
  ...{ key: TEXT, personClass: TEXT, state: { enum: ['ACTIVE', 'LEFT', 'REMOVED', 'UNKNOWN'] } },
});
const door = block({
  ...{ ...NAMED, doorClass: TEXT, building: TEXT, readerProfile: TEXT, auditRequired: FLAG },
  groups: { type: 'array', items: TEXT },
  state: { enum: ['ACTIVE', 'DISABLED', 'REMOVED', 'UNKNOWN'] },
});
const SPAN_DAYS = { type: 'array', items: { type: 'integer', minimum: 1, maximum: 7 } };
const grant = {
  ...block({
    direction: { enum: ['ENTER', 'EXIT', 'BOTH', 'UNKNOWN'] },
    schedule: {
      type: 'array',
      items: block({ days: SPAN_DAYS, from: TEXT, until: TEXT }, ['days', 'from', 'until']),
    },
  }),
  type: ['object', 'null'],
};
const lastPassage = block({ direction: { enum: ['ENTER', 'EXIT'] }, minutesAgo: { type: 'number' } }, [
  'direction',
  'minutesAgo',
]);
const OBJECT = { type: 'object' };
const resource = block({ type: TEXT, id: TEXT }, ['type', 'id']);
const world = {
  at: { type: 'string', pattern: '^\\d{4}-\\d{2}-\\d{2} \\d{2}:\\d{2}$' },
  action: { type: 'string' },
  subject: resource,
  ...{ resource, card, person, door, grant, lastPassage },
  dataAgeMs: { type: 'integer', minimum: 0 },
  alert: block(
    { state: { enum: ['LOCKDOWN', 'FIRE', 'EVACUATION'] }, level: { type: 'integer', minimum: 0 } },
    ['state'],
  ),
  sent: block({ subject: OBJECT, resource: OBJECT, action: OBJECT, context: OBJECT }),
  locker,
  classroom,
};
const validate = new Ajv2020({ allErrors: true, allowUnionTypes: true }).compile<PolicyTable>({
  type: 'object',
  additionalProperties: false,
  required: ['cases'],
  properties: {
    defaults: { type: 'object', additionalProperties: false, properties: world },
    cases: {
      type: 'array',
      minItems: 1,
      maxItems: 10_000,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['name', 'expect'],
        properties: { ...world, name: { type: 'string' }, expect: { type: 'string' } },
      },
    },
  },
});

/** The table, or a sentence that says what is wrong with it. */
export function readTable(document: unknown): PolicyTable | string {
  if (validate(document)) return document;
  const errors = validate.errors ?? [];
  return errors
    .map(({ instancePath, message, params }) => {
      const { additionalProperty: key, allowedValues: one } = params as Record<string, unknown>;
      const wrong = typeof key === 'string' ? `has no key "${key}"` : (message ?? 'is wrong');
      return `${instancePath || '/'} ${wrong}${Array.isArray(one) ? `: ${one.join(', ')}` : ''}`;
    })
    .join('; ');
}
