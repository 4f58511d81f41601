/**
 * What each message of a desk gets for an answer, once the desk has logged in. Who may borrow is the decision
 * engine's to say, from the view and the policy; lending itself is the library's (`library-desk.ts`).
 *
 *   23 → 24, 63 → 64   identity/check ─▶ BL, AE (masked)     library/borrow ─▶ the 14 status characters
 *   11 → 12            library/borrow ─ allowed ─▶ library ─▶ ok
 *   09 → 10            library ─ borrower ─▶ library/return ─ allowed ─▶ library ─▶ ok
 *   99 → 98, 35 → 36   nothing is decided
 */
import type { Sip2Institution } from '../config/types.js';
import type { Decision } from '../decide/model.js';
import { sipDate } from './message.js';
import type { AnswerCode, FixedName, Message } from './message.js';
import type { DeskRefusal, LibraryDesk, ReaderAccount, Refused } from './library-desk.js';
import { askReader, lend, LIBRARY_TIMEOUT_MS, takeBack } from './lending.js';
import type { LendingParts } from './lending.js';
import { IDENTIFIER_LENGTH_MAX, isUnknown, libraryReader, maskedName, subjectOf } from './reader.js';
import { languageCode, languageOf, screenText } from './screen.js';
import type { Language, ScreenKey } from './screen.js';

export interface DeskParts extends LendingParts {
  /** The view has caught up: before it, nothing is known, so nothing is decided. */
  readonly ready: () => boolean;
  readonly counters: LendingParts['counters'] & {
    /** A reader that nobody is: many of them in a row are somebody trying numbers out. */
    readonly unknownReader: (login: string) => void;
  };
}

/** Who asks: the desk that logged in, and what of the configuration is its own. */
export interface Terminal {
  readonly login: string;
  /** By the name that desks send as AO, in the order of hub.yaml. */
  readonly institutions: ReadonlyMap<string, Sip2Institution>;
  readonly location: string;
  /** Loans made while the desk was offline are taken. */
  readonly offlineUploads: boolean;
  /** The language of the reader served last. */
  language?: Language | undefined;
}

type Field = readonly [name: string, value: string];

/** An answer before it becomes text. `screen` (AF) goes last and is what a short answer leaves out first. */
export interface Answer<C extends AnswerCode = AnswerCode> {
  readonly code: C;
  readonly fixed: Readonly<Record<string, string>>;
  readonly fields: readonly Field[];
  readonly screen?: string | undefined;
  /** Stay below the 256 bytes that some clients read at once. */
  readonly short?: boolean;
}

export type Answering = Answer | Promise<Answer>;

/** The messages that a logged-in desk may send, and what answers them. */
export const DESK_ANSWERS: Readonly<
  Partial<Record<string, (parts: DeskParts, terminal: Terminal, message: Message) => Answering>>
> = { '99': status, '23': patron, '63': patron, '11': checkout, '09': checkin, '35': endSession };

function answered<C extends AnswerCode>(
  code: C,
  fixed: Readonly<Record<FixedName<C>, string>>,
  fields: readonly Field[],
  screen?: string,
): Answer<C> {
  return { code, fixed, fields, screen };
}

/** What 98 says to somebody who has not logged in: that the hub is there, and nothing else. */
export function strangerStatus({ now, ready }: Pick<DeskParts, 'now' | 'ready'>): Answer {
  const nothing = { ...STATUS, online: yes(ready()), checkinOk: 'N', checkoutOk: 'N', date: sipDate(now()) };
  return answered('98', nothing, [
    ['AO', ''],
    ['BX', supported(false)],
  ]);
}

/** Seconds that a desk waits, in tenths, and how often it asks again. */
const STATUS = {
  renewalOk: 'N',
  statusUpdateOk: 'N',
  offlineOk: 'N',
  timeoutPeriod: '100',
  retriesAllowed: '003',
  protocol: '2.00',
} as const;

/**
 * BX, in the order of the protocol: patron status, checkout, checkin, block patron, status, resend, login, patron
 * information, end session, fee paid, item information, item status update, patron enable, hold, renew, renew all.
 */
