/** Readers and loans of a library system → master.library-patron, master.loan. */
import type { LoanRow, LoanStep, PatronRow } from '../connectors/library/rows.js';
import type { LibraryPatron, Loan, LoanKind } from '../contracts/types.js';
import { date, instant, mapRow, optionalId, quality, reject, requiredId } from './fields.js';
import type { RecordKind } from './kind.js';
import type { ContractRecord, MapContext, Mapped, Mark } from './outcome.js';
import { foldWidth, textOrNull } from './text.js';
import { businessDate, endOfDay, parseDate } from './time.js';

/** The `mapping` options of a library instance in hub.yaml. */
export interface LibraryProfile {
  /** Source whose school numbers the library uses for readers; default: the instance itself. */
  readonly personSource?: string;
  /** Source whose card numbers the library has on file; default: the instance itself. */
  readonly cardSource?: string;
}

/** JSON Schema of {@link LibraryProfile}. */
export const libraryProfileSchema: Readonly<Record<string, unknown>> = {
  type: 'object',
  additionalProperties: false,
  properties: { personSource: { type: 'string' }, cardSource: { type: 'string' } },
};

/** Stream name of every library connector's loans; part of the events' ids. */
const LOANS = 'loans';

const text = (value: string | null | undefined): string | undefined => value ?? undefined;
const folded = (value: string | null | undefined): string | null => {
  const clean = textOrNull(text(value));
  return clean === null ? null : foldWidth(clean);
};

/**
 * Maps a reader. Names, addresses and telephones are not read at all. A reader without a school number is one that
 * the campus does not know (HOLDER_UNKNOWN), such as an old reader's ticket.
 */
export function mapPatron(row: PatronRow, context: MapContext): Mapped {
  return mapRow(() => {
    const { personSource, cardSource } = context.profile as LibraryProfile;
    const { source } = context;
    const marks = new Set<Mark>();
    const patronId = requiredId(String(row.patron_id), 'patron_id');
    const school = optionalId(text(row.userid), 'userid');
    const card = optionalId(text(row.cardnumber), 'cardnumber');
    if (school === null) marks.add('HOLDER_UNKNOWN');
    const changedAt = instant(row.updated_on, 'updated_on');
    const dataQuality = quality(marks);
    const value: LibraryPatron = {
      patronKey: `${source}:${patronId}`,
      source,
      patronId,
      version: changedAt ?? 0,
      holderKey: school === null ? null : `${personSource ?? source}:${school}`,
      cardKey: card === null ? null : `${cardSource ?? source}:${card}`,
      category: folded(row.category_id),
      branch: folded(row.library_id),
      cardLost: row.patron_card_lost,
      restricted: row.restricted ?? false,
      enrolledOn: date(text(row.date_enrolled), 'date_enrolled'),
      expiresOn: date(text(row.expiry_date), 'expiry_date'),
      state: 'ACTIVE',
      stateReason: null,
      changedAt,
      dataQuality,
    };
    const time = changedAt ?? context.asOf;
    const record = {
      topic: 'master.library-patron',
      key: value.patronKey,
      version: value.version,
      value,
      time,
    };
    return { kind: 'records', records: [record], marks: dataQuality };
  });
}

const STEPS: Readonly<Record<LoanStep, { readonly kind: LoanKind; readonly field: keyof LoanRow }>> = {
  out: { kind: 'CHECKED_OUT', field: 'checkout_date' },
  renewed: { kind: 'RENEWED', field: 'last_renewed_date' },
  in: { kind: 'RETURNED', field: 'checkin_date' },
};

/** A bare date means the whole of that day. */
function dueOf(row: LoanRow): number | null {
  const due = text(row.due_date);
  if (due === undefined) return null;
  const day = parseDate(due.trim());
  return day.ok ? endOfDay(day.days) : instant(due, 'due_date');
}

/** Maps a loan as it stands into the steps that the row is the first to tell (`tells`); none: nothing is new. */
export function mapLoan(row: LoanRow, context: MapContext): Mapped {
  return mapRow(() => {
    const records = row.tells.map((step) => stepOf(row, step, context));
    return { kind: 'records', records, marks: [] };
  });
}

function stepOf(row: LoanRow, step: LoanStep, context: MapContext): ContractRecord {
  const { source } = context;
  const { kind, field } = STEPS[step];
  const loanId = requiredId(String(row.checkout_id), 'checkout_id');
  const itemId = requiredId(String(row.item_id), 'item_id');
  const patron = row.patron_id === null ? null : requiredId(String(row.patron_id), 'patron_id');
  const occurredAt =
    instant(text(row[field] as string | null | undefined), field) ??
    reject('REQUIRED_MISSING', field, `expected the time of ${kind}, came nothing`);
  const renewals = row.renewals_count ?? null;
  const dueAt = dueOf(row);
  const ordinal = step === 'renewed' ? `renewed-${renewals ?? occurredAt}` : step;
  const value: Loan = {
    eventId: `${source}:${LOANS}:${loanId}-${ordinal}`,
    source,
    loanId,
    patronKey: patron === null ? null : `${source}:${patron}`,
    itemKey: `${source}:${itemId}`,
    kind,
    occurredAt,
    businessDate: businessDate(occurredAt),
    // A loan that was renewed since then no longer says when it was due at first.
    dueAt: step === 'out' && (renewals ?? 0) > 0 ? null : dueAt,
    renewals: step === 'out' ? null : renewals,
    branch: folded(row.library_id),
    late: step === 'in' && dueAt !== null ? occurredAt > dueAt : null,
    dataQuality: [],
  };
  const { eventId } = value;
  return { topic: 'master.loan', key: `${source}:${loanId}`, version: 0, value, eventId, time: occurredAt };
}

export const patronKind: RecordKind = {
  map: (row, context) => mapPatron(row as PatronRow, context),
  profile: libraryProfileSchema,
  state: { 'master.library-patron': { key: 'patronKey', gone: 'CLOSED' } },
  rows: ['master.library-patron'],
  events: {},
};

export const loanKind: RecordKind = {
  map: (row, context) => mapLoan(row as LoanRow, context),
  profile: libraryProfileSchema,
  state: {},
  rows: [],
  // The patron is not among them: a library makes old loans anonymous.
  events: {
    'master.loan': {
      says: ['loanId', 'kind', 'occurredAt', 'itemKey'],
      // The library keeps a loan, not its steps: of several renewals it tells the last.
      retold: ({ loanId, eventId }) => [loanId, eventId],
    },
  },
};
