import { sqlConnector } from '../sql/connector.js';
import type { SqlStreamOptions } from '../sql/options.js';
import { cardFilesSpec, cardMaker } from './files.js';
import { cardRowSchema } from './spec.js';

const { columns, constants, credentials } = cardFilesSpec.options['properties'] as Readonly<
  Record<string, object>
>;

/** `card-core/sql`: the same columns as `card-core/files`. */
export const cardSql = sqlConnector({
  system: 'card-core',
  title: { en: 'Card core', zh: '一卡通核心' },
  streams: [
    {
      spec: {
        name: 'cards',
        title: { en: 'Cards', zh: '校园卡' },
        after: [],
        kind: 'state',
        maps: 'card',
        rowSchema: cardRowSchema,
      },
      idField: 'cardno',
      description: 'Cards: one row for each card.',
      options: { columns, constants, credentials },
      maker: (options: SqlStreamOptions) => cardMaker(options),
    },
  ],
});
