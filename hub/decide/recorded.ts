/**
 * The facts of a decision in the form in which they are kept, and back. State topics are compacted, so the
 * version of a record alone would rebuild nothing later: each fact is kept with the values that decided, and
 * with no personal data. Texts are put together by hand, since this is done for every decision.
 *
 *   card    scope state flags validFrom validUntil      flags: l lost, f frozen, d damaged, k locked
 *   person  state class
 *   grant   direction validFrom validUntil schedule     schedule: days/from/until, comma between spans
 *   alert   state level          event  direction occurredAt
 *   locker  occupancy relation       classroom  relation lesson      relation: places.ts
 *   door, request: JSON          credential: what the number was found to be, a reason code
 */
import type {
  AlertFacts,
  CardFacts,
  CardState,
  ClassroomFacts,
  DoorFacts,
  Fact,
  LockerFacts,
  Passage,
  PersonFacts,
  Right,
} from './model.js';

const NOTHING = '-';
const doorTexts = new WeakMap<object, string>();

/** What is kept of the fact's record; null where there is nothing beyond its key. */
export function factValues({ kind, of }: Fact): string | null {
  if (of === undefined) return null;
  switch (kind) {
    case 'card':
      return cardText(of as CardFacts);
    case 'person': {
      const { state, personClass } = of as PersonFacts & { readonly personClass?: string };
      return `${state} ${personClass ?? NOTHING}`;
    }
    case 'grant':
      return rightText(of as Right);
    case 'door': {
      let text = doorTexts.get(of); // the view makes a new object when the door changes
      if (text === undefined) doorTexts.set(of, (text = doorText(of as DoorFacts)));
      return text;
    }
    case 'alert':
      return `${(of as AlertFacts).state} ${(of as AlertFacts).level}`;
    case 'event':
      return `${(of as Passage).direction} ${(of as Passage).occurredAt}`;
    case 'locker':
    case 'classroom':
      return (of as { readonly said: string }).said;
    case 'request':
      return JSON.stringify(of);
    default:
      return null;
  }
}

function cardText({ scope, state, lost, frozen, damaged, locked, validFrom, validUntil }: CardFacts): string {
  const flags = `${lost ? 'l' : ''}${frozen ? 'f' : ''}${damaged ? 'd' : ''}${locked ? 'k' : ''}`;
  return `${scope} ${state} ${flags === '' ? NOTHING : flags} ${validFrom ?? NOTHING} ${validUntil ?? NOTHING}`;
}

function rightText({ direction, validFrom, validUntil, schedule }: Right): string {
  let spans = NOTHING;
  if (schedule.length > 0) {
    spans = schedule.map(({ days, from, until }) => `${days}/${from}/${until}`).join(',');
  }
  return `${direction} ${validFrom ?? NOTHING} ${validUntil ?? NOTHING} ${spans}`;
}

function doorText({ doorClass, building, groups, state }: DoorFacts): string {
  return JSON.stringify({ doorClass, building, groups, state });
}

/** A fact as the log of decisions keeps it. */
export interface KeptFact {
  readonly kind: string;
  readonly key: string;
  readonly version: number;
  readonly source: string;
  readonly ageMs?: number | null;
  readonly values?: string | null;
}

const optional = (text: string | undefined): number | undefined =>
  text === undefined || text === NOTHING ? undefined : Number(text);

/** @param holder key of the person fact that stands beside the card, if one does */
export function readCard({ key, source, version, values }: KeptFact, holder: string | undefined): CardFacts {
  const [scope, state, flags = '', validFrom, validUntil] = (values ?? '').split(' ');
  return {
    key,
    source,
    version,
    scope: scope as CardFacts['scope'],
    state: state as CardState,
    lost: flags.includes('l'),
    frozen: flags.includes('f'),
    damaged: flags.includes('d'),
    locked: flags.includes('k'),
    validFrom: optional(validFrom),
    validUntil: optional(validUntil),
    holder,
  };
}

export function readPerson({ key, source, version, values }: KeptFact): PersonFacts & {
  readonly personClass: string | undefined;
} {
  const [state, personClass] = (values ?? '').split(' ');
  return {
    key,
    source,
    version,
    state: state as PersonFacts['state'],
    personClass: personClass === NOTHING ? undefined : personClass,
  };
}

export function readRight({ key, source, version, values }: KeptFact): Right {
  const [direction, validFrom, validUntil, spans = NOTHING] = (values ?? '').split(' ');
  return {
    key,
    source,
    version,
    direction: direction as Right['direction'],
    validFrom: optional(validFrom),
    validUntil: optional(validUntil),
    schedule:
      spans === NOTHING
        ? []
        : spans.split(',').map((span) => {
            const [days = 0, from = 0, until = 0] = span.split('/').map(Number);
            return { days, from, until };
          }),
  };
}

export function readDoor({ key, source, version, values }: KeptFact): DoorFacts {
  const { doorClass, building, groups, state } = JSON.parse(values ?? '{}') as DoorFacts;
  return {
    key,
    source,
    version,
    doorClass,
    groups,
    state,
    auditRequired: false,
    ...(building !== undefined && { building }),
  };
}

export function readAlert({ key, source, version, values }: KeptFact): AlertFacts {
  const [state, level] = (values ?? '').split(' ');
  return { key, source, version, state: state as AlertFacts['state'], level: Number(level) };
}

export function readPassage({ values }: KeptFact): Passage {
  const [direction, occurredAt] = (values ?? '').split(' ');
  return { direction: direction as Passage['direction'], occurredAt: Number(occurredAt) };
}

/** Somebody whom the record does not name. */
const SOMEBODY = '\u0000somebody';

/** @param card that was judged: its own locker is recorded as `own` */
export function readLocker(
  { key, source, version, values }: KeptFact,
  card: CardFacts | undefined,
): LockerFacts {
  const [occupancy, relation] = (values ?? '').split(' ');
  const whose = relation === 'own' ? card?.key : relation === 'other' ? SOMEBODY : undefined;
  const facts = { key, source, version, occupancy: occupancy as LockerFacts['occupancy'], card: whose };
  return { ...facts, holder: relation === 'own' ? card?.holder : whose };
}

/** @param at of the decision: a lesson of theirs was on then, or at another time */
export function readClassroom(
  { key, source, version, values }: KeptFact,
  card: CardFacts | undefined,
  at: number,
): ClassroomFacts {
  const [relation = '', id = NOTHING] = (values ?? '').split(' ');
  const lesson = (people: readonly string[], from = at) => ({ id, from, until: from + 1, people });
  const own = card?.holder === undefined ? [] : [card.holder];
  const lessons = id === NOTHING ? [] : [lesson(relation === 'own' ? own : [SOMEBODY])];
  if (relation === 'own-later') lessons.push(lesson(own, Number.MAX_SAFE_INTEGER));
  return { key, source, version, lessons };
}
