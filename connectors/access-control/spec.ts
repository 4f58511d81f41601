import type { StreamSpec } from '../sdk.js';
import { doorRowSchema, grantRowSchema, swipeRowSchema } from './rows.js';

type Rest = Pick<StreamSpec, 'listing' | 'feed' | 'delivery' | 'pollMsDefault'>;

/** What the streams of both access-control connectors have in common. */
export const doorsStream = (rest: Rest): StreamSpec => ({
  name: 'doors',
  title: { en: 'Doors', zh: '门' },
  after: [],
  kind: 'state',
  maps: 'door',
  rowSchema: doorRowSchema,
  ...rest,
});

export const grantsStream = (rest: Rest): StreamSpec => ({
  name: 'grants',
  title: { en: 'Grants and group memberships', zh: '门禁授权' },
  after: ['doors'],
  kind: 'state',
  maps: 'grant',
  rowSchema: grantRowSchema,
  ...rest,
});

export const swipesStream = (rest: Rest): StreamSpec => ({
  name: 'swipes',
  title: { en: 'Door events', zh: '刷卡流水' },
  after: ['doors'],
  kind: 'event',
  maps: 'swipe',
  rowSchema: swipeRowSchema,
  ...rest,
});
