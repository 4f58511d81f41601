/**
 * What a desk does with a reader and a book, whatever it speaks: SIP2 (`desk.ts`) and REST (`facade/library.ts`) are two
 * ways to say the same.
 *
 *   lend       library/borrow ─ allowed ─▶ the library lends
 *   take back  the library's borrower ─▶ library/return ─ allowed, or nobody known ─▶ the library takes it back
 */
import type { DecisionLog } from '../facade/decision-log.js';
import type { Decision, Subject } from '../decide/model.js';
import type { DecisionReason } from '../decide/reasons.js';
import type { HubView } from '../views/view.js';
import type {
  DeskRefusal,
  LibraryDesk,
  LibraryReader,
  LoanOutcome,
  Refused,
  ReturnOutcome,
} from './library-desk.js';
import { decideReader, isUnknown, libraryReader, resourceTypeOf } from './reader.js';
import type { Question } from './reader.js';

/** The longest that a library may take before the desk is told that nothing is known. */
export const LIBRARY_TIMEOUT_MS = 5_000;

export interface LendingParts {
  readonly view: HubView;
  readonly decisions: DecisionLog;
  readonly library: LibraryDesk;
  readonly now: () => number;
  readonly counters: { readonly decided: (reason: DecisionReason) => void };
}

export interface Lending {
  readonly subject: Subject;
  /** Name of the library, which is the resource of the decision. */
  readonly institution: string;
  readonly location: string;
  readonly item: string;
  /** It was done already while the desk was offline; a known reader is then not refused. */
  readonly alreadyDone: boolean;
}

type Done<T extends { readonly ok: boolean }> = Exclude<T, Refused>;

export interface Denied {
  readonly kind: 'denied';
  readonly decision: Decision;
}
export interface NotDone {
  readonly kind: 'refused';
  readonly code: DeskRefusal;
  readonly says?: string | undefined;
}
export type Lent =
  Denied | NotDone | { readonly kind: 'lent'; readonly loan: Done<LoanOutcome>; readonly decision: Decision };
export type TakenBack =
  | Denied
  | NotDone
  | { readonly kind: 'taken'; readonly taken: Done<ReturnOutcome>; readonly decision: Decision | undefined };

/** Asks the decision engine about a reader, and logs the answer. */
export function askReader(
  parts: LendingParts,
  institution: string,
  subject: Subject,
  question: Question,
): Decision {
  const decidedAt = parts.now();
  const decision = decideReader(parts.view, subject, question, institution, decidedAt);
  parts.counters.decided(decision.reason);
  const purpose = resourceTypeOf(question);
  parts.decisions.add({ decidedAt, purpose, action: question, subject, resource: institution, decision });
  return decision;
}

export async function lend(parts: LendingParts, lending: Lending): Promise<Lent> {
  const { subject, institution, location, item, alreadyDone } = lending;
  const decision = askReader(parts, institution, subject, 'borrow');
  if (!decision.decision && !(alreadyDone && decision.cardKey !== undefined))
    return { kind: 'denied', decision };
  if (!parts.library.offers.loans) return { kind: 'refused', code: 'NOT_AVAILABLE' };
  const request = { ...libraryReader(decision), institution, location, item, alreadyDone };
  try {
    const loan = await parts.library.checkout(request, AbortSignal.timeout(LIBRARY_TIMEOUT_MS));
    return loan.ok ? { kind: 'lent', loan, decision } : { kind: 'refused', code: loan.code, says: loan.says };
  } catch {
    return { kind: 'refused', code: 'UNREACHABLE' };
  }
}

/** No reader is named; who has the item is the library's to say, and a return is hardly ever refused. */
export async function takeBack(parts: LendingParts, lending: Omit<Lending, 'subject'>): Promise<TakenBack> {
  const { library } = parts;
  const { institution } = lending;
  if (!library.offers.loans) return { kind: 'refused', code: 'NOT_AVAILABLE' };
  const signal = AbortSignal.timeout(LIBRARY_TIMEOUT_MS);
  try {
    const borrower = await library.borrower(lending, signal);
    const subject = borrower === undefined ? undefined : borrowerSubject(borrower);
    const decision = subject === undefined ? undefined : askReader(parts, institution, subject, 'return');
    // A reader whom the hub does not know brings the book back all the same.
    if (decision?.decision === false && !isUnknown(decision)) return { kind: 'denied', decision };
    const taken = await library.checkin(lending, signal);
    return taken.ok
      ? { kind: 'taken', taken, decision }
      : { kind: 'refused', code: taken.code, says: taken.says };
  } catch {
    return { kind: 'refused', code: 'UNREACHABLE' };
  }
}

/** By the person where there is one: at a return no card is shown, so any good card of theirs will do. */
function borrowerSubject({ cardKey, personKey }: LibraryReader): Subject | undefined {
  if (personKey !== undefined) return { type: 'person', id: personKey };
  return cardKey === undefined ? undefined : { type: 'card', id: cardKey };
}
