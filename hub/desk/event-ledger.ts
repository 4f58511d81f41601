/**
 * The events of one stream as they stand on the log, against those that its upstream tells again.
 *
 *   log ──add──▶ id → digest of the content ◀──compare── the feed, read again from its beginning
 *
 * Held as digests, so that millions of events fit. Two sums of the digests are kept, one a side: they are equal when
 * both sides have the same events, in whatever order.
 */
import { createDigestSum, recordHash } from '../log/digest.js';
import type { EventMemory } from '../sync/published.js';
import { DigestTable } from '../tables/digest-table.js';

/** What the ledger knows of an event, kept beside its digest. */
const MARK = {
  unseen: 0,
  seen: 1,
  /** Told by the upstream, and not on the log. */
  lost: 2,
  /** Told by the upstream before the first event that the log has. */
  before: 3,
} as const;

/** Ids that are told; all are counted. */
const EXAMPLES_MAX = 20;

export class EventLedger implements EventMemory {
  /** All of them: an upstream may keep more than the window of a stream that pulls. */
  readonly window = Number.MAX_SAFE_INTEGER;
  readonly #events = new DigestTable();
  #reading = true;
  /** Events on the log, and records of them beyond the first of each. */
  published = 0;
  twice = 0;
  /** Published events that the upstream has told again, the same or otherwise. */
  seen = 0;
  /** Events that the upstream tells otherwise than the log does, or that the log does not have. */
  differs = 0;
  lost = 0;
  before = 0;
  readonly examples: string[] = [];
  /** Those of the published events that the upstream may be asked about: see `forget`. */
  onLogCount = 0;
  /** Sums over these events, and over those that the upstream told. */
  readonly onLog = createDigestSum();
  readonly told = createDigestSum();

  /** @param begins the hub began somewhere in this feed, so what comes before its first event is not missing */
  constructor(readonly begins: boolean) {}

  add(eventId: string, text: string): void {
    if (!this.#reading) return;
    if (this.#events.digest(eventId) !== undefined) {
      // The first stands: what comes under its id again is the one too many.
      this.twice += 1;
      this.example(eventId);
      return;
    }
    const digest = digestOf(eventId, text);
    this.published += 1;
    this.onLogCount += 1;
    this.onLog.addHash(digest);
    this.#events.set(eventId, digest, MARK.unseen);
  }

  /** From here on it is asked about what the upstream tells. */
  close(): void {
    this.#reading = false;
  }

  compare(eventId: string, text: string): 'absent' | 'same' | 'other' {
    const before = this.#events.digest(eventId);
    if (this.#reading) return before === undefined ? 'absent' : 'same';
    const digest = digestOf(eventId, text);
    if (before === undefined) return this.#absent(eventId, digest);
    const isSame = digest.startsWith(before);
    if (this.#events.version(eventId) === MARK.unseen) {
      this.#events.set(eventId, before, MARK.seen);
      this.seen += 1;
      this.told.addHash(digest);
      if (!isSame) this.#differs(eventId);
    }
    return isSame ? 'same' : 'other';
  }

  #absent(eventId: string, digest: string): 'absent' {
    const isBefore = this.begins && this.seen === 0;
    this.#events.set(eventId, digest, isBefore ? MARK.before : MARK.lost);
    if (isBefore) this.before += 1;
    else {
      this.lost += 1;
      this.told.addHash(digest);
      this.#differs(eventId);
    }
    return 'absent';
  }

  #differs(eventId: string): void {
    this.differs += 1;
    this.example(eventId);
  }

  example(eventId: string): void {
    if (this.examples.length < EXAMPLES_MAX) this.examples.push(eventId);
  }

  /** True for an event on the log that the upstream has not told. */
  isUnseen(eventId: string): boolean {
    return this.#events.digest(eventId) !== undefined && this.#events.version(eventId) === MARK.unseen;
  }

  /** Takes an event out of the log's side: the upstream no longer tells of its time. */
  forget(eventId: string): void {
    const digest = this.#events.digest(eventId);
    if (digest === undefined) return;
    this.onLog.subtractHash(digest);
    this.onLogCount -= 1;
    this.#events.set(eventId, digest, MARK.seen);
  }
}

const digestOf = (eventId: string, text: string): string => recordHash(eventId, Buffer.from(text));
