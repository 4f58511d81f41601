/**
 * Rights that lockers and classrooms bring themselves, as grants are those of doors: who has a bag in this locker, who
 * has a lesson in this room now. Rules of the policy come before; where none fits, these decide.
 *
 *   locker     open                 the session that is on is this person's       attributes occupancy, owner, ownerCard
 *   classroom  power_on, power_off  a lesson of this person is on, with its margins            lesson, teachers
 *
 * What is recorded says how the place stands to whoever asked, and names nobody: `own`, `other`, `none`, and of a room
 * `own-later`: a lesson of theirs in this room at another time.
 */
import type { CardFacts, DecisionView, Fact, LessonFacts, PersonFacts } from './model.js';
import type { PlaceRules, Policy } from './policy.js';
import type { DenyReason } from './reasons.js';
import type { Attributes } from './rules.js';

export type Relation = 'own' | 'own-later' | 'other' | 'none';

export interface Place {
  readonly relation: Relation;
  /** What rules may ask of it. */
  readonly stored: Attributes;
  readonly fact: Fact;
  /** The right that the place gives, or why not. */
  readonly deny?: DenyReason | undefined;
  readonly warning?: DenyReason | undefined;
}

/** Who asks. A holder of whom the hub has no record has neither bag nor lesson here. */
interface Who {
  readonly card: CardFacts;
  readonly holder: PersonFacts | undefined;
}

/** Streams that say whose a place is. */
const STREAM = { locker: 'uses', classroom: 'rooms' } as const;

/** Undefined: the hub has no record of it; only rules can permit something there. */
export function placeOf(
  view: DecisionView,
  policy: Policy,
  resource: { readonly type: string; readonly id: string },
  who: Who,
  now: number,
): Place | undefined {
  if (resource.type === 'locker') return lockerOf(view, policy, resource.id, who, now);
  return resource.type === 'classroom' ? roomOf(view, policy, resource.id, who, now) : undefined;
}

function lockerOf(view: DecisionView, policy: Policy, id: string, who: Who, now: number): Place | undefined {
  const locker = view.locker?.(id);
  if (locker === undefined) return undefined;
  const { occupancy, card: ownerCard, holder: owner } = locker;
  const own = ownerCard === who.card.key || (owner !== undefined && owner === who.holder?.key);
  const relation = own ? 'own' : ownerCard === undefined ? 'none' : 'other';
  const stored = { occupancy, owner, ownerCard };
  const found = { ...locker, kind: 'locker' as const, said: `${occupancy} ${relation}` };
  return place(view, found, { relation, stored }, policy.places.locker, now);
}

function roomOf(view: DecisionView, policy: Policy, id: string, who: Who, now: number): Place | undefined {
  const room = view.classroom?.(id);
  if (room === undefined) return undefined;
  const rules = policy.places.classroom;
  const isOn = ({ from, until }: LessonFacts): boolean =>
    now >= from - rules.beforeLessonMs && now < until + rules.afterLessonMs;
  const { holder } = who;
  const isOwn = ({ people }: LessonFacts): boolean => holder !== undefined && people.includes(holder.key);
  const on = room.lessons.filter(isOn);
  const lesson = on.find(isOwn) ?? on[0];
  const relation =
    lesson !== undefined && isOwn(lesson)
      ? 'own'
      : room.lessons.some(isOwn)
        ? 'own-later'
        : lesson === undefined
          ? 'none'
          : 'other';
  const stored = { lesson: lesson?.id, teachers: lesson?.people };
  const found = { ...room, kind: 'classroom' as const, said: `${relation} ${lesson?.id ?? '-'}` };
  return place(view, found, { relation, stored }, rules, now);
}

function place(
  view: DecisionView,
  {
    kind,
    key,
    source,
    version,
    said,
  }: Pick<Fact, 'key' | 'source' | 'version'> & {
    readonly kind: keyof typeof STREAM;
    readonly said: string;
  },
  { relation, stored }: Pick<Place, 'relation' | 'stored'>,
  { staleAfterMs, whenStale }: PlaceRules,
  now: number,
): Place {
  const asOf = view.asOf(source, STREAM[kind]);
  const ageMs = asOf === undefined ? undefined : Math.max(0, now - asOf);
  const fact: Fact = { kind, key, source, version, ageMs, of: { said } };
  const found = { relation, stored, fact };
  if (relation !== 'own') return { ...found, deny: relation === 'own-later' ? 'DENY_TIME' : 'DENY_NO_RIGHT' };
  if (ageMs !== undefined && ageMs <= staleAfterMs) return found;
  return whenStale === 'deny'
    ? { ...found, deny: 'DENY_STALE_DATA' }
    : { ...found, warning: 'DENY_STALE_DATA' };
}
