/**
 * Tables that stand beside a policy and say what it must answer: `cardhub policy test`.
 *
 *   defaults: what every case starts from      cases: what differs, and the reason expected
 *
 * A case is a small world: one card with its holder, one door (or another resource), at most one grant. A locker brings
 * the session that is on, a classroom its lessons: what the hub otherwise has from their vendors (decide/places.ts).
 */
import { Ajv2020 } from 'ajv/dist/2020.js';
import { evaluate } from '../decide/evaluate.js';
import type {
  AlertFacts,
  CardFacts,
  ClassroomFacts,
  DecisionView,
  DoorFacts,
  LockerFacts,
  PersonFacts,
  Right,
  SentAttributes,
  TraceStep,
} from '../decide/model.js';
import type { Policy } from '../decide/policy.js';
import { compileSchedule } from '../decide/schedule.js';
import type { RawSpan } from '../decide/schedule.js';
import { epochDay } from '../decide/calendar.js';
import { SHANGHAI_OFFSET_MS } from '../../transforms/time.js';

interface World {
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

export interface CaseResult {
  readonly name: string;
  readonly expected: string;
  readonly came: string;
  readonly ok: boolean;
  readonly trace: readonly TraceStep[];
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
const world = {
  at: { type: 'string', pattern: '^\\d{4}-\\d{2}-\\d{2} \\d{2}:\\d{2}$' },
  resource: { type: 'object' },
  action: { type: 'string' },
  subject: { type: 'object' },
  card: { type: 'object' },
  person: { type: 'object' },
  door: { type: 'object' },
  grant: { type: ['object', 'null'] },
  dataAgeMs: { type: 'integer', minimum: 0 },
  lastPassage: { type: 'object', required: ['direction', 'minutesAgo'] },
  alert: { type: 'object', required: ['state'] },
  sent: { type: 'object' },
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
    .map(({ instancePath, message }) => `${instancePath || '/'} ${message ?? 'is wrong'}`)
    .join('; ');
}

export function runTable(policy: Policy, { defaults = {}, cases }: PolicyTable): CaseResult[] {
  return cases.map(({ name, expect, ...own }) => {
    const one: World = {
      ...defaults,
      ...own,
      card: { ...defaults.card, ...own.card },
      person: { ...defaults.person, ...own.person },
      door: { ...defaults.door, ...own.door },
    };
    const now = timeOf(one.at ?? '2026-11-23 10:00');
    const trace: TraceStep[] = [];
    const [resource, action] = askedOf(one);
    const request = {
      subject: (one.subject ?? { type: 'card', id: 'card' }) as { type: 'card'; id: string },
      resource: resource.id,
      resourceType: resource.type,
      action: one.action ?? action,
      sent: one.sent,
    };
    const { reason } = evaluate(viewOf(one, now), policy, request, now, { trace });
    return { name, expected: expect, came: reason, ok: reason === expect, trace };
  });
}

/** What is asked about, and what is asked there if the case does not say. */
function askedOf({ resource, locker, classroom }: World) {
  const there = locker ? 'locker' : classroom ? 'classroom' : 'door';
  const asked = resource ?? { type: there, id: there };
  const actions: Readonly<Record<string, string>> = { locker: 'open', classroom: 'power_on' };
  return [asked, actions[asked.type] ?? 'enter'] as const;
}

function timeOf(text: string): number {
  return Date.parse(`${text.replace(' ', 'T')}:00Z`) - SHANGHAI_OFFSET_MS;
}

function viewOf(one: World, now: number): DecisionView {
  const { validFrom, validUntil, ...given } = one.card ?? {};
  const fact = { source: 'test', version: 1 };
  const person: PersonFacts = {
    key: one.person?.key ?? 'person',
    ...fact,
    state: one.person?.state ?? 'ACTIVE',
  };
  const card: CardFacts = {
    ...{ key: 'card', ...fact, scope: 'master', state: 'NORMAL', holder: person.key },
    ...{ lost: false, frozen: false, damaged: false, locked: false },
    ...given,
    validFrom: validFrom === undefined ? undefined : epochDay(validFrom),
    validUntil: validUntil === undefined ? undefined : epochDay(validUntil),
  };
  const door: DoorFacts = {
    ...{
      key: 'door',
      ...fact,
      doorClass: 'OFFICE',
      groups: [],
      auditRequired: false,
      state: 'ACTIVE' as const,
    },
    ...one.door,
  };
  const { grant = {}, lastPassage, alert } = one;
  const right: Right | undefined =
    grant === null
      ? undefined
      : {
          ...{ key: 'grant', ...fact, direction: grant.direction ?? 'BOTH' },
          schedule: compileSchedule(grant.schedule ?? []),
        };
  return {
    readCredential: () => ({ ok: false, reason: 'DENY_READER_PROFILE' }),
    card: () => card,
    cardsByCredential: () => [card],
    person: () => person,
    cardsOfPerson: () => [card],
    door: () => door,
    rights: () => (right === undefined ? [] : [right]),
    lastPassage: () =>
      lastPassage && { direction: lastPassage.direction, occurredAt: now - lastPassage.minutesAgo * 60_000 },
    asOf: () => now - (one.dataAgeMs ?? 0),
    personClass: () => one.person?.personClass,
    locker: (key) => lockerOf(one, { key, ...fact }),
    classroom: (key) => classroomOf(one, { key, ...fact }, now),
    alert: () => alert && { key: 'alert', ...fact, state: alert.state, level: alert.level ?? 1 },
  };
}

type Named = Pick<LockerFacts, 'key' | 'source' | 'version'>;

function lockerOf({ locker }: World, named: Named): LockerFacts | undefined {
  if (!locker) return undefined;
  const { occupancy = 'OCCUPIED', holder, card } = locker;
  return { ...named, occupancy, holder, card };
}

function classroomOf({ classroom }: World, named: Named, now: number): ClassroomFacts | undefined {
  if (!classroom) return undefined;
  const today = new Date(now + SHANGHAI_OFFSET_MS).toISOString().slice(0, 10);
  const at = (text: string): number => timeOf(text.includes(' ') ? text : `${today} ${text}`);
  const lessons = classroom.lessons.map(({ id = 'lesson', from, until, teachers }) => ({
    ...{ id, from: at(from), until: at(until), people: teachers },
  }));
  return { ...named, lessons };
}
