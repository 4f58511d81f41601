/**
 * `GET /v1/decisions/{id}`: a decision of the past with its facts, rebuilt: the questions in the order in which
 * they were asked, and which one decided. What is shown is what was kept, so it holds no personal data.
 *
 *   id (UUIDv7 holds its time) ─▶ hub.decision from that time on ─▶ record
 *   record.policyVersion ─▶ hub.policy as it was then ─▶ rebuild ─▶ equal?
 */
import type { Context } from 'hono';
import { CODES } from '../../contracts/codes.js';
import type { Decision as DecisionRecord, Policy as PolicyRecord } from '../../contracts/types.js';
import { compilePolicy } from '../decide/policy.js';
import type { Policy } from '../decide/policy.js';
import { rebuild } from '../decide/rebuild.js';
import type { Rebuilt } from '../decide/rebuild.js';
import type { Log } from '../log/log.js';
import { auditNote } from './audit.js';
import { agreedPurpose, callerOf, OPEN } from './caller.js';
import type { Caller } from './caller.js';
import type { DecisionLog } from './decision-log.js';
import { problem } from './problems.js';

/** A decision stands on the log this long after its time at most: what waited for the log is written then. */
const LATEST_MS = 10 * 60_000;
/** Clocks of replicas and of the broker differ. */
const SKEW_MS = 60_000;

export interface ExplainParts {
  readonly log: Pick<Log, 'read' | 'bounds'>;
  readonly decodeDecision: (bytes: Uint8Array) => DecisionRecord;
  readonly decodePolicy: (bytes: Uint8Array) => PolicyRecord;
  readonly tenant: string;
  readonly pseudonym: (personKey: string) => string;
  readonly signal?: AbortSignal;
}

export interface Explanation {
  readonly record: DecisionRecord;
  /** Undefined: the policy of that moment is not on the log (a decision of `cardhub decide`). */
  readonly rebuilt?: Rebuilt;
}

const UUID7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

export function isDecisionId(id: string): boolean {
  return UUID7.test(id);
}

/** Undefined: no such decision is on the log. */
export async function explainDecision(parts: ExplainParts, id: string): Promise<Explanation | undefined> {
  const record = await findDecision(parts, id);
  if (record?.kind !== 'DECISION') return undefined;
  const policy = await policyOf(parts, record);
  return policy === undefined ? { record } : { record, rebuilt: rebuild(record, policy, parts) };
}

async function findDecision(parts: ExplainParts, id: string): Promise<DecisionRecord | undefined> {
  const { log, signal } = parts;
  const time = Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);
  const from = new Map<number, number>();
  for (const { partition, start, end } of await log.bounds('hub.decision')) {
    from.set(partition, await firstAt(parts, partition, { start, end }, time - SKEW_MS));
  }
  const late = new Set<number>();
  for await (const batch of log.read({
    topic: 'hub.decision',
    from,
    until: 'end',
    ...(signal && { signal }),
  })) {
    for (const { value, timestamp } of batch.records) {
      if (timestamp > time + LATEST_MS + SKEW_MS) late.add(batch.partition);
      // Thousands may stand there, and one is wanted: looking for its id costs far less than reading them all.
      if (value === null || !bytesOf(value).includes(id)) continue;
      const record = parts.decodeDecision(value);
      if (record.decisionId === id) return record;
    }
    if (late.size === from.size) break;
  }
  return undefined;
}

const bytesOf = ({ buffer, byteOffset, length }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, length);

/** An offset from which every record of that time or later is read, found by halving. */
async function firstAt(
  { log }: ExplainParts,
  partition: number,
  bounds: { readonly start: number; readonly end: number },
  time: number,
): Promise<number> {
  let low = bounds.start;
  let high = bounds.end;
  while (high - low > 1_000) {
    const middle = Math.floor((low + high) / 2);
    const from = new Map<number, number>();
    for (const other of await log.bounds('hub.decision')) {
      from.set(other.partition, other.partition === partition ? middle : other.end);
    }
    let timestamp: number | undefined;
    for await (const batch of log.read({ topic: 'hub.decision', from, until: 'end' })) {
      if (batch.partition !== partition) continue;
      timestamp = batch.records[0]?.timestamp;
      if (timestamp !== undefined) break;
    }
    if (timestamp === undefined || timestamp >= time) high = middle;
    else low = middle;
  }
  return low;
}

