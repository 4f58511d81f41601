import {
  type Connector,
  type ConnectorContext,
  type ConnectorFactory,
  type ConnectorSpec,
  type JsonSchema,
  type Stream,
  type StreamSpec,
} from '../sdk.js';
import { fileFeed, fileListing, fileConnector } from '../sdk-file-streams.js';
import { fileProfileProperties, type FileProfile, type RowReader } from '../sdk-files.js';
import { fixedColumn, openFixedRows, type FixedColumn, type FixedCut, type FixedRow } from '../sdk-fixed.js';
import type { LoanRow, LoanStep, PatronRow } from './rows.js';
import { loansStream, patronsStream } from './spec.js';

/** Bytes of a reader line, from 1; the library's programs differ, so each can be set. */
const PATRON_COLUMNS = {
  patron_id: '2-9',
  cardnumber: '10-19',
  userid: '20-31',
  category_id: '52-55',
  library_id: '56-57',
  date_enrolled: '58-65',
  expiry_date: '66-73',
  lost: '74-74',
  restricted: '75-75',
  updated_on: '76-89',
} as const;
/** Bytes of a circulation line. */
const LOAN_COLUMNS = {
  checkout_id: '2-11',
  patron_id: '12-19',
  item_id: '20-29',
  step: '30-31',
  at: '32-45',
  due_date: '46-53',
  renewals_count: '54-55',
  library_id: '56-57',
} as const;
const TRAILER = { mark: '9', count: '2-11' } as const;

type Columns<T> = Partial<Record<keyof T, string>>;
interface Part<T> extends Partial<FileProfile> {
  readonly columns?: Columns<T>;
  readonly lineBytes?: number;
  readonly trailer?: boolean;
}
export interface DeskExportOptions {
  readonly patrons?: Part<typeof PATRON_COLUMNS>;
  readonly loans?: Part<typeof LOAN_COLUMNS>;
}

const STEPS: Readonly<Record<string, LoanStep>> = {
  借: 'out',
  续: 'renewed',
  还: 'in',
  J: 'out',
  X: 'renewed',
  H: 'in',
};
const TIME_OF = { out: 'checkout_date', renewed: 'last_renewed_date', in: 'checkin_date' } as const;

const SHARED = ['folder', 'complete', 'stableSeconds', 'marker', 'pageRows', 'recordBytesMax'] as const;

function partSchema(
  what: string,
  columns: Readonly<Record<string, string>>,
  lineBytes: number,
  pattern: string,
): JsonSchema {
  const shared = Object.fromEntries(SHARED.map((name) => [name, fileProfileProperties[name]]));
  const bytes = { type: 'string', pattern: '^\\d{1,4}-\\d{1,4}$' };
  return {
    type: 'object',
    required: ['folder'],
    additionalProperties: false,
    description: what,
    properties: {
      ...shared,
      pattern: { type: 'string', minLength: 1, default: pattern, description: 'File names, with * and ?.' },
      encoding: { type: 'string', default: 'gb18030', description: 'WHATWG label; gb18030 reads GBK too.' },
      columns: {
        type: 'object',
        additionalProperties: false,
        default: columns,
        description: 'Field → its bytes in the line as "from-to", from 1, both included.',
        properties: Object.fromEntries(Object.keys(columns).map((name) => [name, bytes])),
      },
      lineBytes: {
        type: 'integer',
        minimum: 1,
        maximum: 65_536,
        default: lineBytes,
        description: 'Bytes of a line without its end; a line of another length is quarantined.',
      },
      trailer: {
        type: 'boolean',
        default: true,
        description:
          'The last line is "9" and the number of rows in ten digits; a file without it counts as cut.',
      },
    },
  };
}

const LINE_BYTES = { patrons: 89, loans: 57 } as const;

const streams: readonly [StreamSpec, StreamSpec] = [
  patronsStream({
    listing: { absence: 'second-listing' },
    feed: false,
    delivery:
      'Each row of the newest whole file. A reader is gone when two different complete files in a row lack them.',
    pollMsDefault: 10_000,
  }),
  loansStream({
    listing: null,
    feed: true,
    delivery:
      'Each row of each whole file, files in order of name, at least once. The same content under another name is not read again.',
    pollMsDefault: 10_000,
  }),
];

/** Specification of `library/desk-export`. */
export const deskExportSpec: ConnectorSpec = {
  kind: 'library/desk-export',
  title: { en: 'Library: files of an old desk program', zh: '图书馆：旧版流通台导出文件' },
  summary:
    'Readers are a listing (the newest whole file), the circulation is a feed over all files. Lines have columns of fixed widths in bytes, in GBK. Only the streams that have options exist.',
  options: {
    type: 'object',
    additionalProperties: false,
    minProperties: 1,
    properties: {
      patrons: partSchema('Readers.', PATRON_COLUMNS, LINE_BYTES.patrons, 'READER*.TXT'),
      loans: partSchema('Circulation: one line a step.', LOAN_COLUMNS, LINE_BYTES.loans, 'CIRC*.TXT'),
    },
  },
  configured: (options) => streams.map(({ name }) => name).filter((name) => options[name] !== undefined),
  streams,
  quirks: [
    'Widths are bytes: a Chinese character has two. A name that is too long is cut within a character; names are not read at all.',
    'Steps are 借, 续, 还 (or J, X, H). The file tells each renewal, and not how often the loan was renewed before.',
    'A missing or wrong control total means that the file was cut: its rows are read, its absences are not believed.',
    'Times are yyyyMMddHHmmss in Asia/Shanghai; a due date lasts to the end of its day.',
  ],
};

