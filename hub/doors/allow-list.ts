/**
 * The allow list of one controller, in the form in which it is signed, served, taken over and proved.
 *
 *   profile   `3 1763942400-1763967600`     number of the profile, its windows (windows.ts)
 *   entry     `0166735958 1,2:3`            the card number as the controller's readers send it; the doors by their
 *                                           numbers on the controller: 1 at any time, 2 by profile 3
 *
 * The digest is SHA-256 over all profiles and then all entries, each sorted by its bytes and ended with a newline.
 * It is signed, so a controller that has applied a delta knows whether it holds what the hub meant.
 */
import { createHash } from 'node:crypto';

export interface ListEntry {
  /** Card key; never leaves the hub. */
  readonly card: string;
  /** `1,2:3` */
  readonly doors: string;
}

/** What a list says, by card number. */
export type Entries = ReadonlyMap<string, ListEntry>;

/** What the signed statement says of a door beside the entries. */
export interface DoorTerms {
  /** Epoch seconds: no entry opens this door after it, though the list is good for other doors. */
  readonly until?: number;
  /** An exit that nobody is denied. */
  readonly free?: true;
  /** The controller has to see to it by itself; the list does not. */
  readonly antiPassback?: 'soft' | 'hard';
}

/** The claims of the statement (a JWT, signed as a JWS in compact form; `typ` STATEMENT_TYPE). */
export interface Statement {
  /** Tenant of the hub. */
  readonly iss: string;
  /** The controller. */
  readonly sub: string;
  /** Epoch seconds: a list denies every entry from `exp` on. */
  readonly iat: number;
  readonly exp: number;
  readonly version: number;
  /** `sha-256:` and hex, of the whole list at that version. */
  readonly digest: string;
  readonly entries: number;
  /** Reader profile in which the card numbers stand. */
  readonly profile: string;
  /** By the door's number on the controller. */
  readonly doors: Readonly<Record<string, DoorTerms>>;
}

export const STATEMENT_TYPE = 'cardhub-allow-list+jwt';

export function entryLine(number: string, { doors }: ListEntry): string {
  return `${number} ${doors}`;
}

/** Numbers of the doors of an entry, without their profiles. */
export function doorNumbers({ doors }: ListEntry): string[] {
  return doors.split(',').map((door) => door.split(':')[0] ?? '');
}

/** Numbers of the profiles that an entry names. */
export function profileNumbers({ doors }: ListEntry): number[] {
  if (!doors.includes(':')) return [];
  return doors.split(',').flatMap((door) => {
    const profile = door.split(':')[1];
    return profile === undefined ? [] : Number(profile);
  });
}

/** Both sorted by their bytes; the texts are ASCII, so the order of characters is that of bytes. */
export function listDigest(profiles: readonly string[], entries: readonly string[]): string {
  const hash = createHash('sha256');
  // At once: a list has tens of thousands of lines, and each call costs more than its line.
  for (const lines of [profiles, entries]) if (lines.length > 0) hash.update(`${lines.join('\n')}\n`);
  return `sha-256:${hash.digest('hex')}`;
}
