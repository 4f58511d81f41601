import { columnMaker, columnProperties, pick, present, type Fields } from '../sdk-columns.js';
import { sqlConnector } from '../sql/connector.js';
import { swipesStream } from './spec.js';

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
  ],
});
