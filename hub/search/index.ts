/**
 * Who is reached by a grant at a door, and which doors a grant reaches from a person: the other direction of
 * what a decision asks, kept beside the views and fed by the same records.
 *
 *   door ─▶ its resources (the door, its door groups) ─▶ people, cards, groups with a grant ─▶ groups' members
 *   person ─▶ card, person, groups, groups of groups ─▶ resources ─▶ doors
 *
 * Times, states and directions are not looked at here: whoever is found is decided. Rows are numbers in the
 * order in which this process saw them, so a page token is good for this process only (`order`).
 */
import type { AccessGrant, Door } from '../../contracts/types.js';
import type { PersonInView } from '../views/fields.js';
import { createColumns } from '../tables/columns.js';
import { TextTable } from '../tables/text-table.js';
import { SortedInts } from './sorted-ints.js';

const NONE = -1;
/** A door that is reached through more groups than this has the further ones left out, as in the views. */
const GROUPS_MAX = 256;

interface Posting {
  readonly people: SortedInts;
  readonly cards: SortedInts;
  readonly groups: SortedInts;
}
type SubjectKind = keyof Posting;

const SUBJECT_KINDS: Partial<Record<AccessGrant['subjectType'], SubjectKind>> = {
  PERSON: 'people',
  CARD: 'cards',
  GROUP: 'groups',
};
const KINDS: readonly SubjectKind[] = ['people', 'cards', 'groups'];
/** First letter of a resource's name in the table. */
const RESOURCE_KINDS: Partial<Record<AccessGrant['resourceType'], string>> = {
  DOOR: 'D',
  DOOR_GROUP: 'E',
  GROUP: 'G',
};

export class SearchIndex {
  readonly people = new TextTable();
  readonly cards = new TextTable();
  readonly allPeople = new SortedInts();
  readonly doors = new Set<string>();
  private readonly groups = new TextTable();
  private readonly resources = new TextTable();
  private readonly postings: Posting[] = [];
  private readonly members: SortedInts[] = []; // by group, from the records of people
  private readonly byClass = new Map<string, SortedInts>();
  private readonly doorGroups = new Map<string, Set<string>>();
  private readonly groupsOfDoor = new Map<string, readonly string[]>();
  private readonly grantKeys = new TextTable();
  private readonly grants = createColumns(
    { kind: 'u8', subject: 'i32', resource: 'i32', next: 'i32' },
    { resource: NONE, next: NONE },
  );
  /** First grant of each subject, by kind. */
  private readonly heads = KINDS.map(() => createColumns({ first: 'i32' }, { first: NONE }));
  private readonly persons = createColumns(
    { groupSet: 'i32', personClass: 'i32' },
    { groupSet: NONE, personClass: NONE },
  );
  private readonly sets = new TextTable();
  private readonly setGroups: (readonly number[])[] = [];
  private readonly classes = new TextTable();

  applyDoor(key: string, value: Door | null): void {
    for (const group of this.groupsOfDoor.get(key) ?? []) this.doorGroups.get(group)?.delete(key);
    this.groupsOfDoor.delete(key);
    this.doors.delete(key);
    if (value === null) return;
    this.doors.add(key);
    this.groupsOfDoor.set(key, value.groups);
    for (const group of value.groups) {
      const doors = this.doorGroups.get(group);
      if (doors === undefined) this.doorGroups.set(group, new Set([key]));
      else doors.add(key);
    }
  }

  applyPerson(key: string, value: PersonInView | null): void {
    const row = this.people.intern(key);
    this.persons.ensure(row);
    const p = this.persons.columns;
    const setBefore = p.groupSet[row] ?? NONE;
    const classBefore = p.personClass[row] ?? NONE;
    const set = value === null || value.groups.length === 0 ? NONE : this.setOf(value.groups);
    const personClass =
      value === null || value.personClass === null ? NONE : this.classes.intern(value.personClass);
    if (value === null) this.allPeople.remove(row);
    else if (!this.allPeople.has(row)) this.allPeople.add(row);
    if (set !== setBefore) {
      for (const group of this.setGroups[setBefore] ?? []) this.members[group]?.remove(row);
      for (const group of this.setGroups[set] ?? []) (this.members[group] ??= new SortedInts()).add(row);
      p.groupSet[row] = set;
    }
    if (personClass !== classBefore) {
      if (classBefore !== NONE) this.classMembers(this.classes.text(classBefore)).remove(row);
      if (personClass !== NONE) this.classMembers(this.classes.text(personClass)).add(row);
      p.personClass[row] = personClass;
    }
  }

