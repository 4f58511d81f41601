/**
 * Tables that stand beside a policy and say what it must answer: `cardhub policy test`.
 *
 *   defaults: what every case starts from      cases: what differs, and the reason expected
 *
 * A case is a small world: one card with its holder, one door (or another resource), at most one grant.
 */
import { Ajv2020 } from 'ajv/dist/2020.js';
import { evaluate } from '../decide/evaluate.js';
import type {
  AlertFacts,
  CardFacts,
  DecisionView,
  DoorFacts,
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
  /** Default door. */
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
    const resource = one.resource ?? { type: 'door', id: 'door' };
    const request = {
      subject: (one.subject ?? { type: 'card', id: 'card' }) as { type: 'card'; id: string },
      resource: resource.id,
      resourceType: resource.type,
      action: one.action ?? 'enter',
      sent: one.sent,
    };
    const { reason } = evaluate(viewOf(one, now), policy, request, now, { trace });
    return { name, expected: expect, came: reason, ok: reason === expect, trace };
  });
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
    alert: () => alert && { key: 'alert', ...fact, state: alert.state, level: alert.level ?? 1 },
  };
}
