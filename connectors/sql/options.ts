import type { JsonSchema } from '../sdk.js';
import type { CellOptions } from './cells.js';
import { connectionProperties, type ConnectionGiven } from './connection.js';

export type ChangesBy = 'compare' | 'watermark' | 'version';

/** How changes are found; see docs/databases.md. */
export interface ChangesOptions {
  readonly by: ChangesBy;
  readonly column?: string;
  readonly is?: 'time' | 'id';
  readonly overlapSeconds?: number;
  readonly overlapIds?: number;
  /** Events: where the very first poll begins. */
  readonly from?: 'retained' | 'now';
}

/** One stream of a SQL source as hub.yaml gives it. The maker of the stream reads more out of it. */
export interface SqlStreamOptions {
  readonly table?: string;
  readonly query?: string;
  readonly key?: readonly string[];
  readonly columns: Readonly<Record<string, string>>;
  readonly constants?: Readonly<Record<string, string>>;
  readonly cells?: Readonly<Record<string, CellOptions>>;
  readonly changes?: ChangesOptions;
}

export interface SqlOptions extends ConnectionGiven {
  readonly pageRows?: number;
  readonly encoding?: string;
}

export const PAGE_ROWS = 1_000;
export const OVERLAP = { seconds: 120, ids: 1_000 } as const;

/** Options of the source as a whole. */
export const sourceProperties: JsonSchema = {
  ...connectionProperties,
  pageRows: {
    type: 'integer',
    minimum: 1,
    maximum: 10_000,
    default: PAGE_ROWS,
    description: 'Rows of a page.',
  },
  encoding: {
    type: 'string',
    minLength: 1,
    description:
      'Only where the database does not know what its text columns hold (GBK bytes in a LATIN1 or SQL_ASCII database): the WHATWG label of what they do hold, e.g. gb18030. A column that the database knows to be GBK needs nothing.',
  },
};

const changes: JsonSchema = {
  type: 'object',
  required: ['by'],
  additionalProperties: false,
  description: 'How changes are found. Absent: compare for things; events need one of the others.',
  properties: {
    by: {
      enum: ['compare', 'watermark', 'version'],
      description:
        'compare: every row is read at each poll. watermark: the rows whose column has grown. version: the rows that the database itself says have changed.',
    },
    column: {
      type: 'string',
      minLength: 1,
      description:
        'watermark: column that grows with each change, with an index. version: SQL Server’s rowversion column, or the column in which a view shows xmin (PostgreSQL) or ORA_ROWSCN (Oracle).',
    },
    is: {
      enum: ['time', 'id'],
      default: 'time',
      description: 'watermark: a time (also as text or seconds since 1970), or a running id.',
    },
    overlapSeconds: {
      type: 'integer',
      minimum: 0,
      maximum: 86_400,
      default: OVERLAP.seconds,
      description:
        'watermark of times: each poll begins so long before the last row seen, since a slow transaction shows its rows late.',
    },
    overlapIds: {
      type: 'integer',
      minimum: 0,
      maximum: 1_000_000,
      default: OVERLAP.ids,
      description: 'watermark of ids: the same, in ids.',
    },
    from: {
      enum: ['retained', 'now'],
      default: 'retained',
      description:
        'Events: a hub without a position begins with the oldest row that is there, or with those that come from now on (and the overlap before them). Refused for things, which are listed.',
    },
  },
};

const cellOptions: JsonSchema = {
  type: 'object',
  maxProperties: 64,
  description: 'What the database does not say of a column, by the column’s name.',
  additionalProperties: {
    type: 'object',
    additionalProperties: false,
    properties: {
      encoding: { type: 'string', minLength: 1, description: 'As the source’s encoding, for this column.' },
      as: {
        enum: ['date'],
        description: 'Only the date of a column that has a time too (each DATE of Oracle).',
      },
    },
  },
};

/** Options of one stream, with those that its maker adds. `columns` and `constants` come from the maker. */
export function streamProperties(description: string, own: JsonSchema): JsonSchema {
  return {
    type: 'object',
    required: ['columns'],
    oneOf: [{ required: ['table'] }, { required: ['query'] }],
    additionalProperties: false,
    description,
    properties: {
      table: {
        type: 'string',
        pattern: '^[^;\\s]{1,200}$',
        description: 'Table or view, with its schema: ykt.v_card.',
      },
      query: {
        type: 'string',
        pattern: '^\\s*(?:[Ss][Ee][Ll][Ee][Cc][Tt]|[Ww][Ii][Tt][Hh])\\s[^;]*$',
        maxLength: 20_000,
        description: 'A SELECT in its place, without ORDER BY and without a semicolon.',
      },
      key: {
        type: 'array',
        minItems: 1,
        maxItems: 8,
        items: { type: 'string', minLength: 1 },
        description:
          'Columns that together name a row, with an index in this order. Absent: the column of the natural id. Several are joined by "-" to be the id.',
      },
      cells: cellOptions,
      changes,
      ...own,
    },
  };
}