  applyGrant(key: string, value: AccessGrant | null): void {
    const row = this.grantKeys.intern(key);
    this.grants.ensure(row);
    const kind = value?.state === 'ACTIVE' ? SUBJECT_KINDS[value.subjectType] : undefined;
    const letter = value === null ? undefined : RESOURCE_KINDS[value.resourceType];
    if (value === null || kind === undefined || letter === undefined) {
      this.detach(row);
      return;
    }
    const subject = this.table(kind).intern(value.subject);
    const resource = this.resources.intern(letter + value.resource);
    const g = this.grants.columns;
    const kindId = KINDS.indexOf(kind);
    if (g.resource[row] === resource && g.subject[row] === subject && g.kind[row] === kindId) return;
    this.detach(row);
    this.posting(resource)[kind].add(subject);
    const heads = this.heads[kindId];
    if (heads === undefined) return;
    heads.ensure(subject);
    g.kind[row] = kindId;
    g.subject[row] = subject;
    g.resource[row] = resource;
    g.next[row] = heads.columns.first[subject] ?? NONE;
    heads.columns.first[subject] = row;
  }

  /** Lists of the people and of the cards that some grant reaches at this door. */
  reaching(door: string): { readonly people: readonly SortedInts[]; readonly cards: readonly SortedInts[] } {
    const people: SortedInts[] = [];
    const cards: SortedInts[] = [];
    const groups: number[] = [];
    const visit = (name: string): void => {
      const posting = this.postings[this.resources.find(name)];
      if (posting === undefined) return;
      if (posting.people.length > 0) people.push(posting.people);
      if (posting.cards.length > 0) cards.push(posting.cards);
      for (let i = 0; i < posting.groups.length; i++) {
        const group = posting.groups.at(i);
        if (groups.length < GROUPS_MAX && !groups.includes(group)) groups.push(group);
      }
    };
    visit(`D${door}`);
    for (const group of this.groupsOfDoor.get(door) ?? []) visit(`E${group}`);
    for (let i = 0; i < groups.length; i++) {
      const group = groups[i] ?? 0;
      const members = this.members[group];
      if (members !== undefined) people.push(members);
      visit(`G${this.groups.text(group)}`); // groups of groups; `groups` grows while it is walked
    }
    return { people, cards };
  }

  /** Doors that some grant reaches from these cards and this person. */
  reachedFrom(person: string | undefined, cards: readonly string[]): Set<string> {
    const doors = new Set<string>();
    const groups: number[] = [];
    const visit = (kind: SubjectKind, subject: number): void => {
      const heads = this.heads[KINDS.indexOf(kind)];
      if (heads === undefined || subject < 0) return;
      let row = heads.columns.first[subject] ?? NONE;
      for (; row !== NONE; row = this.grants.columns.next[row] ?? NONE) {
        const name = this.resources.text(this.grants.columns.resource[row] ?? 0);
        const of = name.slice(1);
        if (name.startsWith('D')) doors.add(of);
        else if (name.startsWith('E')) for (const door of this.doorGroups.get(of) ?? []) doors.add(door);
        else addGroup(this.groups.intern(of));
      }
    };
    const addGroup = (group: number): void => {
      if (groups.length < GROUPS_MAX && !groups.includes(group)) groups.push(group);
    };
    for (const card of cards) visit('cards', this.cards.find(card));
    const row = person === undefined ? NONE : this.people.find(person);
    if (row >= 0) {
      visit('people', row);
      const set = this.persons.columns.groupSet[row] ?? NONE;
      for (const group of this.setGroups[set] ?? []) addGroup(group);
    }
    for (let i = 0; i < groups.length; i++) visit('groups', groups[i] ?? 0);
    return doors;
  }

  ofClass(personClass: string): SortedInts | undefined {
    return this.byClass.get(personClass);
  }

  private table(kind: SubjectKind): TextTable {
    return kind === 'people' ? this.people : kind === 'cards' ? this.cards : this.groups;
  }

  private posting(resource: number): Posting {
    return (this.postings[resource] ??= {
      people: new SortedInts(),
      cards: new SortedInts(),
      groups: new SortedInts(),
    });
  }

  private detach(row: number): void {
    const g = this.grants.columns;
    const resource = g.resource[row] ?? NONE;
    const kind = KINDS[g.kind[row] ?? 0];
    const heads = this.heads[g.kind[row] ?? 0];
    if (resource === NONE || kind === undefined || heads === undefined) return;
    const subject = g.subject[row] ?? 0;
    this.posting(resource)[kind].remove(subject);
    let at = heads.columns.first[subject] ?? NONE;
    if (at === row) heads.columns.first[subject] = g.next[row] ?? NONE;
    else {
      while (at !== NONE && g.next[at] !== row) at = g.next[at] ?? NONE;
      if (at !== NONE) g.next[at] = g.next[row] ?? NONE;
    }
    g.resource[row] = NONE;
  }

  private classMembers(name: string): SortedInts {
    let members = this.byClass.get(name);
    if (members === undefined) this.byClass.set(name, (members = new SortedInts()));
    return members;
  }

  private setOf(names: readonly string[]): number {
    const set = this.sets.intern(names.join('\n'));
    this.setGroups[set] ??= [...new Set(names)].map((name) => this.groups.intern(name));
    return set;
  }
}