function supported(loans: boolean): string {
  return `Y${yes(loans)}${yes(loans)}NYYYYYNNNNNNN`;
}

function status(parts: DeskParts, terminal: Terminal): Answer {
  const { loans } = parts.library.offers;
  const [[name, institution] = ['', undefined]] = terminal.institutions;
  const fixed = {
    ...STATUS,
    online: yes(parts.ready()),
    checkinOk: yes(loans),
    checkoutOk: yes(loans),
    offlineOk: yes(loans && terminal.offlineUploads),
    date: sipDate(parts.now()),
  };
  const fields: Field[] = [
    ['AO', name],
    ['AM', institution?.name ?? ''],
  ];
  fields.push(['BX', supported(loans)], ['AN', terminal.location]);
  return answered('98', fixed, fields);
}

/** 23 and 63. Both say who the reader is and what they may; 64 adds counts, blank where nobody counts. */
function patron(parts: DeskParts, terminal: Terminal, message: Message): Answering {
  const visit = visitOf(parts, terminal, message);
  const { institution, identifier } = visit;
  if (institution === undefined) return patronAnswer(visit, UNKNOWN, 'INSTITUTION_UNKNOWN');
  if (!parts.ready()) return patronAnswer(visit, UNKNOWN, 'NOT_READY');
  if (identifier === '') return patronAnswer(visit, UNKNOWN, 'READER_UNKNOWN');
  const subject = subjectOf(identifier, institution);
  const identity = askReader(parts, visit.ao, subject, 'check');
  const borrow = askReader(parts, visit.ao, subject, 'borrow');
  if (isUnknown(borrow)) parts.counters.unknownReader(terminal.login);
  const known = {
    identity,
    borrow,
    name: identity.decision ? maskedName(parts.view, identity) : '',
  };
  const { offers } = parts.library;
  const password = message.fields.get('AD') ?? '';
  const asksLibrary = identity.decision && (offers.accounts || (offers.passwords && password !== ''));
  if (!asksLibrary) {
    const unchecked = password !== '' && identity.decision ? 'PIN_NOT_CHECKED' : undefined;
    return patronAnswer(visit, known, screenKeyOf(known) ?? unchecked);
  }
  return withLibrary(parts, visit, known, password);
}

async function withLibrary(
  parts: DeskParts,
  visit: Visit,
  known: Standing & { readonly identity: Decision },
  password: string,
): Promise<Answer> {
  const { library } = parts;
  const reader = libraryReader(known.identity);
  const signal = AbortSignal.timeout(LIBRARY_TIMEOUT_MS);
  const nothing = (): undefined => undefined;
  const [account, right] = await Promise.all([
    library.offers.accounts ? library.account(reader, signal).catch(nothing) : undefined,
    library.offers.passwords && password !== ''
      ? library.passwordRight(reader, password, signal).catch(nothing)
      : undefined,
  ]);
  const pin: ScreenKey | undefined =
    password === '' || right === true ? undefined : right === false ? 'PIN_WRONG' : 'PIN_NOT_CHECKED';
  const standing = { ...known, account, passwordRight: right };
  return patronAnswer(visit, standing, screenKeyOf(known) ?? pin);
}

/** What is known of the reader. */
interface Standing {
  readonly identity?: Decision;
  readonly borrow?: Decision;
  readonly name: string;
  readonly account?: ReaderAccount | undefined;
  readonly passwordRight?: boolean | undefined;
}

const UNKNOWN: Standing = { name: '' };

function patronAnswer(visit: Visit, standing: Standing, screen: ScreenKey | undefined): Answer {
  const { identity, account, passwordRight } = standing;
  const valid = identity?.decision === true;
  const fixed = {
    patronStatus: patronStatus(standing),
    language: languageCode(visit.language),
    date: sipDate(visit.now),
  };
  const fields: Field[] = [
    ['AO', visit.ao],
    ['AA', visit.identifier],
    ['AE', standing.name],
    ['BL', yes(valid)],
    // Y only where the library has checked the PIN and found it right.
    ['CQ', yes(valid && passwordRight === true)],
  ];
  const text = screen === undefined ? undefined : visit.say(screen);
  if (visit.code === '23') return answered('24', fixed, fields, text);
  const counts = {
    holdItems: count(account?.holdItems),
    overdueItems: count(account?.overdueItems),
    chargedItems: count(account?.chargedItems),
    fineItems: '',
    recallItems: '',
    unavailableHolds: '',
  };
  const short = visit.institution?.shortAnswers ?? true;
  return { ...answered('64', { ...fixed, ...counts }, fields, text), short };
}

