/**
 * One controller and the hub, tied together. Four loops, each of which goes on whatever becomes of the others:
 *
 *   contact   get-status every CONTACT_MS, which keeps the 30 seconds of PC control alive; after silence all is set anew
 *   decide    an event of a waiting swipe ─▶ ask the hub ─▶ open-door
 *   list      the signed list ─▶ put-card, delete-card ─▶ confirmed, once the controller has all of it
 *   events    indexes that the hub has not ─▶ get-event ─▶ upload
 *
 * While the hub does not answer, PC control is off: the controller decides by its own list at once, and not only
 * after 30 seconds. Should the bridge itself be gone, the 30 seconds do the same.
 */
import type { CompiledProfile } from '../../transforms/card-number.js';
import type { ControllerConfig } from '../config/types.js';
import { HeldList } from '../doors/offline.js';
import { pause } from '../pause.js';
import { ageOf, clockOf, localTime, type Reply } from './codec.js';
import type { Device } from './device.js';
import { cardText, SWIPE, UNKNOWN_CARD, WAITS_FOR_HOST } from './events.js';
import { HubError, type HubClient } from './hub-client.js';
import { pushList, readCards, type Stored } from './list-push.js';
import { takeEvents, type Taking } from './take-events.js';

/** Well below the 30 seconds after which a controller with PC control decides by itself. */
const CONTACT_MS = 5_000;
const LIST_MS = 1_000;
const RETRY_MS = 1_000;
/** A swipe older than this by the controller's own clock opens nothing: nobody stands there any more. */
const FRESH_MS = 5_000;
const CLOCK_OFF_MS_MAX = 2_000;
const DECIDED_KEPT = 64;

export interface LinkNote {
  readonly controller: string;
  readonly kind:
    | 'up'
    | 'silent'
    | 'hub-gone'
    | 'hub-back'
    | 'list'
    | 'decided'
    | 'lost-events'
    | 'events-begin-again'
    | 'trouble';
  readonly detail: string;
}

export interface LinkOptions {
  readonly controller: ControllerConfig;
  readonly profile: CompiledProfile;
  readonly device: Device;
  readonly hub: HubClient;
  /** Where controllers send their events. */
  readonly listener: { readonly host: string; readonly port: number };
  readonly now: () => number;
  readonly note: (note: LinkNote) => void;
  readonly timing?: { readonly contactMs?: number; readonly listMs?: number };
}

export class Link {
  readonly held = new HeldList();
  /** What the controller has on its list, as far as it has said so. */
  readonly stored: Stored = new Map();
  readonly #stop = new AbortController();
  readonly #tasks: Promise<void>[] = [];
  readonly #decided: number[] = [];
  readonly #taking: Taking;
  #etag: string | undefined;
  #confirmed = 0;
  #isRead = false;
  #isUp = false;
  #hubUp = true;
  #beginsAgain = false;

  constructor(readonly options: LinkOptions) {
    const { controller, profile, device, hub } = options;
    const lost = (detail: string): void => this.#note('lost-events', detail);
    this.#taking = { controller, profile, device, hub, newest: 0, lost };
  }

