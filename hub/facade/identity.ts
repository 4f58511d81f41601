/**
 * `POST /v1/identity/check`: is this card valid for this purpose, and does it belong to this number and name?
 *
 * One answer for everything that does not match, `{"match": false}`: an unknown card, another number, another
 * name. Only who names the holder rightly (or asks about a card alone) learns why a card is not good. Who asks mostly
 * about cards that nobody has is throttled (enumeration.ts). Balance and bank signing only where asked for: beside.ts.
 */
import type { Context } from 'hono';
import { cleanName, maskName } from '../../transforms/names.js';
import { judgeCard } from '../decide/card-state.js';
import type { CardFacts, Decision, Fact, PersonFacts, Subject } from '../decide/model.js';
import type { PersonDescription } from '../views/people.js';
import { PURPOSES } from '../decide/policy.js';
import type { Policy, Purpose } from '../decide/policy.js';
import type { AllowReason } from '../decide/reasons.js';
import { auditNote } from './audit.js';
import { beside, parseInclude, withoutScope, type BalanceSource, type Beside } from './beside.js';
import { readJson } from './body.js';
import { agreedPurpose, callerOf, clientOf, outsideAgreement } from './caller.js';
import type { EnumerationWatch } from './enumeration.js';
import type { FacadeParts } from './parts.js';
import { problem } from './problems.js';
import { isNumberOf, namedSubject, stringsOf, SUBJECT_FIELDS } from './subject.js';

interface IdentityRequest {
  readonly subject: Subject;
  readonly purpose: Purpose;
  readonly schoolNumber?: string;
  readonly name?: string;
  readonly include: readonly Beside[];
}

interface IdentityAnswer {
  readonly match: boolean;
  readonly state?: string;
  readonly reason?: string;
  readonly warning?: string;
  readonly personClass?: string | undefined;
  readonly maskedName?: string | undefined;
  readonly policyVersion?: string;
  readonly dataAgeMs?: number;
}

const NOT_MATCHED: IdentityAnswer = { match: false };

export function identityCheck(
  parts: FacadeParts & { readonly balances?: BalanceSource | undefined },
  watch: EnumerationWatch,
): (c: Context) => Promise<Response> {
  const { decisions, now, counters } = parts;
  return async (c) => {
    const body = await readJson(c);
    if (!body.ok) return problem(body.code, body.detail);
    const parsed = parseIdentity(body.value);
    if (typeof parsed === 'string') return problem('BAD_REQUEST', parsed);
    const caller = callerOf(c);
    const { purpose, subject, include } = parsed;
    auditNote(c, {
      ...{ purpose, about: `${subject.type}:${subject.id}` },
      ...(include.length > 0 && { detail: { include: include.join(' ') } }),
    });
    if (!caller.mayFor(agreedPurpose(purpose))) return problem('FORBIDDEN', outsideAgreement('purpose'));
    const refused = withoutScope(caller, include);
    if (refused !== undefined) return refused;
    if (!parts.ready()) return problem('NOT_READY', 'try again in a second', { 'retry-after': '1' });
    const throttled = tooManyMisses(watch, caller.client);
    if (throttled !== undefined) return throttled;
    const decidedAt = now();
    const { answer, decision, card } = check(parts, parsed, decidedAt);
    watch.note(caller.client, answer !== NOT_MATCHED);
    counters.decided(decision.reason);
    decisions.add({
      ...{ decidedAt, purpose, subject, decision },
      action: 'check',
      client: clientOf(caller),
    });
    const { personClass, maskedName, ...rest } = answer;
    const seen = {
      ...rest,
      ...(caller.seesField('personClass') && { personClass }),
      ...(caller.seesField('name') && { maskedName }),
      ...(answer.match && card !== undefined && beside(parts, caller, include, card, decidedAt)),
    };
    return new Response(JSON.stringify(seen), { headers: { 'content-type': 'application/json' } });
  };
}

/** 429 for a client that tries numbers out; undefined: it does not. */
export function tooManyMisses(watch: EnumerationWatch, client: string): Response | undefined {
  const ms = watch.throttledMs(client);
  if (ms <= 0) return undefined;
  const seconds = String(Math.max(1, Math.ceil(ms / 1_000)));
  return problem('RATE_LIMITED', 'too many questions about cards that nobody has', {
    'retry-after': seconds,
  });
}