/** The newest record of that version which was in force by then: a version may be switched on again. */
async function policyOf(parts: ExplainParts, record: DecisionRecord): Promise<Policy | undefined> {
  let found: PolicyRecord | undefined;
  for await (const batch of parts.log.read({ topic: 'hub.policy', until: 'end' })) {
    for (const { value } of batch.records) {
      const policy = value === null ? undefined : parts.decodePolicy(value);
      if (policy?.tenant !== (record.tenant ?? parts.tenant)) continue;
      if (policy.policyVersion !== record.policyVersion) continue;
      if (found === undefined || policy.issuedAt <= record.decidedAt) found = policy;
    }
  }
  return found === undefined ? undefined : compilePolicy(JSON.parse(found.document) as unknown);
}

/** The handler. What waits for the log is written first: a decision can be explained as soon as it was given. */
export function decisionExplained(
  explain: (id: string) => Promise<Explanation | undefined>,
  decisions: Pick<DecisionLog, 'flush'>,
): (c: Context) => Promise<Response> {
  return async (c) => {
    const id = c.req.param('id') ?? '';
    if (!isDecisionId(id)) return problem('BAD_REQUEST', 'id: expected the UUIDv7 of a decision');
    auditNote(c, { detail: { decisionId: id } });
    await decisions.flush();
    const found = await explain(id);
    return found === undefined || !covers(callerOf(c), found.record)
      ? problem('NOT_FOUND', 'no decision of that id is on the log; it may be older than its retention')
      : c.json(explanationDocument(found));
  };
}

/** A decision that the caller could not have asked for is none for it: of its tenant, its purposes, its doors. */
function covers(caller: Caller, { tenant, purpose, resourceKey }: DecisionRecord): boolean {
  if (caller === OPEN) return true;
  if (tenant !== caller.tenant || !caller.mayFor(agreedPurpose(purpose))) return false;
  return purpose !== 'door' || caller.seesDoor(resourceKey ?? '');
}

const TEXTS: ReadonlyMap<string, { readonly en: string; readonly zh: string }> = new Map(
  CODES['decision-reasons'].map(({ code, en, zh }) => [code, { en, zh }]),
);

/** The document that `GET /v1/decisions/{id}` and `cardhub explain decision --json` answer with. */
export function explanationDocument({ record, rebuilt }: Explanation): object {
  const steps = rebuilt?.trace.map((step) => ({
    ...step,
    reason_text: step.reason && TEXTS.get(step.reason),
  }));
  const { decisionId, replica, decidedAt, decision, reason, warning, policyVersion, dataAgeMs } = record;
  const { purpose, action, subjectType, subjectRef, resourceKey, facts, tenant } = record;
  return {
    decisionId,
    decidedAt: new Date(decidedAt).toISOString(),
    replica,
    ...(tenant !== null && { tenant }),
    request: { purpose, action, subjectType, subjectRef, resourceKey },
    answer: { decision, reason, reason_text: TEXTS.get(reason), warning, policyVersion, dataAgeMs },
    facts: facts.map((fact) => ({ ...fact })),
    rebuilt:
      rebuilt === undefined
        ? null
        : {
            equal: rebuilt.differences.length === 0,
            differences: rebuilt.differences,
            steps,
            decidedBy: decisiveStep(rebuilt),
          },
  };
}

/** Index of the step that gave the reason: the last that denied or permitted, else the last one asked. */
export function decisiveStep({ trace, decision }: Rebuilt): number {
  const gave = trace.findLastIndex(
    ({ outcome, reason, step }) =>
      outcome === 'permits' || (outcome === 'denies' && reason === decision.reason && step !== 'exit'),
  );
  if (gave >= 0) return gave;
  const warned = trace.findLastIndex(({ reason }) => reason !== undefined && reason === decision.warning);
  return warned >= 0 ? warned : trace.length - 1;
}
