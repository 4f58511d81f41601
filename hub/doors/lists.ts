/**
 * The lists of all controllers, kept as the view changes. What a card, a person or a grant of one of them says is
 * looked at within CALM_MS; what may change for many (a policy, an alarm, a door, a group) makes lists anew.
 *
 *   record applied ─▶ mark: card ──▶ its entries again, on every list ─┐
 *                  └▶ mark: all ───▶ each list anew, in slices ────────┴─▶ change ─▶ durable ─▶ served
 *
 * Cards that stand on a list come first: a loss does not wait behind the thousands of new cards of an import.
 */
import type { AccessGrant, ControllerList } from '../../contracts/types.js';
import type { CompiledProfile } from '../../transforms/card-number.js';
import type { ControllerConfig } from '../config/types.js';
import { decide } from '../decide/decide.js';
import { pause } from '../pause.js';
import type { Candidates } from '../search/search.js';
import { turns } from '../turns.js';
import type { ViewValue } from '../views/fields.js';
import type { HubView, ViewTopic } from '../views/view.js';
import { ListBuild } from './build.js';
import type { ListEntry } from './allow-list.js';
import { ControllerState, type Change } from './state.js';

/** Marks are gathered so long: a feed gives them by the page. */
const CALM_MS = 50;
/** Making lists anew takes at most this part of the time, unless an alarm or a policy asks for it. */
const ANEW_SHARE = 0.1;
const ANEW_EVERY_MS = 1_000;
/** Whatever happens, each list is made anew so often. */
const REBUILD_MS_MAX = 10 * 60_000;
/** More marked cards than this cost more than making the lists anew. */
const CARDS_MAX = 5_000;
/** As many cards that were there before are noted all the same: they may stand on a list. */
const LISTED_MAX = 50_000;
/** Marked cards that stand on no list yet are looked at so many at a time: some hundred milliseconds of work. */
const NEW_CARDS_AT_ONCE = 500;
/** A slice of work before other work (requests) gets its turn. */
const SLICE_MS = 8;

export interface ListsOptions {
  readonly controllers: readonly ControllerConfig[];
  readonly view: HubView;
  readonly candidates: Candidates;
  readonly profiles: ReadonlyMap<string, CompiledProfile>;
  readonly pseudonym: (text: string) => string;
  readonly now: () => number;
  /** Settles when the records are durable. */
  readonly write: (records: readonly ControllerList[], asOf: number) => Promise<void>;
  readonly onProblem: (what: string, error: unknown) => void;
}

/** What the view's records change, noted before anybody asks. */
export class Marks {
  readonly cards = new Set<string>();
  all = true;
  /** An alarm or a policy: everybody may be concerned, at once. */
  urgent = true;
  #wake: () => void = () => undefined;

  /** @param mayBeListed it was there before: a right may have been taken, which must not wait until all is made anew */
  card(key: string, mayBeListed = false): void {
    if (this.cards.size < (mayBeListed ? LISTED_MAX : CARDS_MAX)) this.cards.add(key);
    else {
      this.all = true;
      this.urgent ||= mayBeListed;
    }
    this.#wake();
  }

  everything(urgent = false): void {
    this.all = true;
    this.urgent ||= urgent;
    this.#wake();
  }

  /** Calls back at each mark. */
  onMark(wake: () => void): void {
    this.#wake = wake;
  }
}

/** The view that also leaves marks. */
export function marking(view: HubView, marks: Marks): HubView {
  const grant = (value: AccessGrant): void => {
    if (value.subjectType === 'CARD') marks.card(value.subject, true);
    else if (value.subjectType === 'PERSON') person(value.subject);
    marks.everything(); // it may have been somebody else's before
  };
  const person = (key: string): void => {
    for (const card of view.cardsOfPerson(key)) marks.card(card.key, true);
  };
  return {
    ...view,
    apply<T extends ViewTopic>(topic: T, key: string, value: ViewValue[T] | null) {
      if (topic === 'master.card' || topic === 'hub.out-of-scope-card') {
        const before = view.cards.numbersMark(key);
        view.apply(topic, key, value);
        marks.card(key, before !== '');
        // A number that it gave up may be another card's alone now.
        if (before !== '' && before !== view.cards.numbersMark(key)) marks.everything();
        return;
      }
      view.apply(topic, key, value);
      if (topic === 'hub.person-source') person(key);
      else if (topic === 'master.access-grant') {
        // What is gone was revoked before.
        if (value !== null) grant(value as AccessGrant);
      } else if (topic === 'hub.policy' || topic === 'hub.alert') marks.everything(true);
      else if (topic === 'master.door') marks.everything();
    },
  };
}

