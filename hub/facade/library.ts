/**
 * The library desk over REST, for those who do not speak SIP2: the same decision and the same lending (sip2/lending.ts).
 *
 *   POST /v1/library/authenticate   is this reader who the card says, may they borrow
 *   POST /v1/library/checkout       that decision, then the library lends
 *   POST /v1/library/checkin        a book comes back; who had it is the library's to say
 *
 * A deny is an answer, 200 with `done: false`. Where the library gave no answer in time nothing is known: 503, and the same
 * Idempotency-Key may ask again.
 */
import type { Context } from 'hono';
import { CODES } from '../../contracts/codes.js';
import type { Decision } from '../decide/model.js';
import { screenText } from '../sip2/screen.js';
import { askReader, lend, takeBack } from '../sip2/lending.js';
import type { LendingParts, NotDone } from '../sip2/lending.js';
import type { LibraryDesk } from '../sip2/library-desk.js';
import { isUnknown, maskedName } from '../sip2/reader.js';
import { isId } from './authzen.js';
import { auditNote } from './audit.js';
import { readJson } from './body.js';
import { callerOf, outsideAgreement } from './caller.js';
import type { EnumerationWatch } from './enumeration.js';
import { idempotent, type IdempotencyStore } from './idempotency.js';
import { tooManyMisses } from './identity.js';
import type { FacadeParts } from './parts.js';
import { problem } from './problems.js';
import { namedSubject, stringsOf, SUBJECT_FIELDS } from './subject.js';

type Handler = (c: Context) => Promise<Response>;

/** By the last part of the path. */
export type LibraryRest = Readonly<Record<'authenticate' | 'checkout' | 'checkin', Handler>>;

const FIELDS = [...SUBJECT_FIELDS, 'institution', 'location', 'item'] as const;
const TEXTS: ReadonlyMap<string, { readonly en: string; readonly zh: string }> = new Map(
  CODES['decision-reasons'].map(({ code, en, zh }) => [code, { en, zh }]),
);

export interface LibraryParts extends FacadeParts {
  readonly library: LibraryDesk;
  /** Names of the libraries (`sip2.institutions`); undefined: hub.yaml names none, so any is taken as it comes. */
  readonly institutions?: ReadonlySet<string> | undefined;
}

export function libraryRest(
  parts: LibraryParts,
  watch: EnumerationWatch,
  store: IdempotencyStore,
): LibraryRest {
  const asked =
    (answer: (c: Context, body: unknown) => Response | Promise<Response>) =>
    (c: Context, body: unknown): Response | Promise<Response> => {
      const caller = callerOf(c);
      if (!caller.mayFor('library')) return problem('FORBIDDEN', outsideAgreement('purpose'));
      if (!parts.ready()) return problem('NOT_READY', 'try again in a second', { 'retry-after': '1' });
      return (
        tooManyMisses(watch, caller.client) ?? unknownInstitution(parts.institutions, body) ?? answer(c, body)
      );
    };
  const authenticate = asked((c, body) => authenticated(parts, watch, c, body));
  return {
    authenticate: async (c) => {
      const body = await readJson(c);
      return body.ok ? authenticate(c, body.value) : problem(body.code, body.detail);
    },
    checkout: idempotent(
      store,
      asked((c, body) => checkedOut(parts, watch, c, body)),
    ),
    checkin: idempotent(
      store,
      asked((c, body) => checkedIn(parts, c, body)),
    ),
  };
}

/** As SIP2 has it: a name that is nobody's is refused before anything is said of the reader. None is any of them. */
function unknownInstitution(known: ReadonlySet<string> | undefined, body: unknown): Response | undefined {
  const named = (body as { readonly institution?: unknown } | null)?.institution;
  if (known === undefined || typeof named !== 'string' || known.has(named)) return undefined;
  return problem('UNKNOWN_INSTITUTION', 'institution: expected a name of sip2.institutions in hub.yaml');
}