/** Position of each thing among the 14 status characters (3M 2.00, "patron status"). */
const DENIED = [0, 1, 2, 3]; // charge, renewal, recall, hold
const CARD_LOST = 4;

function patronStatus({ borrow, account }: Standing): string {
  const characters = new Array<string>(14).fill(' ');
  const set = (position: number): void => {
    if (position >= 0 && position < characters.length) characters[position] = 'Y';
  };
  if (borrow?.decision !== true) DENIED.forEach(set);
  if (borrow?.reason === 'DENY_LOST' || borrow?.warning === 'DENY_LOST') set(CARD_LOST);
  account?.blocks.forEach(set);
  return characters.join('');
}

function screenKeyOf({ borrow }: Standing): ScreenKey | undefined {
  if (borrow === undefined) return undefined;
  if (!borrow.decision) return borrow.reason as ScreenKey;
  return borrow.warning === 'DENY_FROZEN' ? 'FROZEN' : borrow.warning;
}

/** 11: may this reader borrow, and if so, the library lends. */
async function checkout(parts: DeskParts, terminal: Terminal, message: Message): Promise<Answer> {
  const visit = visitOf(parts, terminal, message);
  const { institution, identifier, item } = visit;
  const refused = (key: ScreenKey, says?: string): Answer =>
    checkoutAnswer(visit, undefined, says ?? visit.say(key));
  if (institution === undefined) return refused('INSTITUTION_UNKNOWN');
  if (!parts.ready()) return refused('NOT_READY');
  if (item === '') return refused('ITEM_MISSING');
  if (identifier === '') return refused('READER_UNKNOWN');
  const alreadyDone = message.fixed['noBlock'] === 'Y';
  // Whoever may set this flag decides in the hub's place.
  if (alreadyDone && !terminal.offlineUploads) return refused('OFFLINE_REFUSED');
  const subject = subjectOf(identifier, institution);
  const { location } = terminal;
  const lent = await lend(parts, { subject, institution: visit.ao, location, item, alreadyDone });
  if (lent.kind === 'denied') {
    if (isUnknown(lent.decision)) parts.counters.unknownReader(terminal.login);
    return refused(lent.decision.reason as ScreenKey);
  }
  if (lent.kind === 'refused') return refused(REFUSALS[lent.code], lent.says);
  return checkoutAnswer(visit, lent.loan, lent.loan.renewed ? undefined : warningText(visit, lent.decision));
}

const REFUSALS: Readonly<Record<DeskRefusal, ScreenKey>> = {
  NOT_AVAILABLE: 'LIBRARY_NOT_AVAILABLE',
  UNREACHABLE: 'LIBRARY_UNREACHABLE',
  REFUSED: 'LIBRARY_REFUSED',
};

function warningText(visit: Visit, decision: Decision): string | undefined {
  const key = screenKeyOf({ borrow: decision, name: '' });
  return key === undefined ? undefined : visit.say(key);
}

function checkoutAnswer(
  visit: Visit,
  loan: { readonly title: string; readonly dueAt: number; readonly renewed: boolean } | undefined,
  screen: string | undefined,
): Answer {
  const done = loan !== undefined;
  const fixed = {
    ok: done ? '1' : '0',
    renewalOk: yes(loan?.renewed === true),
    magnetic: 'U',
    // The gate's strip is only switched off for an item that was lent just now.
    desensitize: yes(done),
    date: sipDate(visit.now),
  };
  const fields: Field[] = [
    ['AO', visit.ao],
    ['AA', visit.identifier],
    ['AB', visit.item],
  ];
  fields.push(['AJ', loan?.title ?? ''], ['AH', loan === undefined ? '' : sipDate(loan.dueAt)]);
  return answered('12', fixed, fields, screen);
}