export class AllowLists {
  readonly states = new Map<string, ControllerState>();
  /** This process keeps the lists. */
  active = false;
  readonly #stale = new Set<string>();
  readonly #anew = { since: 0, tookMs: 0 };

  constructor(
    readonly options: ListsOptions,
    private readonly marks: Marks,
  ) {
    this.load([]);
  }

  /** Begins anew with what an earlier writer wrote; before `run`. */
  load(records: Iterable<ControllerList>): void {
    const { controllers, pseudonym } = this.options;
    for (const one of controllers) {
      const state = new ControllerState(one, pseudonym);
      state.received.addAll(this.states.get(one.id)?.received.ranges() ?? []);
      this.states.set(one.id, state);
    }
    for (const record of records) this.states.get(record.controller)?.load(record);
  }

  /** Keeps the lists until it is aborted. @throws what `write` threw: the states are then to be loaded again */
  async run(signal: AbortSignal): Promise<void> {
    this.marks.everything(true);
    this.active = true;
    try {
      while (!signal.aborted) {
        const busy = await this.step(signal);
        if (!busy) await this.#marked(signal);
      }
    } finally {
      this.active = false;
    }
  }

  /** One piece of work. @returns whether there may be more */
  async step(signal: AbortSignal): Promise<boolean> {
    if (this.marks.cards.size > 0) {
      await this.#cards(signal);
      return true;
    }
    if (this.marks.urgent || (this.marks.all && this.#stale.size === 0 && this.#rested())) {
      this.marks.all = false;
      this.marks.urgent = false;
      this.#anew.since = performance.now();
      for (const id of this.states.keys()) this.#stale.add(id);
    }
    for (const [id, state] of this.states) {
      if (!this.#stale.has(id) && !this.#isDue(state)) continue;
      this.#stale.delete(id);
      await this.#makeAnew(state, signal);
      if (this.#stale.size === 0) this.#anew.tookMs = performance.now() - this.#anew.since;
      return true;
    }
    return false;
  }

  /** What some of the marked cards may, on every list: those that stand on one, else new ones. @returns these cards */
  async #cards(signal: AbortSignal): Promise<readonly string[]> {
    const states = [...this.states.values()];
    const marked = [...this.marks.cards];
    const listed = marked.filter((card) => states.some((state) => state.numbersOf(card).length > 0));
    const cards = listed.length > 0 ? listed : marked.slice(0, NEW_CARDS_AT_ONCE);
    for (const card of cards) this.marks.cards.delete(card);
    for (const state of states) {
      if (signal.aborted) break;
      if (state.until > 0) await this.#again(state, cards);
    }
    return cards;
  }

  /** Writes and applies one after the other, whoever asks. */
  readonly exclusive = turns();

  #isDue({ until, builtAt, config }: ControllerState): boolean {
    const now = this.options.now();
    return until - now < config.validityMs || Math.abs(now - builtAt) > rebuildMs(config);
  }

  /** Waits for a mark, and a little for more of them. */
  async #marked(signal: AbortSignal): Promise<void> {
    if (this.marks.cards.size === 0) {
      await new Promise<void>((resolve) => {
        const end = (): void => {
          clearTimeout(timer);
          // However the wait ends: the signal lives as long as the hub, and so would what listens to it.
          signal.removeEventListener('abort', end);
          resolve();
        };
        const timer = setTimeout(end, ANEW_EVERY_MS);
        this.marks.onMark(end);
        signal.addEventListener('abort', end);
        if (signal.aborted || this.marks.cards.size > 0) end();
      });
      this.marks.onMark(() => undefined);
    }
    await pause(CALM_MS, signal);
  }

