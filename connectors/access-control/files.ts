import {
  ConnectorError,
  type Connector,
  type ConnectorContext,
  type ConnectorFactory,
  type ConnectorSpec,
  type JsonSchema,
  type StreamSpec,
} from '../sdk.js';
import { distinctListing, fileFeed, fileListing, fileConnector, type FilePart } from '../sdk-file-streams.js';
import { fileProfileProperties, openRows, withFileDefaults, type FileProfile } from '../sdk-files.js';
import {
  doorColumns,
  doorMaker,
  grantColumns,
  grantMaker,
  proposedGrantColumns,
  swipeColumns,
  swipeMaker,
  type DoorColumn,
  type GrantColumn,
  type MakerOptions,
  type SwipeColumn,
} from './file-rows.js';
import { doorsStream, grantsStream, swipesStream } from './spec.js';

type Profile<Column extends string> = Partial<FileProfile> & Partial<MakerOptions<Column>>;

export interface AccessFilesOptions {
  readonly doors?: Profile<DoorColumn> & { readonly distinct?: boolean };
  readonly grants?: Profile<GrantColumn>;
  readonly swipes?: Profile<SwipeColumn> & { readonly key?: readonly string[] };
}

const texts = (names: readonly string[], minLength: number): JsonSchema =>
  Object.fromEntries(names.map((name) => [name, { type: 'string', minLength }]));

const columnsOf = (
  names: readonly string[],
  required: readonly string[],
  description: string,
): JsonSchema => ({
  type: 'object',
  additionalProperties: false,
  required,
  description,
  properties: texts(names, 1),
});

const constantsOf = (names: readonly string[]): JsonSchema => ({
  type: 'object',
  additionalProperties: false,
  description: 'Value of a field where the file has no such column, or the cell is empty.',
  properties: texts(names, 0),
});

const address: JsonSchema = {
  type: 'object',
  required: ['pattern'],
  additionalProperties: false,
  description: 'How one text names both the door and the direction.',
  properties: {
    pattern: {
      type: 'string',
      minLength: 1,
      maxLength: 256,
      description:
        'Regular expression with the named groups door and direction; a text that does not match is the door.',
    },
    directions: {
      type: 'object',
      maxProperties: 16,
      description: 'The direction’s word → enter or exit.',
      additionalProperties: { enum: ['enter', 'exit'] },
    },
  },
};

const profileOf = (description: string, required: readonly string[], properties: JsonSchema): JsonSchema => ({
  type: 'object',
  required,
  additionalProperties: false,
  description,
  properties: { ...fileProfileProperties, ...properties },
});

const streams: readonly [StreamSpec, StreamSpec, StreamSpec] = [
  doorsStream({
    listing: { absence: 'second-listing' },
    feed: false,
    delivery:
      'Each row of the newest whole file. With `distinct`, each door once, and absence means nothing.',
    pollMsDefault: 10_000,
  }),
  grantsStream({
    listing: { absence: 'second-listing' },
    feed: false,
    delivery:
      'Each row of the newest whole file. A grant is gone when two different complete files in a row lack it.',
    pollMsDefault: 10_000,
  }),
  swipesStream({
    listing: null,
    feed: true,
    delivery:
      'Each row of each whole file, files in order of name, at least once. The same content under another name is not read again; a file that has changed is read again from its start, and its events are recognised by their id.',
    pollMsDefault: 5_000,
  }),
];

/** Specification of `access-control/files`. */
export const accessFilesSpec: ConnectorSpec = {
  kind: 'access-control/files',
  title: { en: 'Access control: export files', zh: '门禁系统：导出文件' },
  summary:
    'Doors and grants are listings (the newest whole file of each), swipes are a feed over all files. Only the streams that have options exist. The file that `cardhub grants propose` writes is read with the default columns of `grants`.',
  options: {
    type: 'object',
    additionalProperties: false,
    minProperties: 1,
    properties: {
      doors: profileOf('Doors.', ['folder', 'columns'], {
        columns: columnsOf(
          doorColumns,
          ['id'],
          'Field of the door → column. Several groups are parted by ";".',
        ),
        constants: constantsOf(doorColumns),
        address,
        distinct: {
          type: 'boolean',
          default: false,
          description: 'The file names a door many times (a list of swipes): each door is taken once.',
        },
      }),
      grants: profileOf(
        'Grants and memberships. schedule is written as "1-5 08:00-22:00; 6,7 09:00-18:00" (1 is Monday; empty: always).',
        ['folder'],
        {
          columns: {
            ...columnsOf(grantColumns, ['id', 'subject', 'resource'], 'Field of the grant → column.'),
            default: proposedGrantColumns,
          },
          constants: constantsOf(grantColumns),
        },
      ),
      swipes: profileOf('Door events.', ['folder', 'columns'], {
        key: {
          type: 'array',
          maxItems: 8,
          items: { type: 'string', minLength: 1 },
          default: [],
          description:
            'Columns that together name an event. Without them and without columns.id, the row’s content and its ordinal among equal rows of the file name it.',
        },
        columns: columnsOf(
          swipeColumns,
          ['door', 'credential', 'occurredAt'],
          'Field of the event → column.',
        ),
        constants: constantsOf(swipeColumns),
        address,
      }),
    },
  },
  configured: (options) => streams.map(({ name }) => name).filter((name) => options[name] !== undefined),
  streams,
  quirks: [
    'Dates are passed on as they are written; the mapping option for time formats reads them.',
    'A swipe’s door is the address with its direction taken off, where the address pattern matches.',
    'Columns that no option names are ignored, so that evidence may stand beside a proposed grant.',
    'A list without key columns recognises an event by its content: two equal rows in one file are two events, the same row in two files is one.',
    'At most 1,000 files that were read may stay in the folder of swipes; move older ones away.',
  ],
};

/** `access-control/files` */
export const accessFiles: ConnectorFactory = {
  spec: accessFilesSpec,
  open(given: Record<string, unknown>, context: ConnectorContext): Connector {
    return fileConnector(accessFilesSpec, openParts(given, context));
  },
};

function openParts(options: AccessFilesOptions, context: ConnectorContext): ReadonlyMap<string, FilePart> {
  const parts = new Map<string, FilePart>();
  const { doors, grants, swipes } = options;
  if (doors !== undefined) {
    const reader = openRows(withFileDefaults(doors, 'doors.'), doorMaker(makerOptions(doors)), context);
    const stream = doors.distinct
      ? distinctListing(streams[0], reader)
      : fileListing(streams[0], reader, context);
    parts.set('doors', { reader, stream });
  }
  if (grants !== undefined) {
    const reader = openRows(
      withFileDefaults(grants, 'grants.'),
      grantMaker(makerOptions({ columns: proposedGrantColumns, ...grants })),
      context,
    );
    parts.set('grants', { reader, stream: fileListing(streams[1], reader, context) });
  }
  if (swipes !== undefined) {
    const key = swipes.key ?? [];
    const keyless = key.length === 0 && swipes.columns?.id === undefined;
    const reader = openRows(
      withFileDefaults(swipes, 'swipes.'),
      swipeMaker(makerOptions(swipes), key),
      context,
      keyless,
    );
    parts.set('swipes', { reader, stream: fileFeed(streams[2], reader, context) });
  }
  return parts;
}

function makerOptions<Column extends string>(profile: Profile<Column>): MakerOptions<Column> {
  const { columns, constants, address } = profile;
  if (columns === undefined) throw new ConnectorError('CONFIG', 'option "columns" is missing', 'never');
  return { columns, constants, address };
}
