/** Who is meant, as requests outside AuthZEN say it: a card, what a reader sent, or a school number. */
import type { Subject } from '../decide/model.js';
import type { HubView } from '../views/view.js';
import { ID_LENGTH_MAX, isBag, isId } from './authzen.js';

/** The fields of a body that must be strings, or a sentence that says what is wrong. */
export function stringsOf<N extends string>(
  body: unknown,
  names: readonly N[],
): Partial<Record<N, string>> | string {
  if (!isBag(body)) return 'the body: expected an object';
  const found: Partial<Record<N, string>> = {};
  for (const name of names) {
    const value = body[name];
    if (value === undefined) continue;
    if (!isId(value)) return `${name}: expected a string of 1 to ${ID_LENGTH_MAX} characters`;
    found[name] = value;
  }
  return found;
}

export const SUBJECT_FIELDS = ['card', 'credential', 'readerProfile', 'schoolNumber', 'source'] as const;

/**
 * The subject, or a sentence. A school number names somebody only with the card core whose numbers these are, and only
 * where neither card nor credential does: beside them it is compared with the holder's.
 */
export function namedSubject(
  fields: Partial<Record<(typeof SUBJECT_FIELDS)[number], string>>,
): Subject | string {
  const { card, credential, readerProfile, schoolNumber, source } = fields;
  if (card !== undefined && credential !== undefined) return 'expected either card or credential, came both';
  if (card !== undefined) return { type: 'card', id: card };
  if (credential !== undefined) {
    return readerProfile === undefined
      ? 'readerProfile: expected beside credential, since a number without its form is never guessed at'
      : { type: 'credential', id: credential, readerProfile };
  }
  if (schoolNumber === undefined) return 'expected either card or credential, or schoolNumber with source';
  return source === undefined
    ? 'source: expected beside schoolNumber, the name of the card core whose numbers these are'
    : { type: 'person', id: `${source}:${schoolNumber.trim()}` };
}

/** The key of a person without a school number holds another number, which nobody may use as one. */
export function isNumberOf(view: HubView, personKey: string): boolean {
  const { schoolNumber } = view.people.describe(personKey);
  return schoolNumber !== undefined && personKey.endsWith(`:${schoolNumber}`);
}