  #build(state: ControllerState, until: number): ListBuild {
    const { view, candidates, profiles, now } = this.options;
    const profile = profiles.get(state.config.readerProfile);
    if (profile === undefined) throw new Error(`no reader profile ${state.config.readerProfile}`);
    return new ListBuild(
      state.config,
      { view, candidates, profile },
      { from: now(), until },
      state.profileOf,
    );
  }

  #rested(): boolean {
    const { since, tookMs } = this.#anew;
    return performance.now() - since >= Math.max(ANEW_EVERY_MS, tookMs / ANEW_SHARE);
  }

  async #makeAnew(state: ControllerState, signal: AbortSignal): Promise<void> {
    const { now } = this.options;
    const { config } = state;
    const at = now();
    const until = at + config.validityMs + 2 * rebuildMs(config);
    const build = this.#build(state, until);
    // At once: the index must not change under its own iteration.
    const cards = new Set(build.candidates());
    const entries = new Map<string, ListEntry>();
    const meanwhile = new Set<string>();
    const pause = slices();
    for (const card of cards) {
      for (const [number, entry] of build.entriesOf(card)) {
        if (entries.size < config.entriesMax) entries.set(number, entry);
      }
      await pause();
      if (signal.aborted) return;
      // A loss does not wait until the list is made: it is taken off the one that is served, and off this one below.
      if (this.marks.cards.size > 0) for (const one of await this.#cards(signal)) meanwhile.add(one);
    }
    for (const card of [...meanwhile]) {
      for (const number of build.namesOf(card)) {
        const other = entries.get(number)?.card;
        if (other !== undefined) meanwhile.add(other);
      }
    }
    for (const [number, { card }] of entries) if (meanwhile.has(card)) entries.delete(number);
    for (const card of meanwhile) {
      if (!cards.has(card) && !build.reaches(card)) continue;
      for (const [number, entry] of build.entriesOf(card)) {
        if (entries.size < config.entriesMax) entries.set(number, entry);
      }
    }
    const truncated = entries.size === config.entriesMax;
    if (truncated && !state.truncated) {
      const message = `more than ${config.entriesMax} cards may enter: those beyond are denied offline`;
      this.options.onProblem(`controller ${config.id}`, new Error(message));
    }
    await this.exclusive(() =>
      this.#commit(state, state.change(entries, undefined, this.#reason(state), at)),
    );
    Object.assign(state, { until, builtAt: at, truncated, streams: build.streams });
  }

  /** These cards again, and those that shared or share a number with them. */
  async #again(state: ControllerState, cards: readonly string[]): Promise<void> {
    const { now } = this.options;
    const build = this.#build(state, state.until);
    const numbers = new Set<string>();
    const found = new Map<string, ListEntry>();
    const pause = slices();
    const queue = [...cards];
    for (let i = 0; i < queue.length; i++) {
      const card = queue[i] ?? '';
      const listed = state.numbersOf(card);
      for (const number of listed) numbers.add(number);
      for (const number of build.namesOf(card)) {
        const other = state.cardOf(number);
        if (other !== undefined && other !== card && !queue.includes(other)) queue.push(other);
      }
      if (listed.length === 0 && !build.reaches(card)) continue;
      for (const [number, entry] of build.entriesOf(card)) {
        numbers.add(number);
        found.set(number, entry);
      }
      await pause();
    }
    if (numbers.size === 0) return;
    const { streams } = state;
    await this.exclusive(async () => {
      const entries = new Map(state.entries);
      for (const number of numbers) {
        const entry = found.get(number);
        if (entry === undefined) entries.delete(number);
        else if (entries.has(number) || entries.size < state.config.entriesMax) entries.set(number, entry);
      }
      await this.#commit(state, state.change(entries, numbers, this.#reason(state), now()));
      state.streams = union(streams, build.streams);
    });
  }

  async #commit(state: ControllerState, change: Change | null): Promise<void> {
    if (change === null) return;
    if (change.records.length > 0) await this.options.write(change.records, this.options.now());
    state.apply(change);
  }

  /** Why a card stands on the list no more, by the first door. */
  #reason({ config }: ControllerState): (card: string) => string {
    const { view, now } = this.options;
    return (card) => {
      const [door] = config.doors;
      if (door === undefined) return 'DENY_UNKNOWN_DOOR';
      const subject = { type: 'card', id: card } as const;
      const request = { subject, resource: door.key, action: door.action };
      return decide(view, view.policy(), request, now(), { ignoreDataAge: true, ignoreAntiPassback: true })
        .reason;
    };
  }
}

type Streams = ReadonlyMap<number, ReadonlySet<string>>;

function union(a: Streams, b: Streams): Streams {
  const both = new Map(a);
  for (const [door, streams] of b) both.set(door, new Set([...(a.get(door) ?? []), ...streams]));
  return both;
}

function rebuildMs({ validityMs }: ControllerConfig): number {
  return Math.min(REBUILD_MS_MAX, validityMs / 2);
}

/** Gives others their turn when a slice is over. */
function slices(): () => Promise<void> | undefined {
  let began = performance.now();
  return () => {
    if (performance.now() - began < SLICE_MS) return undefined;
    return new Promise<void>((resolve) => {
      setImmediate(() => {
        began = performance.now();
        resolve();
      });
    });
  };
}
