import {
  columnMaker,
  columnProperties,
  countOf,
  flagOf,
  pick,
  present,
  type Fields,
} from '../sdk-columns.js';
import { sqlConnector, type SqlStreamKind } from '../sql/connector.js';
import type { LoanStep } from './rows.js';
import { loansStream, patronsStream } from './spec.js';

/** Words for the steps of a loan, as circulation tables have them; `steps` adds a library's own. */
const STEPS: Readonly<Record<string, LoanStep>> = {
  ...{ 借: 'out', 续: 'renewed', 还: 'in', J: 'out', X: 'renewed', H: 'in' },
  ...{ issue: 'out', renew: 'renewed', return: 'in' },
};
const TIME_OF = { out: 'checkout_date', renewed: 'last_renewed_date', in: 'checkin_date' } as const;

const PATRON_TEXTS = [
  'patron_id',
  'cardnumber',
  'userid',
  'category_id',
  'library_id',
  'updated_on',
] as const;
const PATRON_FIELDS = [
  ...PATRON_TEXTS,
  ...(['date_enrolled', 'expiry_date', 'patron_card_lost', 'restricted'] as const),
];
const LOAN_TEXTS = ['checkout_id', 'item_id', 'library_id', 'due_date'] as const;
const LOAN_FIELDS = [...LOAN_TEXTS, 'patron_id', 'id', 'step', 'at', 'renewals_count'];

function patron(fields: Fields) {
  const data = present({
    ...pick(fields, [...PATRON_TEXTS, 'date_enrolled', 'expiry_date']),
    // No such column: the library does not say that a card is lost.
    patron_card_lost: flagOf(fields['patron_card_lost'] ?? '0'),
    restricted: flagOf(fields['restricted']),
  });
  return { id: fields['patron_id'], data };
}

const loan =
  (own: Readonly<Record<string, LoanStep>>) =>
  (fields: Fields): { id: string | undefined; data: unknown } => {
    const word = fields['step']?.trim() ?? '';
    const step = Object.hasOwn(own, word) ? own[word] : Object.hasOwn(STEPS, word) ? STEPS[word] : undefined;
    const data = present({
      ...pick(fields, LOAN_TEXTS),
      patron_id: fields['patron_id'] ?? null,
      renewals_count: step === 'out' ? undefined : countOf(fields['renewals_count']),
      ...(step === undefined ? {} : { [TIME_OF[step]]: fields['at'] ?? null }),
      // An unknown word is refused by the row's schema.
      tells: [step ?? word],
    });
    return { id: fields['id'] ?? `${fields['checkout_id'] ?? ''}-${word}`, data };
  };

const rest = { listing: null, feed: false, delivery: '', pollMsDefault: 0 };

const patrons: SqlStreamKind = {
  spec: patronsStream(rest),
  idField: 'patron_id',
  description: 'Readers: one row for each.',
  options: columnProperties(PATRON_FIELDS, ['patron_id'], 'Field of the reader → column.'),
  maker: (options) => columnMaker(options, patron, 'patrons.'),
};

const loans: SqlStreamKind = {
  spec: loansStream(rest),
  idField: 'id',
  description: 'The circulation log: one row for each step of a loan.',
  options: {
    ...columnProperties(
      LOAN_FIELDS,
      ['checkout_id', 'item_id', 'step', 'at'],
      'Field of the step → column: step is its word, at its time, id its own number.',
    ),
    steps: {
      type: 'object',
      maxProperties: 32,
      additionalProperties: { enum: ['out', 'renewed', 'in'] },
      description:
        'The library’s words for steps → out, renewed, in; beside 借, 续, 还, J, X, H, issue, renew, return.',
    },
  },
  maker: (options) => {
    const { steps = {} } = options as { readonly steps?: Readonly<Record<string, LoanStep>> };
    return columnMaker(options, loan(steps), 'loans.');
  },
};

/** `library/sql`: a library system's tables or views. */
export const librarySql = sqlConnector({
  system: 'library',
  title: { en: 'Library', zh: '图书馆' },
  streams: [patrons, loans],
  quirks: [
    'Loans are read from the log of circulation, a row a step. A table with one row a loan, whose columns are filled in later, is not enough: what it told before cannot be known from it.',
    'Names, addresses and telephones are not read; name no such column.',
    'Readers may be in a view that joins the table of cards: cardnumber is the core’s card number.',
  ],
});
