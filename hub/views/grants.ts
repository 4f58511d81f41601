/**
 * Grants and memberships, found by (subject, resource): a decision asks for a handful of pairs instead of
 * walking the thousand grants of a large group.
 *
 *   subjects:  card, person, each of the person's groups, and the groups that those are members of
 *   resources: the door, each of its door groups
 *   a membership is a grant of a subject to the resource MEMBERSHIP, with its own validity and schedule
 */
import type { AccessGrant } from '../../contracts/types.js';
import type { CardFacts, DoorFacts, Right } from '../decide/model.js';
import { compileSchedule, coveredUntil } from '../decide/schedule.js';
import type { ScheduleSpan } from '../decide/schedule.js';
import { createColumns, unlink } from '../tables/columns.js';
import { createPairIndex } from '../tables/pair-index.js';
import type { PeopleView } from './people.js';
import { NameList } from '../tables/name-list.js';
import { TextTable } from '../tables/text-table.js';

const DIRECTIONS = ['UNKNOWN', 'ENTER', 'EXIT', 'BOTH'] as const;
const NONE = -1;
/** Resource id under which the memberships of a subject are kept. */
const MEMBERSHIP = 0;
/** A subject in more groups than this (through groups of groups) gets no rights from the further ones. */
const GROUPS_MAX = 256;
const ALWAYS: readonly ScheduleSpan[] = [];
const MINUTES_OF_DAY = 1_440;
/** Memberships whenever they hold. */
const ANY_TIME = undefined;

export interface GrantsViewOptions {
  readonly cardKeys: TextTable;
  readonly groups: TextTable;
  readonly people: PeopleView;
}

export class GrantsView {
  private readonly keys = new TextTable();
  private readonly doors = new TextTable();
  private readonly doorGroups = new TextTable();
  private readonly sources = new NameList();
  private readonly schedules: (readonly ScheduleSpan[])[] = [ALWAYS];
  private readonly scheduleIds = new Map<string, number>([['[]', 0]]);
  private readonly pairs = createPairIndex();
  private readonly rows = createColumns(
    {
      present: 'u8',
      active: 'u8',
      direction: 'u8',
      pair: 'i32',
      next: 'i32',
      group: 'i32',
      source: 'i32',
      schedule: 'i32',
      version: 'f64',
      validFrom: 'f64',
      validUntil: 'f64',
    },
    { pair: NONE, next: NONE, group: NONE, validFrom: -Infinity, validUntil: Infinity },
  );
  private count = 0;

  constructor(private readonly options: GrantsViewOptions) {}

  get size(): number {
    return this.count;
  }

  apply(key: string, value: AccessGrant | null): void {
    const row = this.keys.intern(key);
    this.rows.ensure(row);
    this.detach(row);
    const r = this.rows.columns;
    const was = r.present[row] === 1;
    if (value === null) {
      r.present[row] = 0;
      if (was) this.count--;
      return;
    }
    if (!was) this.count++;
    r.present[row] = 1;
    r.active[row] = value.state === 'ACTIVE' ? 1 : 0;
    r.direction[row] = Math.max(0, DIRECTIONS.indexOf(value.direction));
    r.group[row] = value.resourceType === 'GROUP' ? this.options.groups.intern(value.resource) : NONE;
    r.source[row] = this.sources.intern(value.source);
    r.schedule[row] = this.scheduleOf(value);
    r.version[row] = value.version;
    r.validFrom[row] = value.validFrom ?? -Infinity;
    r.validUntil[row] = value.validUntil ?? Infinity;
    this.attach(row, value);
  }

  /** Active grants that reach this card at this door, whatever their time and direction. */
  rights(card: CardFacts, door: DoorFacts, now: number): readonly Right[] {
    const found: Right[] = [];
    const resources = this.resourcesOf(door);
    if (resources.length === 0) return found;
    const { active, next } = this.rows.columns;
    for (const subject of this.subjectsOf(card, now)) {
      for (const resource of resources) {
        for (let row = this.pairs.head(subject, resource); row !== NONE; row = next[row] ?? NONE) {
          if (active[row] === 1) found.push(this.right(row));
        }
      }
    }
    return found;
  }

  /**
   * When `rights()` of this card at this door, or whether one of them covers the moment, may change between the two
   * instants: where a validity begins or ends. `scheduled`: also at the minutes of schedules (`scheduleMinutes`).
   */
  changes(
    card: CardFacts,
    door: DoorFacts,
    from: number,
    until: number,
  ): { readonly instants: readonly number[]; readonly scheduled: boolean } {
    const instants: number[] = [];
    let scheduled = false;
    const r = this.rows.columns;
    const look = (subject: number, resource: number): void => {
      for (let row = this.pairs.head(subject, resource); row !== NONE; row = r.next[row] ?? NONE) {
        if (r.active[row] !== 1) continue;
        scheduled ||= (r.schedule[row] ?? 0) !== 0;
        for (const at of [r.validFrom[row] ?? 0, r.validUntil[row] ?? 0]) {
          if (at > from && at < until) instants.push(at);
        }
      }
    };
    const resources = this.resourcesOf(door);
    for (const subject of this.subjectsOf(card, ANY_TIME)) {
      look(subject, MEMBERSHIP);
      for (const resource of resources) look(subject, resource);
    }
    return { instants, scheduled };
  }

