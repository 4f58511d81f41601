import type { StreamSpec } from '../sdk.js';
import { classroomSwipeRowSchema } from './rows.js';

/** What the streams of all classroom connectors have in common. */
export const swipesStream = (
  rest: Pick<StreamSpec, 'listing' | 'feed' | 'delivery' | 'pollMsDefault'>,
): StreamSpec => ({
  name: 'swipes',
  title: { en: 'Swipes at classroom consoles', zh: '多媒体教室刷卡' },
  after: [],
  kind: 'event',
  maps: 'classroom-swipe',
  rowSchema: classroomSwipeRowSchema,
  ...rest,
});
