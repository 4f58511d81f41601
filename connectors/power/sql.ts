import { columnMaker, columnProperties, pick, type Fields } from '../sdk-columns.js';
import { sqlConnector } from '../sql/connector.js';
import { roomPath } from './rows.js';
import { powerStreams } from './spec.js';

/** Ids from the outermost level to the room; a vendor without a level has no such column. */
const LEVELS = ['areaId', 'districtId', 'buildingId', 'floorId', 'roomId'] as const;
const TEXTS = [
  ...(['vendor', 'area', 'district', 'building', 'floor', 'room', 'sentence'] as const),
  ...(['sydl', 'syje', 'price', 'readTime'] as const),
];

function room(fields: Fields): { id: string | undefined; data: unknown } {
  const ids = LEVELS.flatMap((level) => fields[level]?.trim() ?? []);
  // Ids come first: without a column path that field is the joined key.
  const path = ids.length === 0 ? fields['path'] : roomPath(ids);
  return { id: path, data: { ...pick(fields, TEXTS), ...(path === undefined ? {} : { path }) } };
}

/** `power/sql`: a power vendor's table of rooms, or a view of it. */
export const powerSql = sqlConnector({
  system: 'power',
  title: { en: 'Dormitory power', zh: '宿舍电控' },
  streams: [
    {
      spec: powerStreams()[1],
      idField: 'path',
      description: 'Rooms: one row for each, with what is left.',
      options: columnProperties(
        [...TEXTS, ...LEVELS, 'path'],
        [],
        'Field of the room → column: sydl kWh left, syje yuan left, sentence the text that holds the number. vendor is needed as well, as a column or a constant. The room is named by path, or by the ids areaId … roomId.',
      ),
      // Made out of several columns, it cannot be looked up by one.
      plainId: ({ columns }) => columns['path'] !== undefined,
      maker: (options) => columnMaker(options, room, 'rooms.'),
    },
  ],
  quirks: [
    'Without a column path, name the ids’ columns as key too: rooms are paged by them.',
    'The code in the mapping table (power/room-map) is the ids joined by "/", from the outermost to the room.',
    'Orders and the health of a vendor are read by its protocol only: a table of orders does not say what became of an order in between.',
  ],
});
