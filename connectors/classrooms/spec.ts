import type { StreamSpec } from '../sdk.js';
import { classroomRowSchema, classroomSwipeRowSchema } from './rows.js';

type Rest = Pick<StreamSpec, 'listing' | 'feed' | 'delivery' | 'pollMsDefault'>;

/** What the streams of all classroom connectors have in common. */
export const roomsStream = (rest: Rest): StreamSpec => ({
  name: 'rooms',
  title: { en: 'Rooms and their timetable', zh: '多媒体教室及课表' },
  after: [],
  kind: 'state',
  maps: 'classroom',
  rowSchema: classroomRowSchema,
  ...rest,
});

export const swipesStream = (rest: Rest): StreamSpec => ({
  name: 'swipes',
  title: { en: 'Swipes at classroom consoles', zh: '多媒体教室刷卡' },
  after: [],
  kind: 'event',
  maps: 'classroom-swipe',
  rowSchema: classroomSwipeRowSchema,
  ...rest,
});
