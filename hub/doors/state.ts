/**
 * The list of one controller as the hub issued it, what was taken from it, and what the controller says it holds.
 * A change is first written (`hub.controller-list`) and then served: a version that somebody holds is never forgotten.
 *
 *   build ─▶ next entries ─▶ change ─▶ records, durable ─▶ version + 1, served
 *                              └─ cards from which a right was taken ─▶ `removed` ─▶ confirmed: forgotten
 */
import type { ControllerList, RemovedCard } from '../../contracts/types.js';
import type { ControllerConfig } from '../config/types.js';
import { doorNumbers, entryLine, listDigest, profileNumbers, type ListEntry } from './allow-list.js';
import { IndexRanges } from './index-ranges.js';

export const PARTS = 64;
/** Versions and numbers for which a delta can be given. */
const HISTORY_VERSIONS_MAX = 256;
const HISTORY_NUMBERS_MAX = 20_000;
/** A delta that names more than the list has is no gain; short ones are one all the same. */
const DELTA_NUMBERS_MIN = 100;

/** A version in the making; `apply` it once its records are durable. */
export interface Change {
  readonly entries: ReadonlyMap<string, ListEntry>;
  readonly numbers: ReadonlySet<string>;
  readonly marks: ReadonlyMap<string, string | null>;
  readonly removed: ReadonlyMap<string, RemovedCard | null>;
  readonly profiles: readonly string[];
  readonly lines: readonly string[];
  readonly digest: string;
  readonly listVersion: number;
  readonly records: readonly ControllerList[];
}

export interface Delta {
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

export class ControllerState {
  listVersion = 0;
  digest: string | null = null;
  entries: ReadonlyMap<string, ListEntry> = new Map();
  profiles: readonly string[] = [];
  lines: readonly string[] = [];
  /** Lines of the list, also of one that another process keeps. */
  size = 0;
  /** Epoch ms up to which the entries are worked out; 0: not built since this process began. */
  until = 0;
  builtAt = 0;
  /** More cards than `entriesMax` may enter: those beyond stand on no list. */
  truncated = false;
  streams: ReadonlyMap<number, ReadonlySet<string>> = new Map();
  heldVersion: number | null = null;
  heldAt: number | null = null;
  readonly received = new IndexRanges();
  readonly removed = new Map<string, RemovedCard>();
  #byCard = new Map<string, string[]>();
  readonly #marks = new Map<string, string>();
  readonly #versions = new Map<string, number>();
  #windows = new Map<string, number>();
  #nextProfile = 1;
  #history: { readonly version: number; readonly numbers: ReadonlySet<string> }[] = [];

  constructor(
    readonly config: ControllerConfig,
    private readonly pseudonym: (text: string) => string,
  ) {}

  /** Takes up what an earlier process wrote. */
  load(record: ControllerList): void {
    this.#versions.set(record.listKey, record.version);
    if (record.part < 0) {
      const { listVersion, digest, heldVersion, heldAt, received, entries: size } = record;
      Object.assign(this, { listVersion, digest, heldVersion, heldAt, size });
      this.received.addAll(received);
    }
    for (const { cardKey, mark } of record.cards) this.#marks.set(cardKey, mark);
    for (const one of record.removed) this.removed.set(one.cardKey, one);
  }

  readonly profileOf = (windows: string): number => {
    let number = this.#windows.get(windows);
    if (number === undefined) this.#windows.set(windows, (number = this.#nextProfile++));
    return number;
  };

  numbersOf(card: string): readonly string[] {
    return this.#byCard.get(card) ?? [];
  }

  cardOf(number: string): string | undefined {
    return this.entries.get(number)?.card;
  }