function authenticated(parts: LendingParts, watch: EnumerationWatch, c: Context, body: unknown): Response {
  const fields = stringsOf(body, FIELDS);
  if (typeof fields === 'string') return problem('BAD_REQUEST', fields);
  const subject = namedSubject(fields);
  if (typeof subject === 'string') return problem('BAD_REQUEST', subject);
  auditNote(c, { purpose: 'library', about: `${subject.type}:${subject.id}` });
  const caller = callerOf(c);
  const { institution = '' } = fields;
  const identity = askReader(parts, institution, subject, 'check');
  watch.note(caller.client, !isUnknown(identity));
  // The same answer for every reader that nobody is, whatever the reason.
  if (isUnknown(identity)) return json({ match: false, mayBorrow: false });
  const borrow = askReader(parts, institution, subject, 'borrow');
  const person = identity.facts.find(({ kind }) => kind === 'person');
  const name = identity.decision ? maskedName(parts.view, identity) : '';
  return json({
    match: identity.decision,
    mayBorrow: borrow.decision,
    ...reasonOf(borrow),
    ...(identity.decision &&
      person !== undefined &&
      caller.seesField('personClass') && { personClass: parts.view.people.describe(person.key).personClass }),
    ...(name !== '' && caller.seesField('name') && { maskedName: name }),
  });
}

async function checkedOut(
  parts: LendingParts,
  watch: EnumerationWatch,
  c: Context,
  body: unknown,
): Promise<Response> {
  const fields = stringsOf(body, FIELDS);
  if (typeof fields === 'string') return problem('BAD_REQUEST', fields);
  const subject = namedSubject(fields);
  if (typeof subject === 'string') return problem('BAD_REQUEST', subject);
  const { institution = '', location = '', item } = fields;
  if (!isId(item)) return problem('BAD_REQUEST', 'item: expected the identifier of the item');
  auditNote(c, { purpose: 'library', about: `${subject.type}:${subject.id}` });
  const lent = await lend(parts, { subject, institution, location, item, alreadyDone: false });
  if (lent.kind === 'refused') return notDone(lent);
  watch.note(callerOf(c).client, !isUnknown(lent.decision));
  if (lent.kind === 'denied') return json({ done: false, ...reasonOf(lent.decision) });
  const { title, dueAt, renewed } = lent.loan;
  return json({
    done: true,
    ...reasonOf(lent.decision),
    title,
    dueAt: new Date(dueAt).toISOString(),
    renewed,
  });
}

async function checkedIn(parts: LendingParts, c: Context, body: unknown): Promise<Response> {
  const fields = stringsOf(body, ['institution', 'location', 'item'] as const);
  if (typeof fields === 'string') return problem('BAD_REQUEST', fields);
  const { institution = '', location = '', item } = fields;
  if (!isId(item)) return problem('BAD_REQUEST', 'item: expected the identifier of the item');
  auditNote(c, { purpose: 'library', about: `item:${item}` });
  const back = await takeBack(parts, { institution, location, item, alreadyDone: false });
  if (back.kind === 'refused') return notDone(back);
  if (back.kind === 'denied') return json({ done: false, ...reasonOf(back.decision) });
  const { taken, decision } = back;
  const { title, shelf, hold } = taken;
  return json({ done: true, ...(decision !== undefined && reasonOf(decision)), title, shelf, hold });
}

function reasonOf({ reason, warning }: Decision): object {
  return {
    reason,
    reason_text: TEXTS.get(reason),
    ...(warning !== undefined && { warning, warning_text: TEXTS.get(warning) }),
  };
}

const SCREENS = { NOT_AVAILABLE: 'LIBRARY_NOT_AVAILABLE', REFUSED: 'LIBRARY_REFUSED' } as const;

function notDone({ code, says }: NotDone): Response {
  if (code === 'UNREACHABLE') {
    const detail = 'the library did not answer in time: ask again with the same Idempotency-Key';
    return problem('LIBRARY_UNREACHABLE', detail, { 'retry-after': '5' });
  }
  const key = SCREENS[code];
  const text = { en: screenText(key, 'en'), zh: screenText(key, 'zh') };
  return json({ done: false, reason: key, reason_text: text, ...(says !== undefined && { says }) });
}

function json(body: object): Response {
  return new Response(JSON.stringify(body), { headers: { 'content-type': 'application/json' } });
}
