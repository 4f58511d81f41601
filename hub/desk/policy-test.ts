/**
 * Tables that stand beside a policy and say what it must answer: `cardhub policy test`.
 *
 *   defaults: what every case starts from      cases: what differs, and the reason expected
 *
 * A case is a small world: one card with its holder, one door (or another resource), at most one grant. A locker brings
 * the session that is on, a classroom its lessons: what the hub otherwise has from their vendors (decide/places.ts).
 */
import { evaluate } from '../decide/evaluate.js';
import type {
  CardFacts,
  ClassroomFacts,
  DecisionView,
  DoorFacts,
  LockerFacts,
  PersonFacts,
  Right,
  TraceStep,
} from '../decide/model.js';
import type { Policy } from '../decide/policy.js';
import { compileSchedule } from '../decide/schedule.js';
import { epochDay } from '../decide/calendar.js';
import { SHANGHAI_OFFSET_MS } from '../../transforms/time.js';
import type { PolicyTable, World } from './policy-table.js';

export interface CaseResult {
  readonly name: string;
  readonly expected: string;
  readonly came: string;
  readonly ok: boolean;
  readonly trace: readonly TraceStep[];
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
