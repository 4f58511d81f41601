/**
 * A decision of the past, decided again: its recorded facts are put through the policy version of that moment,
 * with every question noted. The answer must be the recorded one; where it is not, the difference is told.
 */
import type { Decision as DecisionRecord } from '../../contracts/types.js';
import { judgeCard } from './card-state.js';
import { evaluate } from './evaluate.js';
import type { EvaluationRequest } from './evaluate.js';
import type { CardFacts, Decision, DecisionView, Subject, TraceStep } from './model.js';
import { PURPOSES } from './policy.js';
import type { Policy, PolicyDocument } from './policy.js';
import {
  readAlert,
  readCard,
  readClassroom,
  readDoor,
  readLocker,
  readPassage,
  readPerson,
  readRight,
} from './recorded.js';
import type { KeptFact } from './recorded.js';
import { isDenyReason } from './reasons.js';
import type { DecisionReason, DenyReason } from './reasons.js';
import type { AskedRequest } from './rule-request.js';
import { traceOf } from './trace.js';

export interface Rebuilt {
  readonly decision: Decision;
  readonly trace: readonly TraceStep[];
  /** Fields in which the rebuilt answer differs from the record; empty: equal. */
  readonly differences: readonly string[];
}

export interface RebuildOptions {
  /**
   * Pseudonym of a person's key, as in the record: the people whom the policy itself names are recognised by
   * it, nobody else.
   */
  readonly pseudonym: (personKey: string) => string;
}

/** Key under which a recorded fact stands that the record does not name. */
const UNNAMED = '\u0000';

export function rebuild(record: DecisionRecord, policy: Policy, options: RebuildOptions): Rebuilt {
  const trace: TraceStep[] = [];
  if (isIdentityCheck(record)) {
    const decision = rebuildCheck(record, policy, trace);
    return { decision, trace, differences: differences(record, decision) };
  }
  const request = requestOf(record);
  const view = viewOf(record, policy, options);
  const decision = evaluate(view, policy, request, record.decidedAt, { trace });
  return { decision, trace, differences: differences(record, decision) };
}

/** `POST /v1/identity/check`: its purposes are those of the policy, its action is none of theirs. */
function isIdentityCheck(record: DecisionRecord): boolean {
  if (record.action !== 'check' || find(record, 'request') !== undefined) return false;
  return record.reason !== 'DENY_UNSUPPORTED'; // what a door says to an action that is none of its own
}

function rebuildCheck(record: DecisionRecord, policy: Policy, trace: TraceStep[]): Decision {
  const purpose = PURPOSES.find((one) => one === record.purpose) ?? 'identity';
  const cardFact = find(record, 'card');
  const personFact = find(record, 'person');
  const answer = (reason: DecisionReason): Decision => ({
    decision: !isDenyReason(reason),
    reason,
    policyVersion: policy.version,
    dataAgeMs: record.dataAgeMs ?? undefined,
    ttlMs: null,
    facts: [],
  });
  const unknown = cardFact === undefined ? 'DENY_UNKNOWN_CARD' : 'DENY_UNKNOWN_PERSON';
  // Which number or name was claimed is not kept, only that it was another one.
  if (cardFact === undefined || record.reason === 'DENY_UNKNOWN_PERSON') {
    trace.push({ step: 'subject', outcome: 'denies', reason: unknown });
    return answer(unknown);
  }
  const card = readCard(cardFact, personFact?.key);
  const holder = personFact && readPerson(personFact);
  const verdict = judgeCard(policy, purpose, card, holder, record.decidedAt);
  trace.push({ step: 'subject', outcome: 'passes', on: card.key });
  traceOf(trace, 'card-state', verdict, card.key);
  return answer(verdict.deny ?? (verdict.warning === 'DENY_FROZEN' ? 'ALLOW_WARN_FROZEN' : 'ALLOW'));
}

function differences(record: DecisionRecord, rebuilt: Decision): string[] {
  const fields: [string, unknown, unknown][] = [
    ['decision', record.decision, rebuilt.decision],
    ['reason', record.reason, rebuilt.reason],
    ['warning', record.warning, rebuilt.warning ?? null],
    ['policyVersion', record.policyVersion, rebuilt.policyVersion],
    ['dataAgeMs', record.dataAgeMs, rebuilt.dataAgeMs ?? null],
  ];
  return fields
    .filter(([, was, is]) => was !== is)
    .map(([name, was, is]) => `${name}: recorded ${String(was)}, rebuilt ${String(is)}`);
}

