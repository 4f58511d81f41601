/** What the mappings of card readers have in common: whose card it was, and when. */
import { credentialText, parseCredential } from './card-number.js';
import { instant, reject, requiredInstant, shownProfile } from './fields.js';
import type { MapContext, Mark } from './outcome.js';

const MINUTE_MS = 60_000;
const DEFAULTS = {
  clockAheadMsMax: 5 * MINUTE_MS,
  lateMsMin: 10 * MINUTE_MS,
  clockBehindMsMax: 1440 * MINUTE_MS,
};

/** What a reader sent; `profile` says how it writes numbers. */
export interface ReadCredential {
  readonly profile: string | undefined;
  readonly value: string;
}

/** Where the parts stand in the row, for rejects. */
export interface CredentialPaths {
  readonly profile: string;
  readonly value: string;
}

export interface Holder {
  readonly cardKey: string | null;
  readonly credentialPseudonym: string | null;
}

/** The card, or the number's pseudonym when there is not exactly one card. */
export function holderOfCredential(
  read: ReadCredential,
  paths: CredentialPaths,
  marks: Set<Mark>,
  context: MapContext,
): Holder {
  const { profile: name, value } = read;
  if (name === undefined || name === '') {
    reject('READER_PROFILE_MISSING', paths.profile, 'expected the name of a reader profile, came none');
  }
  const reader = context.readerProfile(name);
  if (reader === undefined) {
    const detail = `no such reader profile ${shownProfile(name)}; add it to readers.profiles`;
    reject('READER_PROFILE_MISSING', paths.profile, detail);
  }
  const parsed = parseCredential(reader, value);
  if (parsed.ok) {
    const match = context.cardsByCredential(parsed.scheme, parsed.value);
    if (match.kind === 'one') return { cardKey: match.cardKey, credentialPseudonym: null };
    marks.add(match.kind === 'none' ? 'UNKNOWN_CREDENTIAL' : 'AMBIGUOUS_CREDENTIAL');
    return { cardKey: null, credentialPseudonym: context.pseudonym(credentialText(parsed)) };
  }
  if (parsed.reason !== 'UNSTABLE_UID') reject(parsed.reason, paths.value, parsed.detail);
  marks.add('UNSTABLE_UID');
  marks.add('UNKNOWN_CREDENTIAL');
  const pseudonym = context.pseudonym(`credential:UNSTABLE:${value.trim().toUpperCase()}`);
  return { cardKey: null, credentialPseudonym: pseudonym };
}

/** How far a device's clock and upload may be off before an event says so. */
export interface ClockLimits {
  /** A device clock ahead of the upload by more than this is suspect. Default 5 min. */
  readonly clockAheadMsMax?: number;
  /** An upload later than this is marked LATE_UPLOAD. Default 10 min. */
  readonly lateMsMin?: number;
  /** An upload later than this makes the device clock suspect as well. Default 24 h. */
  readonly clockBehindMsMax?: number;
}

/** JSON Schema properties of {@link ClockLimits}. */
export const clockLimitProperties = {
  clockAheadMsMax: { type: 'integer', minimum: 0 },
  lateMsMin: { type: 'integer', minimum: 0 },
  clockBehindMsMax: { type: 'integer', minimum: 0 },
} as const;

/**
 * The device's time stands as the event's time, right or wrong; the marks say when it cannot be believed. Without an
 * upload time nothing can be compared.
 */
export function deviceTimes(
  occurred: { readonly text: string; readonly path: string },
  uploaded: { readonly text: string | undefined; readonly path: string },
  limits: ClockLimits,
  marks: Set<Mark>,
): { readonly occurredAt: number; readonly collectedAt: number | null } {
  const occurredAt = requiredInstant(occurred.text, occurred.path);
  const collectedAt = instant(uploaded.text, uploaded.path);
  if (collectedAt !== null) {
    const late = collectedAt - occurredAt;
    if (late > (limits.lateMsMin ?? DEFAULTS.lateMsMin)) marks.add('LATE_UPLOAD');
    const ahead = -late > (limits.clockAheadMsMax ?? DEFAULTS.clockAheadMsMax);
    if (ahead || late > (limits.clockBehindMsMax ?? DEFAULTS.clockBehindMsMax)) marks.add('CLOCK_SUSPECT');
  }
  return { occurredAt, collectedAt };
}
