/** Agreements, notices and reconciliation files of a bank → master.bank-agreement, hub.bank-notice, -file, -entry. */
import type {
  AgreementRow,
  FileFault,
  ReconEntryRow,
  ReconFileRow,
  ReconRow,
} from '../connectors/bank/rows.js';
import type {
  BankAgreement,
  BankAgreementState,
  BankEntry,
  BankEntryKind,
  BankFile,
  BankFileState,
  BankNotice,
} from '../contracts/types.js';
import type { CodeTable } from './codes.js';
import { lookUp } from './codes.js';
import { date, fen, mapRow, optionalId, quality, reject, requiredId, requiredInstant } from './fields.js';
import type { RecordKind } from './kind.js';
import type { ContractRecord, MapContext, Mapped, Mark } from './outcome.js';
import { foldWidth, textOrNull } from './text.js';
import { businessDate, startOfDay } from './time.js';

/** The `mapping` options of a bank instance in hub.yaml. */
export interface BankProfile {
  /** Source whose school numbers the bank uses for customers; default: the instance itself. */
  readonly personSource?: string;
  /** The bank's own codes of transactions in its files → LOAD, POWER, REVERSAL, OTHER. */
  readonly entryCodes?: Readonly<Record<string, BankEntryKind>>;
}

const ENTRY_KINDS = ['LOAD', 'POWER', 'REVERSAL', 'OTHER'] as const;

/** JSON Schema of {@link BankProfile}. */
export const bankProfileSchema: Readonly<Record<string, unknown>> = {
  type: 'object',
  additionalProperties: false,
  properties: {
    personSource: { type: 'string' },
    entryCodes: { type: 'object', additionalProperties: { enum: [...ENTRY_KINDS] } },
  },
};

const STATES: CodeTable<BankAgreementState> = {
  signed: 'SIGNED',
  cancelled: 'NOT_SIGNED',
  // The bank has not decided: to show this as NOT_SIGNED would send a person to the counter for nothing.
  undecided: 'UNKNOWN',
};

/** Stream names of every bank connector; part of the events' ids. */
const AGREEMENTS = 'agreements';
const RECON = 'recon';

/**
 * Maps an agreement, told by a listing or by the bank itself. The time of the change at the bank is its version, so
 * that a notice that comes late or again changes nothing.
 */
export function mapAgreement(row: AgreementRow, context: MapContext): Mapped {
  return mapRow(() => {
    const { source } = context;
    const { personSource } = context.profile as BankProfile;
    const person = requiredId(row.customerNo, 'customerNo');
    const changedAt = requiredInstant(row.changedAt, 'changedAt');
    const marks = new Set<Mark>();
    const state = lookUp(row.state, STATES);
    if (state === undefined) marks.add('CODE_UNMAPPED');
    const value: BankAgreement = {
      agreementKey: `${source}:${person}`,
      source,
      personKey: `${personSource ?? source}:${person}`,
      version: changedAt,
      state: state ?? 'UNKNOWN',
      stateReason: null,
      accountTail: tail(row.accountTail),
      limitFen: fen(row.limit, row.limitUnit, 'limit'),
      limitFrequency: textOrNull(row.frequency),
      signedOn: date(row.signedOn, 'signedOn'),
      changedAt,
      reference: requiredId(row.reference, 'reference'),
      dataQuality: quality(marks),
    };
    const key = value.agreementKey;
    const records: ContractRecord[] = [
      { topic: 'master.bank-agreement', key, version: changedAt, value, time: changedAt },
    ];
    if (row.notice !== undefined) records.push(noticeOf(row.notice, value));
    return { kind: 'records', records, marks: value.dataQuality as Mark[] };
  });
}

/** Never more than four, whatever a connector passes on. */
function tail(text: string | undefined): string | null {
  const digits = foldWidth(text ?? '').slice(-4);
  return /^\d{4}$/.test(digits) ? digits : null;
}

function noticeOf(notice: 'sign' | 'cancel', agreement: BankAgreement): ContractRecord {
  const { source, agreementKey, reference, changedAt } = agreement;
  const eventId = `${source}:${AGREEMENTS}:notice-${reference}`;
  const value: BankNotice = {
    eventId,
    source,
    agreementKey,
    kind: notice === 'sign' ? 'SIGNED' : 'CANCELLED',
    bankReference: reference,
    occurredAt: changedAt,
    businessDate: businessDate(changedAt),
    dataQuality: [],
  };
  return { topic: 'hub.bank-notice', key: agreementKey, version: 0, value, eventId, time: changedAt };
}

/** Maps a reconciliation file or one of its rows. */
export function mapRecon(row: ReconRow, context: MapContext): Mapped {
  return mapRow(() => (row.type === 'file' ? mapFile(row, context) : mapEntry(row, context)));
}