/** 09: no reader is named; the item is enough. */
async function checkin(parts: DeskParts, terminal: Terminal, message: Message): Promise<Answer> {
  const visit = visitOf(parts, terminal, message);
  const { institution, item } = visit;
  const refused = (key: ScreenKey, says?: string): Answer =>
    checkinAnswer(visit, undefined, says ?? visit.say(key));
  if (institution === undefined) return refused('INSTITUTION_UNKNOWN');
  if (!parts.ready()) return refused('NOT_READY');
  if (item === '') return refused('ITEM_MISSING');
  const alreadyDone = message.fixed['noBlock'] === 'Y';
  if (alreadyDone && !terminal.offlineUploads && parts.library.offers.loans)
    return refused('OFFLINE_REFUSED');
  const { location } = terminal;
  const back = await takeBack(parts, { institution: visit.ao, location, item, alreadyDone });
  if (back.kind === 'denied') return refused(back.decision.reason as ScreenKey);
  if (back.kind === 'refused') return refused(REFUSALS[back.code], back.says);
  const { taken, decision } = back;
  return checkinAnswer(visit, taken, decision === undefined ? undefined : warningText(visit, decision));
}

function checkinAnswer(
  visit: Visit,
  taken: Exclude<Awaited<ReturnType<LibraryDesk['checkin']>>, Refused> | undefined,
  screen: string | undefined,
): Answer {
  const done = taken !== undefined;
  const fixed = {
    ok: done ? '1' : '0',
    resensitize: yes(done),
    magnetic: 'U',
    alert: yes(!done || taken.hold === true),
    date: sipDate(visit.now),
  };
  const fields: Field[] = [
    ['AO', visit.ao],
    ['AB', visit.item],
    ['AQ', taken?.shelf ?? ''],
  ];
  if (taken?.title !== undefined) fields.push(['AJ', taken.title]);
  return answered('10', fixed, fields, screen);
}

function endSession(parts: DeskParts, terminal: Terminal, message: Message): Answer {
  const visit = visitOf(parts, terminal, message);
  terminal.language = undefined;
  return answered('36', { ended: 'Y', date: sipDate(visit.now) }, [
    ['AO', visit.ao],
    ['AA', visit.identifier],
  ]);
}

/** One message, read. */
interface Visit {
  readonly code: string;
  readonly now: number;
  /** As sent; what the desk left empty is its first institution. */
  readonly ao: string;
  readonly institution: Sip2Institution | undefined;
  readonly identifier: string;
  readonly item: string;
  readonly language: Language;
  readonly say: (key: ScreenKey) => string;
}

function visitOf(parts: DeskParts, terminal: Terminal, { code, fixed, fields }: Message): Visit {
  const [[first] = ['']] = terminal.institutions;
  const ao = (fields.get('AO') ?? '').trim() || first;
  const institution = terminal.institutions.get(ao);
  const asked = fixed['language'];
  const usual = institution?.language ?? 'en';
  const language = asked === undefined ? (terminal.language ?? usual) : languageOf(asked, usual);
  if (asked !== undefined) terminal.language = language;
  return {
    code,
    now: parts.now(),
    ao: ao.slice(0, IDENTIFIER_LENGTH_MAX),
    institution,
    identifier: identifierOf(fields.get('AA')),
    item: identifierOf(fields.get('AB')),
    language,
    say: (key) => screenText(key, language, institution?.messages),
  };
}

/** Empty when it is too long to be anybody's. */
function identifierOf(text = ''): string {
  const identifier = text.trim();
  return identifier.length > IDENTIFIER_LENGTH_MAX ? '' : identifier;
}

function yes(is: boolean): 'Y' | 'N' {
  return is ? 'Y' : 'N';
}

/** Four digits; blank when unknown. */
function count(number: number | undefined): string {
  return number === undefined ? '' : String(Math.min(9_999, Math.max(0, number))).padStart(4, '0');
}
