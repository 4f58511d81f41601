/**
 * Whose bag is in which locker: the card that opened the session which is on. The person counts and not the card, so a
 * replaced card opens its holder's locker (domain.md, hard case 11).
 *
 *   OPENED ─▶ session on ─▶ CLOSED ─▶ over        a session that began earlier never takes the place of a later one
 *   master.locker names a later session than is known ─▶ nobody's, until that session's own events come
 *
 * Events of two sessions may stand in two partitions, so they come in any order. There is one entry a locker.
 */
import type { Locker, LockerUse } from '../../contracts/types.js';
import type { LockerFacts } from '../decide/model.js';

interface Session {
  readonly id: string;
  readonly card: string | undefined;
  /** Start, epoch ms. */
  readonly since: number;
  readonly over: boolean;
}

export class LockersView {
  readonly #lockers = new Map<string, Locker>();
  readonly #sessions = new Map<string, Session>();

  /** @param holderOf person key of a card's holder */
  constructor(readonly holderOf: (card: string) => string | undefined) {}

  /** Applies one record of master.locker; null is a tombstone. */
  applyLocker(key: string, value: Locker | null): void {
    if (value === null || value.state === 'REMOVED') {
      this.#lockers.delete(key);
      this.#sessions.delete(key);
    } else this.#lockers.set(key, value);
  }

  /** Applies one record of master.locker-use. */
  applyUse({ lockerKey, sessionId, kind, cardKey, occurredAt }: LockerUse): void {
    const known = this.#sessions.get(lockerKey);
    const isKnown = known?.id === sessionId;
    if (kind === 'OPENED' && !isKnown && (known === undefined || known.since <= occurredAt)) {
      const session = { id: sessionId, card: cardKey ?? undefined, since: occurredAt, over: false };
      this.#sessions.set(lockerKey, session);
    } else if (kind === 'CLOSED' && isKnown) {
      this.#sessions.set(lockerKey, { ...known, over: true });
    }
  }

  get(key: string): LockerFacts | undefined {
    const locker = this.#lockers.get(key);
    const session = this.#sessions.get(key);
    if (locker === undefined && session === undefined) return undefined;
    const isOn = session?.over === false && !this.#isLater(locker, session);
    const card = isOn ? session.card : undefined;
    return {
      key,
      source: locker?.source ?? key.slice(0, key.indexOf(':')),
      version: locker?.version ?? 0,
      occupancy: isOn ? 'OCCUPIED' : (locker?.occupancy ?? 'UNKNOWN'),
      card,
      holder: card === undefined ? undefined : this.holderOf(card),
    };
  }

  /** The listing knows a session that began after the one whose events are here. */
  #isLater(locker: Locker | undefined, session: Session): boolean {
    const { sessionId = null, occupiedSince = null } = locker ?? {};
    return sessionId !== null && sessionId !== session.id && (occupiedSince ?? 0) > session.since;
  }
}
