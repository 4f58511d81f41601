import { columnMaker, columnProperties, pick, present, type Fields } from '../sdk-columns.js';
import { sqlConnector } from '../sql/connector.js';
import { roomsStream, swipesStream } from './spec.js';

const TEXTS = [
  ...(['id', 'roomId', 'roomName', 'consoleId', 'index', 'action', 'reason', 'occurredAt'] as const),
  'uploadedAt',
];
const NESTED = ['credential', 'credentialProfile', 'lessonId', 'lessonFrom', 'lessonUntil'];

function swipe(fields: Fields): { id: string | undefined; data: unknown } {
  const { id, consoleId, index, credential, credentialProfile, lessonId } = fields;
  const data = present({
    ...pick(fields, TEXTS),
    credential:
      credential === undefined ? undefined : present({ value: credential, profile: credentialProfile }),
    lesson:
      lessonId === undefined
        ? undefined
        : present({ id: lessonId, from: fields['lessonFrom'], until: fields['lessonUntil'] }),
  });
  const numbered = consoleId !== undefined && index !== undefined ? `${consoleId}-${index}` : undefined;
  return { id: id ?? numbered, data };
}

const ROOM_TEXTS = ['roomId', 'roomName'] as const;

/** A lesson is not a column: the view aggregates them, and each database has a function for that. */
function room(fields: Fields): { id: string | undefined; data: unknown } {
  return {
    id: fields['roomId'],
    data: { ...pick(fields, ROOM_TEXTS), lessons: lessonsOf(fields['lessons']) },
  };
}

/** NULL is what aggregating no lesson gives. A text that is no JSON stays one, and the row's schema refuses it. */
function lessonsOf(text: string | undefined): unknown {
  if (text === undefined) return [];
  try {
    return (JSON.parse(text) as unknown) ?? [];
  } catch {
    return text;
  }
}

const rest = { listing: null, feed: false, delivery: '', pollMsDefault: 0 };

/** `classrooms/sql`: a console system's tables or views. */
export const classroomsSql = sqlConnector({
  system: 'classrooms',
  title: { en: 'Multimedia classrooms', zh: '多媒体教室中控' },
  streams: [
    {
      spec: swipesStream(rest),
      idField: 'id',
      description: 'Swipes at consoles: one row for each.',
      options: columnProperties(
        [...TEXTS, ...NESTED],
        ['roomId', 'action', 'occurredAt'],
        'Field of the swipe → column. Without a column id the key’s columns name the swipe.',
      ),
      maker: (options) => columnMaker(options, swipe, 'swipes.'),
    },
    {
      spec: roomsStream(rest),
      idField: 'roomId',
      description: 'Rooms: one row for each, with its lessons of today and the coming days.',
      options: columnProperties(
        [...ROOM_TEXTS, 'lessons'],
        ['roomId', 'lessons'],
        'Field of the room → column. lessons is a JSON array of {"id", "from", "until", "teacher"}; NULL: none.',
      ),
      maker: (options) => columnMaker(options, room, 'rooms.'),
    },
  ],
  quirks: [
    'The timetable is a table of its own nearly everywhere: let a view or query aggregate a room’s lessons (json_agg, JSON_ARRAYAGG, FOR JSON PATH), times with their offset, teacher the school number. All changes of a room’s timetable are then one row that differs.',
  ],
});
