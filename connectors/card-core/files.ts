import type {
  Connector,
  ConnectorContext,
  ConnectorFactory,
  ConnectorSpec,
  JsonSchema,
  StreamSpec,
} from '../sdk.js';
import { fileFeed, fileListing, fileConnector, type FilePart } from '../sdk-file-streams.js';
import {
  fileProfileProperties,
  openRows,
  withFileDefaults,
  type FileProfile,
  type Header,
  type RowMaker,
} from '../sdk-files.js';
import type { ColumnOptions } from '../sdk-columns.js';
import { MONEY_STREAMS, moneyColumns, moneyMaker, type MoneyStream } from './money-columns.js';
import type { CardRow } from './rows.js';
import {
  accountsStream,
  cardFields,
  cardRowSchema,
  devicesStream,
  topUpsStream,
  transactionsStream,
  type CardField,
} from './spec.js';

type MoneyProfile = Partial<FileProfile> & ColumnOptions;

export interface CardFilesOptions
  extends Partial<FileProfile>, Readonly<Partial<Record<MoneyStream, MoneyProfile>>> {
  readonly columns: Readonly<Partial<Record<CardField, string>>>;
  readonly constants?: Readonly<Partial<Record<CardField, string>>>;
  readonly credentials?: readonly {
    readonly column: string;
    readonly profile?: string;
    readonly scheme?: string;
  }[];
}

const money = (stream: MoneyStream, description: string): JsonSchema => ({
  type: 'object',
  required: ['folder', 'columns'],
  additionalProperties: false,
  description,
  properties: { ...fileProfileProperties, ...moneyColumns[stream].properties },
});

const listed = {
  listing: { absence: 'second-listing' },
  feed: false,
  delivery:
    'Each row of the newest whole file, at least once; changes between two exports are seen as their sum. One is absent when two different complete exports in a row lack it.',
  pollMsDefault: 10_000,
} as const;
const fed = {
  listing: null,
  feed: true,
  delivery:
    'Each row of each whole file, files in order of name, at least once. The same content under another name is not read again; a file that has changed is read again from its start, and its events are recognised by their id.',
  pollMsDefault: 10_000,
} as const;

const hasCards = ({ folder, columns }: Readonly<Record<string, unknown>>): boolean =>
  folder !== undefined || columns !== undefined;

/** Specification of `card-core/files`. */
export const cardFilesSpec: ConnectorSpec = {
  kind: 'card-core/files',
  title: { en: 'Card core: export files', zh: '一卡通核心：导出文件' },
  summary:
    'Reads the newest whole export in a folder as a listing of all cards; each export must hold every card, a file with changes only is not a listing. Accounts and devices are listings of their own, transactions and top-ups feeds over all files. Only the streams that have options exist.',
  options: {
    type: 'object',
    additionalProperties: false,
    anyOf: [{ required: ['folder', 'columns'] }, ...MONEY_STREAMS.map((stream) => ({ required: [stream] }))],
    dependentRequired: { folder: ['columns'], columns: ['folder'] },
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
      accounts: money('accounts', 'Accounts: balances and the spending of the day.'),
      transactions: money('transactions', 'Transactions.'),
      'top-ups': money('top-ups', 'Top-ups, one line a step.'),
      devices: money('devices', 'Devices of the card system.'),
    },
  },
  configured: (options) => [
    ...(hasCards(options) ? ['cards'] : []),
    ...MONEY_STREAMS.filter((stream) => options[stream] !== undefined),
  ],
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
    accountsStream(listed),
    transactionsStream(fed),
    topUpsStream(fed),
    devicesStream(listed),
  ],
  quirks: [
    'Older files than the newest one are never read: a listing says what is, not what happened.',
    'The data is as old as the file: its time of change is taken as the time of the data.',
    'A last line without a line end is a torn line when columns are missing or nothing follows its last delimiter, and a row otherwise. A line cut inside its last field cannot be told from a whole one: say lastLine: ended where the upstream ends every line, or let it drop a marker (complete: marker). A torn line waits in quarantine until a whole file is read; where the file was whole, a replay publishes it.',
    'A file whose encoding does not fit the profile is refused as a whole; single bad lines are quarantined.',
    'A file that changes while it is read is read again from its start.',
    'Where accounts are read from files of their own, a card’s row says nothing of its account any more: the stream cards is mapped as card-alone.',
    'A transaction needs the number that its device or its booking gave it; without one it is refused, since two equal purchases could not be told apart.',
    'What is in a column is passed on as it is written: amounts by the mapping’s moneyUnit, codes by its tables.',
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
    return fileConnector(cardFilesSpec, openParts(given as unknown as CardFilesOptions, context));
  },
};

function openParts(options: CardFilesOptions, context: ConnectorContext): ReadonlyMap<string, FilePart> {
  const parts = new Map<string, FilePart>();
  const specOf = (name: string): StreamSpec => {
    const spec = cardFilesSpec.streams.find((one) => one.name === name);
    if (spec === undefined) throw new Error(`card-core/files declares no stream ${name}`);
    return spec;
  };
  if (hasCards({ ...options })) {
    const spec = specOf('cards');
    const reader = openRows(withFileDefaults(options), cardMaker(options), context);
    // One stream owns a key: the accounts of the cards' rows give way to those of their own.
    const own = options.accounts === undefined ? spec : { ...spec, maps: 'card-alone' };
    parts.set('cards', { reader, stream: fileListing(own, reader, context) });
  }
  for (const name of MONEY_STREAMS) {
    const profile = options[name];
    if (profile === undefined) continue;
    const spec = specOf(name);
    const reader = openRows(withFileDefaults(profile, `${name}.`), moneyMaker(name, profile), context);
    const stream = spec.feed ? fileFeed(spec, reader, context) : fileListing(spec, reader, context);
    parts.set(name, { reader, stream });
  }
  return parts;
}