const find = (record: DecisionRecord, kind: string): KeptFact | undefined =>
  record.facts.find((fact) => fact.kind === kind);

function askedOf(record: DecisionRecord): AskedRequest | undefined {
  const values = find(record, 'request')?.values;
  return values === undefined || values === null ? undefined : (JSON.parse(values) as AskedRequest);
}

function requestOf(record: DecisionRecord): EvaluationRequest {
  const asked = askedOf(record);
  const type = asked?.subjectType ?? record.subjectType;
  const id = asked?.subject ?? idOf(record);
  const subject = (type === 'credential' ? { type, id, readerProfile: UNNAMED } : { type, id }) as Subject;
  return {
    subject,
    resource: record.resourceKey ?? asked?.resource ?? UNNAMED,
    resourceType: asked?.resourceType ?? (record.purpose === 'entity' ? UNNAMED : record.purpose),
    action: record.action,
    sent: asked?.sent,
  };
}

function idOf(record: DecisionRecord): string {
  return find(record, 'card')?.key ?? find(record, 'person')?.key ?? record.subjectRef ?? UNNAMED;
}

function viewOf(record: DecisionRecord, policy: Policy, options: RebuildOptions): DecisionView {
  const facts = (kind: string) => find(record, kind);
  const kept = facts('person');
  const person = kept && { ...readPerson(kept), key: personKey(kept.key, policy, options) };
  const cardFact = facts('card');
  const card = cardFact && readCard(cardFact, person?.key);
  const cards: readonly CardFacts[] = card === undefined ? [] : [card];
  const door = facts('door');
  const grant = facts('grant');
  const alert = facts('alert');
  const event = facts('event');
  const locker = facts('locker');
  const classroom = facts('classroom');
  const asOf = (fact: KeptFact | undefined): number | undefined =>
    fact?.ageMs === undefined || fact.ageMs === null ? undefined : record.decidedAt - fact.ageMs;
  const read = readingOf(record);
  return {
    readCredential: () =>
      read === 'DENY_READER_PROFILE' || read === 'DENY_CARD_NUMBER_INVALID'
        ? { ok: false, reason: read }
        : { ok: true, scheme: '', value: '' },
    card: () => card,
    cardsByCredential: () => (read === 'DENY_AMBIGUOUS' ? [SOME_CARD, SOME_CARD] : cards),
    person: () => person,
    cardsOfPerson: () => cards,
    door: () => door && readDoor(door),
    rights: () => (grant === undefined ? [] : [readRight(grant)]),
    lastPassage: () => (event === undefined ? undefined : readPassage(event)),
    asOf: (_source, stream) =>
      asOf({ cards: cardFact, grants: grant, uses: locker, rooms: classroom }[stream]),
    personClass: () => person?.personClass,
    alert: () => alert && readAlert(alert),
    locker: () => locker && readLocker(locker, card),
    classroom: () => classroom && readClassroom(classroom, card, record.decidedAt),
  };
}

const SOME_CARD = { key: UNNAMED } as CardFacts;

/** What the number was found to be, where no card was found by it. */
function readingOf(record: DecisionRecord): DenyReason | undefined {
  const values = find(record, 'credential')?.values ?? '';
  return isDenyReason(values) ? values : undefined;
}

function personKey(recorded: string, policy: Policy, { pseudonym }: RebuildOptions): string {
  for (const text of textsOf(policy.document)) if (pseudonym(text) === recorded) return text;
  return recorded;
}

const texts = new WeakMap<PolicyDocument, ReadonlySet<string>>();

/** Every text in the lists of the policy that could be a person's key. */
function textsOf(document: PolicyDocument): ReadonlySet<string> {
  let found = texts.get(document);
  if (found !== undefined) return found;
  const into = new Set<string>();
  const walk = (value: unknown): void => {
    if (typeof value === 'string' && value.includes(':')) into.add(value);
    else if (Array.isArray(value)) value.forEach(walk);
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(walk);
  };
  walk([document.rules, document.entities, document.alerts]);
  texts.set(document, (found = into));
  return found;
}
