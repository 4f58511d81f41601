import { sqlConnector, type SqlStreamKind } from '../sql/connector.js';
import type { SqlStreamOptions } from '../sql/options.js';
import { cardFilesSpec, cardMaker } from './files.js';
import { moneyColumns, moneyMaker, type MoneyStream } from './money-columns.js';
import { accountsStream, cardRowSchema, devicesStream, topUpsStream, transactionsStream } from './spec.js';

const { columns, constants, credentials } = cardFilesSpec.options['properties'] as Readonly<
  Record<string, object>
>;

const rest = { listing: null, feed: false, delivery: '', pollMsDefault: 0 };

const money = (
  spec: SqlStreamKind['spec'] & { readonly name: string },
  description: string,
): SqlStreamKind => {
  const name = spec.name as MoneyStream;
  const { idField, properties } = moneyColumns[name];
  return {
    spec,
    idField,
    description,
    options: properties,
    maker: (options: SqlStreamOptions) => moneyMaker(name, options),
  };
};

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
      // One stream owns a key: the accounts of the cards' rows give way to those of their own.
      maps: (options) => (options['accounts'] === undefined ? 'card' : 'card-alone'),
      idField: 'cardno',
      description: 'Cards: one row for each card.',
      options: { columns, constants, credentials },
      maker: (options: SqlStreamOptions) => cardMaker(options),
    },
    money(accountsStream(rest), 'Accounts: one row for each.'),
    money(transactionsStream(rest), 'Transactions: one row for each.'),
    money(topUpsStream(rest), 'Top-ups: one row for each step.'),
    money(devicesStream(rest), 'Devices: one row for each.'),
  ],
  quirks: [
    'Where accounts are read from a table of their own, a card’s row says nothing of its account any more: the stream cards is mapped as card-alone.',
  ],
});
