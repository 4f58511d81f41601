import type { JsonSchema } from '../sdk.js';

/**
 * What a bank says, as parsed and not yet cleaned. The bank's account number ends here: of it, only the last four
 * digits go on, and not even the raw bytes of a row hold more. Names and telephone numbers are not taken at all.
 */
export interface AgreementRow {
  /** School number, as the bank has it. */
  readonly customerNo: string;
  /** `signed`, `cancelled`, `undecided`; else the bank's own code, which nobody knows. */
  readonly state: string;
  readonly accountTail?: string;
  readonly limit?: string;
  readonly limitUnit: 'yuan' | 'fen';
  readonly frequency?: string;
  readonly signedOn?: string;
  /** When it last changed at the bank. */
  readonly changedAt: string;
  /** The bank's reference of that change. */
  readonly reference: string;
  /** The bank told it by itself. */
  readonly notice?: 'sign' | 'cancel';
}

const text = { type: 'string', maxLength: 64 } as const;

export const agreementRowSchema: JsonSchema = {
  type: 'object',
  required: ['customerNo', 'state', 'limitUnit', 'changedAt', 'reference'],
  additionalProperties: false,
  properties: {
    customerNo: { ...text, minLength: 1 },
    state: { ...text, minLength: 1 },
    accountTail: { type: 'string', maxLength: 4 },
    limit: text,
    limitUnit: { enum: ['yuan', 'fen'] },
    frequency: text,
    signedOn: text,
    changedAt: { ...text, minLength: 1 },
    reference: { ...text, minLength: 1 },
    notice: { enum: ['sign', 'cancel'] },
  },
};

export type FileFault =
  | 'LATE'
  | 'REISSUED'
  | 'TRUNCATED'
  | 'ENCODING'
  | 'HEADER'
  | 'CONTROL_TOTAL'
  | 'ROW_REFUSED'
  | 'DUPLICATE_REFERENCE'
  | 'OTHER_DAY';

/** A reconciliation file as a whole; it comes before its rows. */
export interface ReconFileRow {
  readonly type: 'file';
  /** `yyyyMMdd` */
  readonly settleDate: string;
  readonly state: 'missing' | 'received';
  readonly layout: string;
  /** SHA-256, hex. */
  readonly digest?: string;
  /** Rows that could be read, and their sum in fen. */
  readonly rows: number;
  readonly fen: number;
  /** What the file says of itself, where it does. */
  readonly statedRows?: number;
  readonly statedFen?: number;
  readonly faults: readonly FileFault[];
}

/** One row of a reconciliation file. */
export interface ReconEntryRow {
  readonly type: 'entry';
  readonly settleDate: string;
  readonly digest: string;
  /** Counted from 1 without the header. */
  readonly line: number;
  readonly bankReference: string;
  readonly cardReference: string;
  /** As the file has it: `01` load, `02` spend (electricity), `03` reversal, or text. */
  readonly code: string;
  readonly amountFen: string;
  /** The bank's day and the transaction's time. */
  readonly bankDate: string;
  readonly time: string;
  readonly customerNo?: string;
  readonly terminal?: string;
}

export type ReconRow = ReconFileRow | ReconEntryRow;

const count = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER } as const;
const day = { type: 'string', pattern: '^\\d{8}$' } as const;

export const reconRowSchema: JsonSchema = {
  oneOf: [
    {
      type: 'object',
      required: ['type', 'settleDate', 'state', 'layout', 'rows', 'fen', 'faults'],
      additionalProperties: false,
      properties: {
        type: { const: 'file' },
        settleDate: day,
        state: { enum: ['missing', 'received'] },
        layout: text,
        digest: text,
        rows: count,
        fen: { type: 'integer' },
        statedRows: count,
        statedFen: { type: 'integer' },
        faults: { type: 'array', items: { type: 'string' }, maxItems: 16 },
      },
    },
    {
      type: 'object',
      required: [
        ...['type', 'settleDate', 'digest', 'line', 'bankReference', 'cardReference', 'code'],
        ...['amountFen', 'bankDate', 'time'],
      ],
      additionalProperties: false,
      properties: {
        type: { const: 'entry' },
        settleDate: day,
        digest: text,
        line: count,
        bankReference: { ...text, minLength: 1 },
        cardReference: text,
        code: text,
        amountFen: text,
        bankDate: text,
        time: text,
        customerNo: text,
        terminal: text,
      },
    },
  ],
};
