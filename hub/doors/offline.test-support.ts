/** A controller that has nothing but its list: decides as the examples in examples/controller do. */
import type { ServedList } from './desk.js';
import { listDigest, type Statement } from './allow-list.js';

export class OfflineController {
  version = 0;
  statement: Statement | undefined;
  readonly entries = new Map<string, string>();
  profiles: readonly string[] = [];

  /** Takes a list or a delta over; throws where it does not come out as signed. */
  take(list: ServedList): void {
    const { statement } = list;
    const claims = JSON.parse(
      Buffer.from(statement.split('.')[1] ?? '', 'base64url').toString(),
    ) as Statement;
    if (list.entries !== undefined) this.entries.clear();
    else if (list.since !== this.version) throw new Error(`a delta to ${list.since}, held ${this.version}`);
    for (const line of [...(list.entries ?? []), ...(list.changed ?? [])]) {
      const at = line.lastIndexOf(' ');
      this.entries.set(line.slice(0, at), line.slice(at + 1));
    }
    for (const number of list.removed ?? []) this.entries.delete(number);
    this.profiles = list.profiles;
    const lines = [...this.entries].map(([number, doors]) => `${number} ${doors}`).sort();
    const digest = listDigest([...list.profiles].sort(), lines);
    if (digest !== claims.digest) throw new Error(`${digest}, signed ${claims.digest}`);
    this.version = list.version;
    this.statement = claims;
  }

  allows(number: string, door: number, at: number): boolean {
    const second = at / 1_000;
    const { statement } = this;
    if (statement === undefined || second >= statement.exp) return false;
    const terms = statement.doors[String(door)];
    if (terms?.free === true) return true;
    if (terms?.until !== undefined && second >= terms.until) return false;
    return (this.entries.get(number) ?? '').split(',').some((given) => {
      const [of, profile] = given.split(':');
      if (of !== String(door)) return false;
      return profile === undefined || this.#within(profile, second);
    });
  }

  #within(profile: string, second: number): boolean {
    const line = this.profiles.find((one) => one.startsWith(`${profile} `)) ?? '';
    return line
      .split(' ')
      .slice(1)
      .some((window) => {
        const [from = '', until = ''] = window.split('-');
        return (from === '' || second >= Number(from)) && (until === '' || second < Number(until));
      });
  }
}
