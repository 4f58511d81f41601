/**
 * A list as a controller holds it, and what it may decide from it: nothing but the list, its statement and a clock.
 * The examples in examples/controller do the same in other languages.
 */
import type { ServedList } from './desk.js';
import { listDigest, type Statement } from './allow-list.js';

export class ListRefused extends Error {
  override readonly name = 'ListRefused';
  readonly retry = 'now';
  constructor(
    readonly code: 'NOT_HELD' | 'DIGEST' | 'OTHER_CONTROLLER' | 'OLDER',
    message: string,
  ) {
    super(message);
  }
}

export class HeldList {
  version = 0;
  statement: Statement | undefined;
  /** Doors by card number: `1,2:3`. */
  entries: ReadonlyMap<string, string> = new Map();
  #profiles: ReadonlyMap<string, readonly string[]> = new Map();

  /**
   * Takes a list or a delta over, all of it or nothing.
   * @param claims of its statement, whose signature was verified
   * @throws ListRefused: what was held stays; ask for the whole list
   */
  take(list: ServedList, claims: Statement): void {
    const { sub, version, iat } = claims;
    if (sub !== list.controller) throw new ListRefused('OTHER_CONTROLLER', `the list of ${sub}`);
    if (iat < (this.statement?.iat ?? 0))
      throw new ListRefused('OLDER', 'an older statement than the one held');
    if (list.entries === undefined && list.since !== this.version) {
      throw new ListRefused('NOT_HELD', `a delta to version ${list.since}, held is ${this.version}`);
    }
    const entries = new Map(list.entries === undefined ? this.entries : []);
    for (const line of [...(list.entries ?? []), ...(list.changed ?? [])]) {
      const at = line.lastIndexOf(' ');
      entries.set(line.slice(0, at), line.slice(at + 1));
    }
    for (const number of list.removed ?? []) entries.delete(number);
    const lines = [...entries].map(([number, doors]) => `${number} ${doors}`).sort();
    if (listDigest([...list.profiles].sort(), lines) !== claims.digest) {
      throw new ListRefused('DIGEST', 'the list is not the one that was signed');
    }
    this.entries = entries;
    this.#profiles = new Map(
      list.profiles.map((line) => {
        const [number = '', ...windows] = line.split(' ');
        return [number, windows];
      }),
    );
    this.version = version;
    this.statement = claims;
  }

  /** @param at epoch ms */
  allows(number: string, door: number, at: number): boolean {
    const second = at / 1_000;
    const { statement } = this;
    if (statement === undefined || second >= statement.exp) return false;
    const terms = statement.doors[String(door)];
    if (terms?.free === true) return true;
    if (terms?.until !== undefined && second >= terms.until) return false;
    return (this.entries.get(number) ?? '').split(',').some((given) => {
      const [of, profile] = given.split(':');
      return of === String(door) && (profile === undefined || this.#within(profile, second));
    });
  }

  #within(profile: string, second: number): boolean {
    return (this.#profiles.get(profile) ?? []).some((window) => {
      const [from = '', until = ''] = window.split('-');
      return (from === '' || second >= Number(from)) && (until === '' || second < Number(until));
    });
  }
}
