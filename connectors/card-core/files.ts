import type { Connector, ConnectorContext, ConnectorFactory, ConnectorSpec } from '../sdk.js';
import { ConnectorError } from '../sdk.js';
import { checkFiles, fileListing } from '../sdk-file-streams.js';
import {
  fileProfileProperties,
  openRows,
  withFileDefaults,
  type FileProfile,
  type Header,
  type RowMaker,
} from '../sdk-files.js';
import type { CardRow } from './rows.js';
import { cardFields, cardRowSchema, type CardField } from './spec.js';

export interface CardFilesOptions extends Partial<FileProfile> {
  readonly columns: Readonly<Partial<Record<CardField, string>>>;
  readonly constants?: Readonly<Partial<Record<CardField, string>>>;
  readonly credentials?: readonly {
    readonly column: string;
    readonly profile?: string;
    readonly scheme?: string;
  }[];
}

/** Specification of `card-core/files`. */
export const cardFilesSpec: ConnectorSpec = {
  kind: 'card-core/files',
  title: { en: 'Card core: export files', zh: '一卡通核心：导出文件' },
  summary:
    'Reads the newest whole export in a folder as a listing of all cards. Each export must hold every card; a file with changes only is not a listing.',
  options: {
    type: 'object',
    required: ['folder', 'columns'],
    additionalProperties: false,
    properties: {
      ...fileProfileProperties,
      columns: {
        type: 'object',
        required: ['cardno'],
        additionalProperties: false,
        minProperties: 1,
        description: 'Field of the card row → name of the column. `cardno` is the natural id of the card.',
        properties: Object.fromEntries(cardFields.map((field) => [field, { type: 'string', minLength: 1 }])),
      },
      constants: {
        type: 'object',
        additionalProperties: false,
        description: 'Field of the card row → value for every row, where there is no such column.',
        properties: Object.fromEntries(cardFields.map((field) => [field, { type: 'string' }])),
      },
      credentials: {
        type: 'array',
        maxItems: 8,
        default: [],
        description:
          'Columns that hold what a reader sends for the card, each with its reader profile or scheme.',
        items: {
          type: 'object',
          required: ['column'],
          additionalProperties: false,
          properties: {
            column: { type: 'string', minLength: 1, description: 'Name of the column.' },
            profile: { type: 'string', minLength: 1, description: 'Reader profile, e.g. wg26-3-5.' },
            scheme: {
              type: 'string',
              minLength: 1,
              description: 'Credential scheme; the value is canonical then.',
            },
          },
          oneOf: [{ required: ['profile'] }, { required: ['scheme'] }],
        },
      },
    },
  },
  streams: [
    {
      name: 'cards',
      title: { en: 'Cards', zh: '校园卡' },
      after: [],
      kind: 'state',
      maps: 'card',
      rowSchema: cardRowSchema,
      listing: { absence: 'second-listing' },
      feed: false,
      delivery:
        'Each row of the newest whole file, at least once; changes between two exports are seen as their sum. A card is absent when two different complete exports in a row lack it; an export with a damaged line proves no absence.',
      pollMsDefault: 10_000,
    },
  ],
  quirks: [
    'Older files than the newest one are never read: a listing says what is, not what happened.',
    'The data is as old as the file: its time of change is taken as the time of the data.',
    'A last line without a line end is a torn line when columns are missing or nothing follows its last delimiter, and a row otherwise. A line cut inside its last field cannot be told from a whole one: say lastLine: ended where the upstream ends every line, or let it drop a marker (complete: marker). A torn line waits in quarantine until a whole file is read; where the file was whole, a replay publishes it.',
    'A file whose encoding does not fit the profile is refused as a whole; single bad lines are quarantined.',
    'A file that changes while it is read is read again from its start.',
  ],
};

/** Card rows out of named columns, of a file or of a table. */
export function cardMaker(
  options: Pick<CardFilesOptions, 'columns' | 'constants' | 'credentials'>,
): RowMaker {
  return (header: Header) => {
    const columns = Object.entries(options.columns).map(
      ([field, name]) => [field, header.column(name, `columns.${field}`)] as const,
    );
    const credentials = (options.credentials ?? []).map(({ column, ...kind }, i) => ({
      at: header.column(column, `credentials[${i}].column`),
      kind,
    }));
    const constants = Object.entries(options.constants ?? {});
    return (fields) => {
      const data: Record<string, unknown> = {};
      for (const [field, value] of constants) data[field] = value;
      for (const [field, at] of columns) if (fields[at] !== '') data[field] = fields[at];
      if (credentials.length > 0) {
        data['credentials'] = credentials
          .filter(({ at }) => fields[at]?.trim() !== '')
          .map(({ at, kind }) => ({ ...kind, value: fields[at] }));
      }
      return { id: (data as unknown as CardRow).cardno, data };
    };
  };
}

/** `card-core/files` */
export const cardFiles: ConnectorFactory = {
  spec: cardFilesSpec,
  open(given: Record<string, unknown>, context: ConnectorContext): Connector {
    const options = given as unknown as CardFilesOptions;
    const reader = openRows(withFileDefaults(options), cardMaker(options), context);
    const spec = cardFilesSpec.streams[0];
    if (spec === undefined) throw new Error('card-core/files declares a stream');
    const cards = fileListing(spec, reader, context);
    return {
      spec: cardFilesSpec,
      check: (signal) => checkFiles('cards', reader, cards, signal),
      stream(name) {
        if (name === 'cards') return cards;
        throw new ConnectorError('CONFIG', `card-core/files has no stream "${name}"; it has: cards`, 'never');
      },
      close: async () => undefined,
    };
  },
};
