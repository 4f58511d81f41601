/**
 * What only the library system may do, as the desk needs it: lend, take back, check a reader's PIN, count loans. A
 * library connector that can write implements this; where there is none, `decidesOnly` says so truthfully, and the
 * desk answers "not available" instead of pretending.
 *
 * The loan *event* (`master.loan`) is not made here. It comes through the library's own feed, as every record does.
 */

/** Who is meant; the library finds its patron by either key. */
export interface LibraryReader {
  readonly cardKey: string | undefined;
  readonly personKey: string | undefined;
}

export interface LoanRequest extends LibraryReader {
  readonly institution: string;
  readonly location: string;
  /** Item identifier as the desk read it. */
  readonly item: string;
  /** It was lent already while the desk was offline; the library may only take note. */
  readonly alreadyDone: boolean;
}

export interface ReturnRequest {
  readonly institution: string;
  readonly location: string;
  readonly item: string;
  readonly alreadyDone: boolean;
}

/** NOT_AVAILABLE: no library is connected. UNREACHABLE: no answer in time; nothing is known. */
export type DeskRefusal = 'NOT_AVAILABLE' | 'UNREACHABLE' | 'REFUSED';

export interface Refused {
  readonly ok: false;
  readonly code: DeskRefusal;
  /** The library's own words for the screen, where it gives some. */
  readonly says?: string;
}

export type LoanOutcome =
  { readonly ok: true; readonly title: string; readonly dueAt: number; readonly renewed: boolean } | Refused;

export type ReturnOutcome =
  { readonly ok: true; readonly title?: string; readonly shelf?: string; readonly hold?: boolean } | Refused;

/** What the library knows of its reader; what it does not say is absent, and never made up. */
export interface ReaderAccount {
  /** Positions of the 14 status characters that the library sets (5: too many charged, 10: excessive fines …). */
  readonly blocks: readonly number[];
  readonly holdItems?: number;
  readonly overdueItems?: number;
  readonly chargedItems?: number;
}

export interface LibraryDesk {
  /** What is worth asking; `loans` is what 98 announces. */
  readonly offers: { readonly loans: boolean; readonly passwords: boolean; readonly accounts: boolean };
  /** @param signal ends the wait; an ended wait is UNREACHABLE */
  checkout(request: LoanRequest, signal: AbortSignal): Promise<LoanOutcome>;
  checkin(request: ReturnRequest, signal: AbortSignal): Promise<ReturnOutcome>;
  /** Who has this item, as the library knows it; undefined: nobody, or the library does not say. */
  borrower(request: ReturnRequest, signal: AbortSignal): Promise<LibraryReader | undefined>;
  /** undefined: could not be checked. A wrong one must not lock anything. */
  passwordRight(reader: LibraryReader, password: string, signal: AbortSignal): Promise<boolean | undefined>;
  account(reader: LibraryReader, signal: AbortSignal): Promise<ReaderAccount | undefined>;
}

const NOT_AVAILABLE: Refused = { ok: false, code: 'NOT_AVAILABLE' };

/** No library is connected: the hub says who may borrow, and nothing else. */
export const decidesOnly: LibraryDesk = {
  offers: { loans: false, passwords: false, accounts: false },
  checkout: async () => NOT_AVAILABLE,
  checkin: async () => NOT_AVAILABLE,
  borrower: async () => undefined,
  passwordRight: async () => undefined,
  account: async () => undefined,
};
