import type { StreamSpec } from '../sdk.js';
import { lockerEventRowSchema, lockerRowSchema } from './rows.js';

type Rest = Pick<StreamSpec, 'listing' | 'feed' | 'delivery' | 'pollMsDefault'>;

/** What the streams of all locker connectors have in common. */
export const lockersStream = (rest: Rest): StreamSpec => ({
  name: 'lockers',
  title: { en: 'Boxes', zh: '箱格' },
  after: [],
  kind: 'state',
  maps: 'locker',
  rowSchema: lockerRowSchema,
  ...rest,
});

export const usesStream = (rest: Rest): StreamSpec => ({
  name: 'uses',
  title: {
    en: 'Sessions: opened, closed, overdue, opened by staff',
    zh: '寄存会话：开柜、关柜、超时、人工开柜',
  },
  after: [],
  kind: 'event',
  maps: 'locker-use',
  rowSchema: lockerEventRowSchema,
  ...rest,
});
