import {
  type Connector,
  type ConnectorContext,
  type ConnectorFactory,
  type ConnectorSpec,
  streamsOf,
} from '../sdk.js';
import { checkFiles, fileListing } from '../sdk-file-streams.js';
import {
  fileProfileProperties,
  openRows,
  withFileDefaults,
  type FileProfile,
  type RowMaker,
} from '../sdk-files.js';
import { roomXrefRowSchema, xrefId, type RoomXrefRow } from './rows.js';

/** Field of a line → column of the file, as the template has it. */
export const ROOM_MAP_COLUMNS: Readonly<Record<keyof RoomXrefRow, string>> = {
  codeSystem: 'code_system',
  vendorRoom: 'vendor_room',
  roomId: 'room_id',
  campus: 'campus',
  building: 'building',
  name: 'name',
  validFrom: 'valid_from',
  validUntil: 'valid_until',
};
type Field = keyof RoomXrefRow;
const fields = Object.keys(ROOM_MAP_COLUMNS) as readonly Field[];
const required: readonly Field[] = ['codeSystem', 'vendorRoom', 'roomId'];

export interface RoomMapOptions extends Partial<FileProfile> {
  readonly columns?: Readonly<Partial<Record<Field, string>>>;
}

/** Specification of `power/room-map`. */
export const roomMapSpec: ConnectorSpec = {
  kind: 'power/room-map',
  title: { en: 'Room codes: mapping table', zh: '房间编码对照表' },
  summary:
    'Reads the table that says which room of the dormitory system a power vendor’s room is, and from when until when. The newest whole file in the folder is the table. `cardhub rooms import` puts a file there, `cardhub rooms report` tells what it leaves open.',
  options: {
    type: 'object',
    required: ['folder'],
    additionalProperties: false,
    properties: {
      ...fileProfileProperties,
      columns: {
        type: 'object',
        additionalProperties: false,
        required,
        default: ROOM_MAP_COLUMNS,
        description: 'Field of a line → column. Columns of the template are the default.',
        properties: Object.fromEntries(fields.map((field) => [field, { type: 'string', minLength: 1 }])),
      },
    },
  },
  streams: [
    {
      name: 'rooms',
      title: { en: 'Lines of the mapping table', zh: '房间对照' },
      after: [],
      kind: 'state',
      maps: 'room-xref',
      rowSchema: roomXrefRowSchema,
      listing: { absence: 'second-listing' },
      feed: false,
      delivery:
        'Each line of the newest whole file. A line is gone when two different complete files in a row lack it.',
      pollMsDefault: 10_000,
    },
  ],
  quirks: [
    'Both days of a line count: valid_from and valid_until are the first and the last day.',
    'The streams of a power vendor that use the table must say after: [rooms/rooms] in hub.yaml.',
    'A room that gets a new code needs two lines: the old code with its last day, the new one with its first.',
    'Two rooms for one code on one day are no choice: rows with that code are refused until the table is right.',
  ],
};

/** Rows out of a table's columns; columns that the file may lack are looked for only where they are there. */
export function roomMaker(columns: Readonly<Partial<Record<Field, string>>>): RowMaker {
  return (header) => {
    const wanted = fields.flatMap((field) => {
      const name = columns[field];
      if (name === undefined || (!required.includes(field) && !header.columns.includes(name))) return [];
      return [[field, header.column(name, `columns.${field}`)] as const];
    });
    return (cells) => {
      const data: Partial<Record<Field, string>> = {};
      for (const [field, at] of wanted) {
        const text = cells[at]?.trim() ?? '';
        if (text !== '') data[field] = text;
      }
      const whole = required.every((field) => data[field] !== undefined);
      return { id: whole ? xrefId(data as RoomXrefRow) : undefined, data };
    };
  };
}

/** `power/room-map` */
export const roomMap: ConnectorFactory = {
  spec: roomMapSpec,
  open(given: Record<string, unknown>, context: ConnectorContext): Connector {
    const options = given as unknown as RoomMapOptions;
    const reader = openRows(
      withFileDefaults(options),
      roomMaker(options.columns ?? ROOM_MAP_COLUMNS),
      context,
    );
    const [spec] = roomMapSpec.streams;
    if (spec === undefined) throw new Error('power/room-map declares a stream');
    const listing = fileListing(spec, reader, context);
    return {
      spec: roomMapSpec,
      check: (signal) => checkFiles('rooms', reader, listing, signal),
      stream: streamsOf(roomMapSpec.kind, [listing]),
      close: async () => undefined,
    };
  },
};
