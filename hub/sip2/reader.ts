/** Who stands at the desk, by what the desk read, and what the decision engine says of them. */
import { maskName } from '../../transforms/names.js';
import { foldWidth } from '../../transforms/text.js';
import type { Sip2Institution } from '../config/types.js';
import { evaluate } from '../decide/evaluate.js';
import type { Decision, Subject } from '../decide/model.js';
import type { DenyReason } from '../decide/reasons.js';
import type { HubView } from '../views/view.js';
import type { LibraryReader } from './library-desk.js';

/** Longer identifiers are nobody's. */
export const IDENTIFIER_LENGTH_MAX = 64;

/**
 * The subject that a desk's patron identifier (AA) names. Each institution says what its readers send, so that a
 * school number of ten digits is never taken for a card number of ten digits.
 */
export function subjectOf(identifier: string, { reader }: Sip2Institution): Subject {
  const id = foldWidth(identifier);
  switch (reader.by) {
    case 'card-number':
      return { type: 'credential', id, readerProfile: reader.profile };
    case 'card-key':
      return { type: 'card', id: `${reader.source}:${id}` };
    case 'school-number':
      return { type: 'person', id: `${reader.source}:${id}` };
  }
}

/** What a desk asks: `borrow` and `return` of the library, `check` of the identity. */
export type Question = 'borrow' | 'return' | 'check';

/** Type of the resource, which is also the purpose in the decision log. */
export function resourceTypeOf(question: Question): 'library' | 'identity' {
  return question === 'check' ? 'identity' : 'library';
}

/** Asks the engine that decides about doors, too; the resource is the library by its name (AO). */
export function decideReader(
  view: HubView,
  subject: Subject,
  question: Question,
  library: string,
  now: number,
): Decision {
  const policy = view.policy();
  if (subject.type === 'person') {
    // The key of a person without a school number holds another number, which nobody may use as one.
    const { schoolNumber } = view.people.describe(subject.id);
    if (schoolNumber === undefined || !subject.id.endsWith(`:${schoolNumber}`))
      return unknownPerson(policy.version);
  }
  const request = { subject, resourceType: resourceTypeOf(question), resource: library, action: question };
  return evaluate(view, policy, request, now);
}

function unknownPerson(policyVersion: string): Decision {
  return { decision: false, reason: 'DENY_UNKNOWN_PERSON', policyVersion, ttlMs: null, facts: [] };
}

/** No card and no person stands behind these. */
const NOBODY: ReadonlySet<string> = new Set<DenyReason>([
  'DENY_UNKNOWN_CARD',
  'DENY_UNKNOWN_PERSON',
  'DENY_AMBIGUOUS',
  'DENY_CARD_NUMBER_INVALID',
  'DENY_READER_PROFILE',
]);

export function isUnknown({ reason }: Decision): boolean {
  return NOBODY.has(reason);
}

/** The keys by which a library finds the reader whom a decision was about. */
export function libraryReader(decision: Decision): LibraryReader {
  const personKey = decision.facts.find(({ kind }) => kind === 'person')?.key;
  return { cardKey: decision.cardKey, personKey };
}

/** The only form in which a name reaches a desk; empty: none is known. */
export function maskedName(view: HubView, decision: Decision): string {
  const person = decision.facts.find(({ kind }) => kind === 'person');
  const { name } = person === undefined ? {} : view.people.describe(person.key);
  return name === undefined ? '' : maskName(name);
}