/** With one of these, what the file does not have may still have happened. */
const NOT_WHOLE: ReadonlySet<FileFault> = new Set([
  ...(['TRUNCATED', 'ENCODING', 'HEADER', 'CONTROL_TOTAL', 'ROW_REFUSED'] as const),
]);

/** That it came late, or again, is known only to who asked before. */
const FOUND_LATER: ReadonlySet<string> = new Set<FileFault>(['LATE', 'REISSUED']);

function mapFile(row: ReconFileRow, { source }: MapContext): Mapped {
  const settleDate = requiredDate(row.settleDate);
  const value: BankFile = {
    fileKey: `${source}:file:${row.settleDate}`,
    source,
    version: 0,
    settleDate,
    state: fileState(row),
    stateReason: null,
    layout: row.layout,
    digest: row.digest === undefined ? null : `sha256:${row.digest}`,
    rowCount: row.rows,
    totalFen: row.fen,
    statedCount: row.statedRows ?? null,
    statedFen: row.statedFen ?? null,
    faults: [...row.faults].sort(),
    dataQuality: [],
  };
  const record = {
    topic: 'hub.bank-file',
    key: value.fileKey,
    version: 0,
    value,
    time: startOfDay(settleDate),
  };
  return { kind: 'records', records: [record], marks: [] };
}

function fileState({ state, faults, rows }: ReconFileRow): BankFileState {
  if (state === 'missing') return 'MISSING';
  if (faults.some((fault) => NOT_WHOLE.has(fault))) return 'FAULTY';
  return rows === 0 ? 'EMPTY' : 'RECEIVED';
}

/** Codes of a real bank (404101, 404401), the agent types of its document, and ours for electricity (404102). */
const ENTRY_CODES: CodeTable<BankEntryKind> = {
  '404101': 'LOAD',
  '404102': 'POWER',
  '404401': 'REVERSAL',
  '01': 'LOAD',
  '02': 'POWER',
  '03': 'REVERSAL',
};

function mapEntry(row: ReconEntryRow, context: MapContext): Mapped {
  const { source } = context;
  const { personSource, entryCodes } = context.profile as BankProfile;
  const marks = new Set<Mark>();
  const bankReference = requiredId(row.bankReference, 'bankReference');
  const person = optionalId(row.customerNo, 'customerNo');
  const kind = lookUp(foldWidth(row.code), ENTRY_CODES, entryCodes);
  if (kind === undefined) marks.add('CODE_UNMAPPED');
  const occurredAt = requiredInstant(row.time, 'time');
  const amount = fen(row.amountFen, 'fen', 'amountFen');
  if (amount === null) reject('REQUIRED_MISSING', 'amountFen', 'expected an amount in fen, came nothing');
  const eventId = `${source}:${RECON}:${row.settleDate}-${row.digest.slice(0, 12)}-${bankReference}`;
  const value: BankEntry = {
    eventId,
    source,
    settleDate: requiredDate(row.settleDate),
    bankReference,
    cardReference: optionalId(row.cardReference, 'cardReference'),
    kind: kind ?? 'OTHER',
    amountFen: amount,
    occurredAt,
    businessDate: businessDate(occurredAt),
    personKey: person === null ? null : `${personSource ?? source}:${person}`,
    terminal: textOrNull(row.terminal),
    fileDigest: `sha256:${row.digest}`,
    line: row.line,
    dataQuality: quality(marks),
  };
  const key = `${source}:${bankReference}`;
  const record = { topic: 'hub.bank-entry', key, version: 0, value, eventId, time: occurredAt };
  return { kind: 'records', records: [record], marks: value.dataQuality as Mark[] };
}

function requiredDate(text: string): number {
  return date(text, 'settleDate') ?? reject('REQUIRED_MISSING', 'settleDate', 'expected a day, came nothing');
}

export const agreementKind: RecordKind = {
  map: (row, context) => mapAgreement(row as AgreementRow, context),
  profile: bankProfileSchema,
  state: { 'master.bank-agreement': { key: 'agreementKey', gone: 'NOT_SIGNED' } },
  rows: ['master.bank-agreement'],
  events: { 'hub.bank-notice': { says: ['agreementKey', 'kind', 'occurredAt', 'bankReference'] } },
};

export const reconKind: RecordKind = {
  map: (row, context) => mapRecon(row as ReconRow, context),
  profile: bankProfileSchema,
  state: {
    'hub.bank-file': {
      key: 'fileKey',
      gone: 'REMOVED',
      told: ({ faults, ...file }) => ({ ...file, faults: faults.filter((fault) => !FOUND_LATER.has(fault)) }),
    },
  },
  rows: [],
  // Two rows of one issue with one reference and different contents are a fault of the bank's.
  events: {
    'hub.bank-entry': {
      says: ['bankReference', 'cardReference', 'kind', 'amountFen', 'occurredAt'],
      retold: ({ settleDate, fileDigest }) => [String(settleDate), fileDigest],
    },
  },
};