  /** @param asked numbers that may differ; absent: all. @returns null when the list says the same as before */
  change(
    entries: ReadonlyMap<string, ListEntry>,
    asked: Iterable<string> | undefined,
    reasonOf: (card: string) => string,
    now: number,
  ): Change | null {
    const numbers = new Set<string>();
    for (const number of asked ?? new Set([...this.entries.keys(), ...entries.keys()])) {
      const [before, after] = [this.entries.get(number), entries.get(number)];
      if (before?.doors !== after?.doors || before?.card !== after?.card) numbers.add(number);
    }
    const profiles = this.#profileLines(entries);
    const lines = this.#linesWith(entries, numbers);
    const digest = listDigest(profiles, lines);
    if (digest === this.digest && numbers.size === 0) return null;
    const listVersion = digest === this.digest ? this.listVersion : this.listVersion + 1;
    const cards = this.#cardsOf(entries, numbers);
    const marks = new Map<string, string | null>();
    for (const [card, of] of cards) {
      const mark = this.#markOf(of);
      if (mark !== (this.#marks.get(card) ?? null)) marks.set(card, mark);
    }
    const removed = this.#taken(entries, cards, marks, { listVersion, reasonOf, now });
    const parts = new Set([...marks.keys(), ...removed.keys()].map(partOf));
    const change = { entries, numbers, marks, removed, profiles, lines, digest, listVersion };
    if (digest === this.digest && parts.size === 0) return { ...change, records: [] };
    const own = this.#whole({ listVersion, digest, entries: entries.size });
    return { ...change, records: [...this.#parts(parts, change), own] };
  }

  /** The records of `change` are durable. */
  apply(change: Change): void {
    const { entries, numbers, marks, removed, records, listVersion } = change;
    for (const [card, mark] of marks) put(this.#marks, card, mark);
    for (const [card, one] of removed) put(this.removed, card, one);
    const cards = new Map<string, string[]>();
    for (const [number, { card }] of entries) {
      const of = cards.get(card);
      if (of === undefined) cards.set(card, [number]);
      else of.push(number);
    }
    this.#byCard = cards;
    if (listVersion !== this.listVersion) this.#history.push({ version: listVersion, numbers });
    this.#forget();
    const { profiles, lines, digest } = change;
    Object.assign(this, { entries, profiles, lines, digest, listVersion, size: entries.size });
    const used = new Set(profiles.map((line) => Number.parseInt(line, 10)));
    for (const [windows, number] of this.#windows) if (!used.has(number)) this.#windows.delete(windows);
    this.#noted(records);
  }

  /** What a controller that holds `since` must change; undefined: it needs the whole list. */
  delta(since: number): Delta | undefined {
    if (since === this.listVersion) return { changed: [], removed: [] };
    const later = this.#history.filter(({ version }) => version > since);
    if (since > this.listVersion || later.length !== this.listVersion - since) return undefined;
    const numbers = new Set(later.flatMap(({ numbers: of }) => [...of]));
    if (numbers.size > Math.max(DELTA_NUMBERS_MIN, this.entries.size)) return undefined;
    const changed: string[] = [];
    const removed: string[] = [];
    for (const number of [...numbers].sort()) {
      const entry = this.entries.get(number);
      if (entry === undefined) removed.push(number);
      else changed.push(entryLine(number, entry));
    }
    return { changed, removed };
  }

  /** The controller holds this version. @returns records to write, then `apply` of the function beside them */
  confirm(version: number, now: number): { records: readonly ControllerList[]; apply: () => void } {
    const done = [...this.removed.values()].filter(({ listVersion }) => listVersion <= version);
    const parts = new Set(done.map(({ cardKey }) => partOf(cardKey)));
    const removed = new Map(done.map(({ cardKey }): [string, null] => [cardKey, null]));
    const whole = { heldVersion: version, heldAt: now };
    const nothing = { marks: new Map<string, null>(), removed, listVersion: this.listVersion };
    const records = [...this.#parts(parts, nothing), this.#whole(whole)];
    return {
      records,
      apply: () => {
        for (const { cardKey } of done) this.removed.delete(cardKey);
        Object.assign(this, whole);
        this.#noted(records);
      },
    };
  }

  /** The record that says which events have come, and what to do once it is durable. */
  receivedRecord(): { records: readonly ControllerList[]; apply: () => void } {
    const records = [this.#whole({})];
    return { records, apply: () => this.#noted(records) };
  }

  #noted(records: readonly ControllerList[]): void {
    for (const { listKey, version } of records) this.#versions.set(listKey, version);
  }

  /** Cards that an old or a new entry of these numbers names, with their entries to be. */
  #cardsOf(
    entries: ReadonlyMap<string, ListEntry>,
    numbers: ReadonlySet<string>,
  ): Map<string, Map<string, ListEntry>> {
    const cards = new Map<string, Map<string, ListEntry>>();
    for (const number of numbers) {
      for (const entry of [this.entries.get(number), entries.get(number)]) {
        if (entry !== undefined) cards.set(entry.card, new Map());
      }
    }
    // First build of this process: cards that an earlier one listed may stand on it no more.
    if (this.until === 0) for (const card of this.#marks.keys()) cards.set(card, new Map());
    if (cards.size === 0) return cards;
    for (const [number, entry] of entries) cards.get(entry.card)?.set(number, entry);
    return cards;
  }

  /** What was taken from whom; null: given back. */
  #taken(
    entries: ReadonlyMap<string, ListEntry>,
    cards: ReadonlyMap<string, ReadonlyMap<string, ListEntry>>,
    marks: ReadonlyMap<string, string | null>,
    by: { listVersion: number; reasonOf: (card: string) => string; now: number },
  ): Map<string, RemovedCard | null> {
    const taken = new Map<string, RemovedCard | null>();
    if (this.heldVersion === null) return taken; // it holds nothing yet
    const { listVersion, reasonOf, now } = by;
    for (const card of marks.keys()) {
      const of = cards.get(card) ?? new Map<string, ListEntry>();
      const less =
        this.until === 0
          ? this.#marks.has(card)
          : this.numbersOf(card).some((number) => this.#isNarrower(number, entries));
      if (less) {
        const reason = of.size === 0 ? reasonOf(card) : 'DENY_NO_RIGHT';
        const why = reason.startsWith('ALLOW') ? 'NUMBER_CHANGED' : reason;
        taken.set(card, { cardKey: card, reason: why, listVersion, since: now });
      } else if (this.removed.has(card)) taken.set(card, null);
    }
    return taken;
  }

  /** Whether the number opens fewer doors than before. */
  #isNarrower(number: string, entries: ReadonlyMap<string, ListEntry>): boolean {
    const [before, after] = [this.entries.get(number), entries.get(number)];
    if (before === undefined) return false;
    const doors = after === undefined ? [] : doorNumbers(after);
    return doorNumbers(before).some((door) => !doors.includes(door));
  }

  #markOf(of: ReadonlyMap<string, ListEntry>): string | null {
    if (of.size === 0) return null;
    const text = [...of].map(([number, entry]) => `${number} ${doorNumbers(entry).join()}`).sort();
    return this.pseudonym(`listed:${text.join(';')}`).slice(-16);
  }

  #profileLines(entries: ReadonlyMap<string, ListEntry>): readonly string[] {
    const used = new Set<number>();
    for (const entry of entries.values()) for (const number of profileNumbers(entry)) used.add(number);
    const lines = [...this.#windows].filter(([, number]) => used.has(number));
    return lines.map(([windows, number]) => `${number} ${windows}`).sort();
  }

  #linesWith(entries: ReadonlyMap<string, ListEntry>, numbers: ReadonlySet<string>): readonly string[] {
    const gone = new Set<string>();
    const come: string[] = [];
    for (const number of numbers) {
      const [before, after] = [this.entries.get(number), entries.get(number)];
      if (before !== undefined) gone.add(entryLine(number, before));
      if (after !== undefined) come.push(entryLine(number, after));
    }
    // Nearly in order: sorting costs one look at each line.
    return [...this.lines.filter((line) => !gone.has(line)), ...come].sort();
  }

  #forget(): void {
    let numbers = 0;
    const kept: { readonly version: number; readonly numbers: ReadonlySet<string> }[] = [];
    for (const one of [...this.#history].reverse()) {
      numbers += one.numbers.size;
      if (kept.length === HISTORY_VERSIONS_MAX || numbers > HISTORY_NUMBERS_MAX) break;
      kept.unshift(one);
    }
    this.#history = kept;
  }

  #record(listKey: string, part: number, of: Partial<ControllerList>): ControllerList {
    return {
      listKey,
      controller: this.config.id,
      version: (this.#versions.get(listKey) ?? 0) + 1,
      part,
      listVersion: this.listVersion,
      digest: null,
      entries: 0,
      heldVersion: null,
      heldAt: null,
      cards: [],
      removed: [],
      received: [],
      ...of,
    };
  }

  #whole(change: Partial<ControllerList>): ControllerList {
    const { digest, heldVersion, heldAt } = this;
    const received = this.received.ranges().map((range) => ({ ...range }));
    const standing = { digest, heldVersion, heldAt, entries: this.entries.size, received };
    return this.#record(this.config.id, -1, { ...standing, ...change });
  }

  /** What these parts will hold. All cards are looked at once, not once for each part. */
  #parts(
    parts: ReadonlySet<number>,
    {
      marks,
      removed,
      listVersion,
    }: {
      marks: ReadonlyMap<string, string | null>;
      removed: ReadonlyMap<string, RemovedCard | null>;
      listVersion: number;
    },
  ): ControllerList[] {
    if (parts.size === 0) return [];
    const listed = merged(this.#marks, marks, parts);
    const gone = merged(this.removed, removed, parts);
    return [...parts].map((part) => {
      const cards = (listed.get(part) ?? []).map(([cardKey, mark]) => ({ cardKey, mark }));
      const taken = (gone.get(part) ?? []).map(([, one]) => one);
      return this.#record(`${this.config.id}/${part}`, part, { cards, removed: taken, listVersion });
    });
  }
}

function put<V>(map: Map<string, V>, key: string, value: V | null): void {
  if (value === null) map.delete(key);
  else map.set(key, value);
}

/** By part, each in the order of its cards. */
function merged<V>(
  before: ReadonlyMap<string, V>,
  change: ReadonlyMap<string, V | null>,
  parts: ReadonlySet<number>,
): Map<number, [string, V][]> {
  const all = new Map([...parts].map((part): [number, Map<string, V>] => [part, new Map<string, V>()]));
  for (const [key, value] of before) all.get(partOf(key))?.set(key, value);
  for (const [key, value] of change) {
    const part = all.get(partOf(key));
    if (part !== undefined) put(part, key, value);
  }
  return new Map([...all].map(([part, of]) => [part, [...of].sort(([a], [b]) => (a < b ? -1 : 1))]));
}

/** FNV-1a, 32 bits. */
export function partOf(card: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < card.length; i++) hash = Math.imul(hash ^ card.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % PARTS;
}