function check(
  { view }: FacadeParts,
  request: IdentityRequest,
  now: number,
): { answer: IdentityAnswer; decision: Decision; card?: CardFacts } {
  const policy = view.policy();
  const card = findCard(view, request, policy, now);
  const holder = card?.holder === undefined ? undefined : view.person(card.holder);
  const asOf = card === undefined ? undefined : view.asOf(card.source, 'cards');
  const dataAgeMs = asOf === undefined ? undefined : Math.max(0, now - asOf);
  const decided = (decision: boolean, reason: Decision['reason']): Decision => ({
    decision,
    reason,
    policyVersion: policy.version,
    ...(dataAgeMs !== undefined && { dataAgeMs }),
    ttlMs: null,
    facts: factsOf(card, holder, dataAgeMs),
    ...(card !== undefined && { cardKey: card.key }),
  });
  if (card === undefined) return { answer: NOT_MATCHED, decision: decided(false, 'DENY_UNKNOWN_CARD') };
  const described = holder === undefined ? {} : view.people.describe(holder.key);
  if (!claimsHold(request, described)) {
    return { answer: NOT_MATCHED, decision: decided(false, 'DENY_UNKNOWN_PERSON') };
  }
  const verdict = judgeCard(policy, request.purpose, card, holder, now);
  const allow: AllowReason = verdict.warning === 'DENY_FROZEN' ? 'ALLOW_WARN_FROZEN' : 'ALLOW';
  const reason = verdict.deny ?? allow;
  const match = verdict.deny === undefined;
  return {
    answer: {
      match,
      state: stateOf(card, verdict.deny),
      reason,
      ...(verdict.warning !== undefined && { warning: verdict.warning }),
      ...(match && { personClass: described.personClass }),
      ...(match && described.name !== undefined && { maskedName: maskName(described.name) }),
      policyVersion: policy.version,
      ...(dataAgeMs !== undefined && { dataAgeMs }),
    },
    decision: decided(match, reason),
    card,
  };
}

function findCard(
  view: FacadeParts['view'],
  { subject, purpose }: IdentityRequest,
  policy: Policy,
  now: number,
): CardFacts | undefined {
  if (subject.type === 'card') return view.card(subject.id);
  if (subject.type === 'person') {
    if (!isNumberOf(view, subject.id)) return undefined;
    const holder = view.person(subject.id);
    const cards = view.cardsOfPerson(subject.id);
    // One that is good stands for its holder; where none is, one in use says more than one replaced long ago.
    return (
      cards.find((card) => judgeCard(policy, purpose, card, holder, now).deny === undefined) ??
      cards.find(({ state }) => state === 'NORMAL') ??
      cards[0]
    );
  }
  if (subject.readerProfile === undefined) return undefined;
  const read = view.readCredential(subject.readerProfile, subject.id);
  const cards = read.ok ? view.cardsByCredential(read.scheme, read.value) : [];
  return cards.length === 1 ? cards[0] : undefined; // an ambiguous number identifies nobody
}

function claimsHold({ schoolNumber, name }: IdentityRequest, holder: PersonDescription): boolean {
  if (schoolNumber !== undefined && holder.schoolNumber !== schoolNumber.trim()) return false;
  return name === undefined || (holder.name !== undefined && holder.name === cleanName(name)?.name);
}

/** One word for what is wrong, lost before all; the flags of the card are nobody else's business. */
function stateOf(card: CardFacts, deny: string | undefined): string {
  if (card.scope === 'out-of-scope') return 'OUT_OF_SCOPE';
  if (deny !== undefined) return deny.replace('DENY_', '');
  return card.frozen ? 'FROZEN' : card.state;
}

/** @param ageMs of the card's source; a holder of the same source came with the card's row */
function factsOf(
  card: CardFacts | undefined,
  holder: PersonFacts | undefined,
  ageMs: number | undefined,
): Fact[] {
  const facts: Fact[] = [];
  if (card) {
    facts.push({ kind: 'card', key: card.key, version: card.version, source: card.source, ageMs, of: card });
  }
  if (holder) {
    facts.push({
      kind: 'person',
      key: holder.key,
      version: holder.version,
      source: holder.source,
      ageMs: holder.source === card?.source ? ageMs : undefined,
      of: holder,
    });
  }
  return facts;
}

const FIELDS = [...SUBJECT_FIELDS, 'name', 'purpose'] as const;

/** The request, or a sentence that says what is wrong with it. */
function parseIdentity(body: unknown): IdentityRequest | string {
  const fields = stringsOf(body, FIELDS);
  if (typeof fields === 'string') return fields;
  const { schoolNumber, name, purpose = 'identity' } = fields;
  const subject = namedSubject(fields);
  if (typeof subject === 'string') return subject;
  const include = parseInclude(body);
  if (typeof include === 'string') return include;
  const known = PURPOSES.find((one) => one === purpose);
  if (known === undefined) return `purpose: expected one of ${PURPOSES.join(', ')}`;
  return {
    subject,
    purpose: known,
    include,
    ...(schoolNumber !== undefined && { schoolNumber }),
    ...(name !== undefined && { name }),
  };
}