  /** Minutes of the day, 0 to 1439, at which a schedule of any grant begins or ends. */
  scheduleMinutes(): ReadonlySet<number> {
    const minutes = new Set<number>();
    for (const spans of this.schedules) {
      for (const span of spans) minutes.add(span.from % MINUTES_OF_DAY).add(span.until % MINUTES_OF_DAY);
    }
    return minutes;
  }

  private resourcesOf(door: DoorFacts): number[] {
    const resources: number[] = [];
    const doorRow = this.doors.find(door.key);
    if (doorRow >= 0) resources.push(doorResource(doorRow));
    for (const name of door.groups) {
      const group = this.doorGroups.find(name);
      if (group >= 0) resources.push(doorGroupResource(group));
    }
    return resources;
  }

  /** -1: a kind of subject that this version does not know, so nobody gets a right by it. */
  private subjectOf(value: AccessGrant): number {
    switch (value.subjectType) {
      case 'CARD':
        return cardSubject(this.options.cardKeys.intern(value.subject));
      case 'PERSON':
        return personSubject(this.options.people.keys.intern(value.subject));
      case 'GROUP':
        return groupSubject(this.options.groups.intern(value.subject));
      case 'UNKNOWN':
        return NONE;
    }
  }

  private resourceOf(value: AccessGrant): number {
    switch (value.resourceType) {
      case 'DOOR':
        return doorResource(this.doors.intern(value.resource));
      case 'DOOR_GROUP':
        return doorGroupResource(this.doorGroups.intern(value.resource));
      case 'GROUP':
        return MEMBERSHIP;
      case 'UNKNOWN':
        return NONE;
    }
  }

  private scheduleOf(value: AccessGrant): number {
    const text = value.schedule.length === 0 ? '[]' : JSON.stringify(value.schedule);
    let id = this.scheduleIds.get(text);
    if (id === undefined) {
      id = this.schedules.push(compileSchedule(value.schedule)) - 1;
      this.scheduleIds.set(text, id);
    }
    return id;
  }

  private detach(row: number): void {
    const { pair, next } = this.rows.columns;
    const list = pair[row] ?? NONE;
    if (list !== NONE) unlink(this.pairs.heads(), next, list, row);
    pair[row] = NONE;
  }

  private attach(row: number, value: AccessGrant): void {
    const subject = this.subjectOf(value);
    const resource = this.resourceOf(value);
    if (subject === NONE || resource === NONE) return;
    const pair = this.pairs.intern(subject, resource);
    const heads = this.pairs.heads();
    this.rows.columns.pair[row] = pair;
    this.rows.columns.next[row] = heads[pair] ?? NONE;
    heads[pair] = row;
  }

  private right(row: number): Right {
    const r = this.rows.columns;
    const validFrom = r.validFrom[row] ?? -Infinity;
    const validUntil = r.validUntil[row] ?? Infinity;
    return {
      key: this.keys.text(row),
      source: this.sources.text(r.source[row] ?? 0),
      version: r.version[row] ?? 0,
      direction: DIRECTIONS[r.direction[row] ?? 0] ?? 'UNKNOWN',
      validFrom: validFrom === -Infinity ? undefined : validFrom,
      validUntil: validUntil === Infinity ? undefined : validUntil,
      schedule: this.schedules[r.schedule[row] ?? 0] ?? ALWAYS,
    };
  }

  /** Adds the groups that this subject is a member of at `now`; undefined: at any time. */
  private addMemberships(subject: number, now: number | undefined, into: number[]): void {
    const r = this.rows.columns;
    for (let row = this.pairs.head(subject, MEMBERSHIP); row !== NONE; row = r.next[row] ?? NONE) {
      const group = r.group[row] ?? NONE;
      if (r.active[row] !== 1) continue;
      if (now !== undefined) {
        if (now < (r.validFrom[row] ?? 0) || now >= (r.validUntil[row] ?? 0)) continue;
        const schedule = this.schedules[r.schedule[row] ?? 0] ?? ALWAYS;
        if (schedule.length > 0 && coveredUntil(schedule, now) === undefined) continue;
      }
      if (into.length < GROUPS_MAX && !into.includes(group)) into.push(group);
    }
  }

  private subjectsOf(card: CardFacts, now: number | undefined): number[] {
    const { cardKeys, people } = this.options;
    const subjects: number[] = [];
    const found: number[] = [];
    const cardRow = cardKeys.find(card.key);
    if (cardRow >= 0) {
      subjects.push(cardSubject(cardRow));
      this.addMemberships(cardSubject(cardRow), now, found);
    }
    const personRow = card.holder === undefined ? -1 : people.keys.find(card.holder);
    if (personRow >= 0) {
      subjects.push(personSubject(personRow));
      for (const group of people.groupsOf(personRow)) if (!found.includes(group)) found.push(group);
      this.addMemberships(personSubject(personRow), now, found);
    }
    for (let i = 0; i < found.length; i++) {
      const subject = groupSubject(found[i] ?? 0);
      subjects.push(subject);
      this.addMemberships(subject, now, found); // groups of groups; `found` grows while it is walked
    }
    return subjects;
  }
}

const cardSubject = (row: number): number => row * 4;
const personSubject = (row: number): number => row * 4 + 1;
const groupSubject = (row: number): number => row * 4 + 2;
const doorResource = (row: number): number => row * 2 + 2;
const doorGroupResource = (row: number): number => row * 2 + 3;