  start(): void {
    const { contactMs = CONTACT_MS, listMs = LIST_MS } = this.options.timing ?? {};
    this.#tasks.push(
      this.#every(contactMs, () => this.#contact()),
      this.#every(listMs, () => this.#list()),
      this.#every(listMs, () => (this.#isUp && this.#hubUp ? takeEvents(this.#taking) : Promise.resolve())),
    );
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#tasks);
  }

  /** A datagram that the controller sent by itself; it is never acknowledged, and never sent again. */
  async event(event: Reply<'get-status'>): Promise<void> {
    const { controller, profile, device, hub } = this.options;
    this.#taking.newest = Math.max(this.#taking.newest, event.index);
    const waits = event.reason === WAITS_FOR_HOST || event.reason === UNKNOWN_CARD;
    if (event.type !== SWIPE || event.granted || !waits || this.#decided.includes(event.index)) return;
    if (!(Math.abs(ageOf(event)) <= FRESH_MS)) return;
    this.#decided.push(event.index);
    if (this.#decided.length > DECIDED_KEPT) this.#decided.shift();
    const door = controller.doors.find(({ number }) => number === event.door);
    if (door === undefined) return;
    const action = event.direction === 2 ? 'exit' : door.action;
    const card = cardText(event.card, profile);
    try {
      const isAllowed = await hub.decide({ card, profile: profile.name, door: door.key, action });
      if (isAllowed) await device.request('open-door', { door: event.door }, true);
      this.#note('decided', `door ${event.door}: ${isAllowed ? 'opened' : 'denied'}`);
    } catch (error) {
      this.#note('trouble', (error as Error).message);
    }
  }

  async #contact(): Promise<void> {
    const { device, listener, now } = this.options;
    const taken = this.#taking.taken ?? 0;
    try {
      const status = await device.request('get-status', {}, true);
      this.#taking.newest = Math.max(this.#taking.newest, status.index);
      this.#compare(status.index, taken);
      if (this.#isUp) return;
      await device.request('set-listener', { ...listener, interval: 0 });
      if (!(Math.abs(clockOf(status) - now()) <= CLOCK_OFF_MS_MAX)) {
        await device.request('set-time', { at: localTime(now()) });
      }
      await device.request('set-pc-control', { enabled: this.#hubUp });
      this.#isUp = true;
      this.#note('up', `last event ${status.index}`);
    } catch (error) {
      if (this.#isUp) this.#note('silent', (error as Error).message);
      this.#isUp = false; // it may have been without power: everything is set again
      throw error;
    }
  }

  /** What it had before it was asked it still counts, unless it was reset or another one stands there now. */
  #compare(newest: number, taken: number): void {
    const beginsAgain = newest < taken;
    if (beginsAgain && !this.#beginsAgain) {
      this.#note(
        'events-begin-again',
        `its newest event is ${newest}, and the hub has ${taken} of it: it was reset or replaced. Give it another id in ` +
          `hub.yaml (its events up to ${taken} are not taken under this one)`,
      );
    }
    this.#beginsAgain = beginsAgain;
  }

  /** A long list is put piece by piece, and whatever is newer by then comes first. */
  async #list(): Promise<void> {
    while (await this.#listOnce()) if (this.#stop.signal.aborted) return;
  }

  /** @returns whether the controller has not been told all of it yet */
  async #listOnce(): Promise<boolean> {
    const { controller, hub, device, now } = this.options;
    try {
      const asked = { since: this.held.version === 0 ? undefined : this.held.version, etag: this.#etag };
      const answer = await hub.list(controller.id, asked);
      if (answer !== null) {
        this.held.take(answer.list, answer.claims);
        this.#etag = answer.etag;
      }
      await this.#hub(true);
    } catch (error) {
      this.#etag = undefined;
      if ((error as Error).name === 'ListRefused')
        this.held.version = 0; // the whole list next time
      else if (!(error instanceof HubError && error.busy)) await this.#hub(false);
      if (this.#isExpired(now())) await this.#push();
      throw error;
    }
    if (!this.#isUp) return false;
    if (this.#confirmed === 0 && !this.#isRead) {
      await readCards(device, this.stored);
      this.#isRead = true;
    }
    const isPushed = await this.#push();
    if (isPushed === 'more') return true;
    if (!isPushed || this.#confirmed === this.held.version) return false;
    await hub.confirm(controller.id, this.held.version);
    this.#confirmed = this.held.version;
    this.#note('list', `version ${this.held.version}, ${this.held.entries.size} cards`);
    return false;
  }

  #isExpired(now: number): boolean {
    const { statement } = this.held;
    return statement !== undefined && now >= statement.exp * 1_000;
  }

  /** @returns whether the controller has exactly what the list says */
  #push(): Promise<boolean | 'more'> {
    const { controller, device, now } = this.options;
    return pushList(device, controller, this.held, this.stored, now());
  }

  async #hub(isUp: boolean): Promise<void> {
    if (this.#hubUp === isUp) return;
    this.#hubUp = isUp;
    this.#note(
      isUp ? 'hub-back' : 'hub-gone',
      isUp ? 'the hub decides' : 'the controller decides by its own list',
    );
    if (this.#isUp) await this.options.device.request('set-pc-control', { enabled: isUp }, true);
  }

  async #every(ms: number, work: () => Promise<void>): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      let pauseMs = ms;
      try {
        await work();
      } catch (error) {
        if (!signal.aborted) this.#note('trouble', (error as Error).message);
        pauseMs = Math.min(ms, RETRY_MS);
      }
      await pause(pauseMs, signal);
    }
  }

  #note(kind: LinkNote['kind'], detail: string): void {
    this.options.note({ controller: this.options.controller.id, kind, detail });
  }
}
