/** What operators decide of differences between books: commands on `hub.command` → cases (rule 14). */
import type { Command, ReconCase } from '../../contracts/types.js';
import type { ContractRecord } from '../../transforms/outcome.js';
import { CASE_DECISIONS, decidedCase, type CaseDecision } from '../../transforms/recon-case.js';
import { endOfDay } from '../../transforms/time.js';

export const CASE_REASON_MAX = 500;

/** Arguments of a RECON_DECIDE command. */
export interface CaseOrder {
  readonly caseKey: string;
  readonly state: CaseDecision;
  /** Why; at most {@link CASE_REASON_MAX} characters. */
  readonly reason: string;
}

/** Null: not a decision of a case, or one that this version cannot read. */
export function orderIn(command: Command): CaseOrder | null {
  if (command.kind !== 'RECON_DECIDE') return null;
  const { caseKey, state, reason } = JSON.parse(command.arguments) as Partial<
    Record<keyof CaseOrder, unknown>
  >;
  const known = CASE_DECISIONS.find((each) => each === state);
  if (typeof caseKey !== 'string' || known === undefined || typeof reason !== 'string') return null;
  return { caseKey, state: known, reason: reason.slice(0, CASE_REASON_MAX) };
}

/** The record of a decision; null: the case is not there, or books that agree have closed it. */
export function decisionRecord(
  { caseKey, state, reason }: CaseOrder,
  { issuedBy, issuedAt }: Command,
  caseOf: (key: string) => ReconCase | undefined,
): ContractRecord | null {
  const known = caseOf(caseKey);
  const value = known && decidedCase(known, { state, by: issuedBy, at: issuedAt, note: reason });
  if (value === undefined || value === null) return null;
  const record = { topic: 'hub.recon-case', key: caseKey, version: value.version, value };
  return { ...record, time: endOfDay(value.businessDate) };
}
