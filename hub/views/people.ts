/**
 * People as their source describes them: state, groups, and the name and number that an identity check
 * compares with. In columns, like the cards; equal sets of groups are kept once.
 */
import type { PersonFacts } from '../decide/model.js';
import { createColumns } from '../tables/columns.js';
import { NameList } from '../tables/name-list.js';
import { TextTable } from '../tables/text-table.js';
import type { PersonInView } from './fields.js';

const STATES: readonly PersonFacts['state'][] = ['UNKNOWN', 'ACTIVE', 'LEFT', 'REMOVED'];
const NONE = -1;
const NO_GROUPS: readonly number[] = [];

export interface PersonDescription {
  readonly name?: string | undefined;
  readonly schoolNumber?: string | undefined;
  readonly personClass?: string | undefined;
}

export class PeopleView {
  private readonly texts = new TextTable(); // names and numbers
  private readonly lists = new NameList(); // classes and sources
  private readonly sets = new TextTable();
  private readonly setMembers: (readonly number[])[] = [];
  private readonly rows = createColumns(
    {
      present: 'u8',
      state: 'u8',
      source: 'i32',
      version: 'f64',
      groupSet: 'i32',
      name: 'i32',
      schoolNumber: 'i32',
      personClass: 'i32',
    },
    { groupSet: NONE, name: NONE, schoolNumber: NONE, personClass: NONE },
  );
  private count = 0;

  /** `keys` and `groups` are shared: cards name holders and grants name groups before their records come. */
  constructor(
    readonly keys: TextTable,
    private readonly groups: TextTable,
  ) {}

  get size(): number {
    return this.count;
  }

  apply(key: string, value: PersonInView | null): void {
    const row = this.keys.intern(key);
    this.rows.ensure(row);
    const r = this.rows.columns;
    const was = r.present[row] === 1;
    if (value === null) {
      r.present[row] = 0;
      r.groupSet[row] = NONE;
      if (was) this.count--;
      return;
    }
    if (!was) this.count++;
    r.present[row] = 1;
    r.state[row] = Math.max(0, STATES.indexOf(value.state));
    r.source[row] = this.lists.intern(value.source);
    r.version[row] = value.version;
    r.groupSet[row] = this.setOf(value.groups);
    r.name[row] = this.optional(value.name);
    r.schoolNumber[row] = this.optional(value.schoolNumber);
    r.personClass[row] = value.personClass === null ? NONE : this.lists.intern(value.personClass);
  }

  get(key: string): PersonFacts | undefined {
    const row = this.keys.find(key);
    const r = this.rows.columns;
    if (row < 0 || r.present[row] !== 1) return undefined;
    return {
      key,
      source: this.lists.text(r.source[row] ?? 0),
      version: r.version[row] ?? 0,
      state: STATES[r.state[row] ?? 0] ?? 'UNKNOWN',
    };
  }

  /** What an identity check compares with; no door decision needs it. */
  describe(key: string): PersonDescription {
    const row = this.keys.find(key);
    const r = this.rows.columns;
    if (row < 0 || r.present[row] !== 1) return {};
    const personClass = r.personClass[row] ?? NONE;
    return {
      name: this.text(r.name[row]),
      schoolNumber: this.text(r.schoolNumber[row]),
      personClass: personClass === NONE ? undefined : this.lists.text(personClass),
    };
  }

  /** Ids (in the shared table of groups) of the groups of the person in that row of `keys`. */
  groupsOf(row: number): readonly number[] {
    const set = this.rows.columns.groupSet[row] ?? NONE;
    return set === NONE ? NO_GROUPS : (this.setMembers[set] ?? NO_GROUPS);
  }

  private optional(text: string | null): number {
    return text === null ? NONE : this.texts.intern(text);
  }

  private text(id: number | undefined): string | undefined {
    return id === undefined || id === NONE ? undefined : this.texts.text(id);
  }

  private setOf(names: readonly string[]): number {
    if (names.length === 0) return NONE;
    const set = this.sets.intern(names.join('\n'));
    this.setMembers[set] ??= names.map((name) => this.groups.intern(name));
    return set;
  }
}