/** Text of a column, or undefined where it is blank. */
const textOf = (cut: FixedCut, column: FixedColumn): string | undefined => cut(column) || undefined;

function patronRow(columns: Readonly<Record<keyof typeof PATRON_COLUMNS, FixedColumn>>) {
  return (cut: FixedCut): FixedRow => {
    const text = (name: keyof typeof PATRON_COLUMNS): string | undefined => textOf(cut, columns[name]);
    const flag = (name: 'lost' | 'restricted'): boolean =>
      ({ '1': true, '0': false })[text(name) ?? '0'] as boolean;
    const updated = text('updated_on');
    // A flag that is neither 0 nor 1 stays out: the row's schema then refuses the row.
    const data: PatronRow = {
      ...{ patron_id: text('patron_id') ?? '', patron_card_lost: flag('lost') },
      ...{
        restricted: flag('restricted'),
        cardnumber: text('cardnumber') ?? null,
        userid: text('userid') ?? null,
      },
      ...{ category_id: text('category_id') ?? null, library_id: text('library_id') ?? null },
      ...{ date_enrolled: text('date_enrolled') ?? null, expiry_date: text('expiry_date') ?? null },
      ...(updated === undefined ? {} : { updated_on: updated }),
    };
    return { id: text('patron_id'), data };
  };
}

function loanRow(columns: Readonly<Record<keyof typeof LOAN_COLUMNS, FixedColumn>>) {
  return (cut: FixedCut): FixedRow => {
    const text = (name: keyof typeof LOAN_COLUMNS): string | undefined => textOf(cut, columns[name]);
    const step = STEPS[text('step') ?? ''];
    const renewals = text('renewals_count');
    const isCount = renewals !== undefined && /^\d{1,4}$/.test(renewals) && step !== 'out';
    const data: Omit<LoanRow, 'tells'> & { tells: readonly string[] } = {
      ...{ checkout_id: text('checkout_id') ?? '', patron_id: text('patron_id') ?? null },
      ...{ item_id: text('item_id') ?? '', library_id: text('library_id') ?? null },
      ...{ due_date: text('due_date') ?? null, ...(isCount ? { renewals_count: Number(renewals) } : {}) },
      ...(step === undefined ? {} : { [TIME_OF[step]]: text('at') ?? null }),
      // An unknown word is refused by the row's schema.
      tells: [step ?? text('step') ?? ''],
    };
    return { id: text('checkout_id'), data };
  };
}

function columnsOf<T extends Readonly<Record<string, string>>>(
  defaults: T,
  given: Columns<T> | undefined,
  option: string,
): Record<keyof T, FixedColumn> {
  const all: Readonly<Record<string, string>> = { ...defaults, ...given };
  const pairs = Object.entries(all).map(([name, text]) => [
    name,
    fixedColumn(text, `${option}.columns.${name}`),
  ]);
  return Object.fromEntries(pairs) as Record<keyof T, FixedColumn>;
}

interface Opened {
  readonly reader: RowReader;
  readonly stream: Stream;
}

function openParts(
  { patrons, loans }: DeskExportOptions,
  context: ConnectorContext,
): ReadonlyMap<string, Opened> {
  const parts = new Map<string, Opened>();
  const trailer = { mark: TRAILER.mark, count: fixedColumn(TRAILER.count, 'trailer') };
  const read = (
    name: 'patrons' | 'loans',
    part: Part<unknown>,
    pattern: string,
    make: (cut: FixedCut) => FixedRow,
  ) => {
    const { columns: _, lineBytes = LINE_BYTES[name], trailer: hasTrailer = true, ...profile } = part;
    const fixed = { lineBytes, ...(hasTrailer ? { trailer } : {}) };
    return openFixedRows({ pattern, ...profile }, fixed, make, context);
  };
  if (patrons !== undefined) {
    const make = patronRow(columnsOf(PATRON_COLUMNS, patrons.columns, 'patrons'));
    const reader = read('patrons', patrons, 'READER*.TXT', make);
    parts.set('patrons', { reader, stream: fileListing(streams[0], reader, context) });
  }
  if (loans !== undefined) {
    const make = loanRow(columnsOf(LOAN_COLUMNS, loans.columns, 'loans'));
    const reader = read('loans', loans, 'CIRC*.TXT', make);
    parts.set('loans', { reader, stream: fileFeed(streams[1], reader, context) });
  }
  return parts;
}

/** `library/desk-export` */
export const deskExport: ConnectorFactory = {
  spec: deskExportSpec,
  open(given: Record<string, unknown>, context: ConnectorContext): Connector {
    return fileConnector(deskExportSpec, openParts(given, context));
  },
};
