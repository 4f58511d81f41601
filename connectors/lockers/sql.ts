import { columnMaker, columnProperties, countOf, pick, present, type Fields } from '../sdk-columns.js';
import { sqlConnector } from '../sql/connector.js';
import { lockersStream, usesStream } from './spec.js';

const BOX_TEXTS = [
  ...(['locker_id', 'box_no', 'kiosk_id', 'place', 'campus', 'size', 'state', 'session_id'] as const),
  'occupied_since',
];
const EVENT_TEXTS = [
  ...(['event_id', 'session_id', 'locker_id', 'type', 'card_id', 'staff_no', 'cause'] as const),
  ...(['occurred_at', 'uploaded_at'] as const),
];

const box = (fields: Fields) => ({
  id: fields['locker_id'],
  data: present({ ...pick(fields, BOX_TEXTS), version: countOf(fields['version']) }),
});
const event = (fields: Fields) => ({ id: fields['event_id'], data: pick(fields, EVENT_TEXTS) });

const rest = { listing: null, feed: false, delivery: '', pollMsDefault: 0 };

/** `lockers/sql`: a locker vendor's tables or views. */
export const lockersSql = sqlConnector({
  system: 'lockers',
  title: { en: 'Bag lockers', zh: '电子寄包柜' },
  streams: [
    {
      spec: lockersStream(rest),
      idField: 'locker_id',
      description: 'Boxes: one row for each.',
      options: columnProperties(
        [...BOX_TEXTS, 'version'],
        ['locker_id'],
        'Field of the box → column. state (free, occupied, out_of_order) is needed as well.',
      ),
      maker: (options) => columnMaker(options, box, 'lockers.'),
    },
    {
      spec: usesStream(rest),
      idField: 'event_id',
      description: 'Sessions: one row for each thing that happened.',
      options: columnProperties(
        EVENT_TEXTS,
        ['session_id', 'locker_id', 'type', 'occurred_at'],
        'Field of the event → column. Without a column event_id the key’s columns name the event.',
      ),
      maker: (options) => columnMaker(options, event, 'uses.'),
    },
  ],
  quirks: [
    'A card is ten decimal digits with leading zeros. A column of numbers has lost them: let the view write them again (lpad), or the row is refused.',
  ],
});
