import type { StreamSpec } from '../sdk.js';
import { loanRowSchema, patronRowSchema } from './rows.js';

type Rest = Pick<StreamSpec, 'listing' | 'feed' | 'delivery' | 'pollMsDefault'>;

/** What the streams of both library connectors have in common. */
export const patronsStream = (rest: Rest): StreamSpec => ({
  name: 'patrons',
  title: { en: 'Readers', zh: '读者' },
  after: [],
  kind: 'state',
  maps: 'patron',
  rowSchema: patronRowSchema,
  ...rest,
});

export const loansStream = (rest: Rest): StreamSpec => ({
  name: 'loans',
  title: { en: 'Loans: checked out, renewed, returned', zh: '借还：借出、续借、归还' },
  after: [],
  kind: 'event',
  maps: 'loan',
  rowSchema: loanRowSchema,
  ...rest,
});
