import {
  ConnectorError,
  type Cursor,
  type Page,
  type SourceRow,
  type Stream,
  type StreamSpec,
} from '../sdk.js';
import { isObject } from '../sdk-json.js';
import { assertAscending, lazyRow, reparseJson } from '../sdk-pages.js';
import type { BankClient, Fields } from './client.js';
import { bankError } from './errors.js';
import { fieldsOf, textOf, type Values } from './message.js';
import { AGREEMENT, type BankProfile } from './profiles.js';
import type { AgreementRow } from './rows.js';

/** The bank's agreements by school number, in keyset pages. Queries go on in the service window: they move no money. */
export function agreementsStream(
  spec: StreamSpec,
  client: BankClient,
  profile: BankProfile,
  pageRows: number,
): Stream {
  const page = async (after: string, rows: number, signal: AbortSignal): Promise<Fields> =>
    client.call('QuerySigning', { ...(after === '' ? {} : { after }), rows: String(rows) }, signal);
  return {
    spec,
    reparse: reparseJson,
    feedStart: async () => null,
    changes: async () => {
      throw new ConnectorError('CONFIG', `stream ${spec.name} has no feed`, 'never');
    },
    async snapshotPage(cursor, signal) {
      const { after, read } = cursorOf(cursor);
      return pageOf(await page(after, pageRows, signal), after, read, profile);
    },
    async lookup(ids, signal) {
      const found = new Set<string>();
      for (const id of ids) {
        const answer = await client.call('QuerySigning', { customer: id }, signal);
        if (recordsOf(answer).length > 0) found.add(id);
      }
      return found;
    },
    async count(signal) {
      const { total } = await page('', 1, signal);
      if (!/^\d{1,9}$/.test(textOf(total))) throw bankError('FIELDS', 'QuerySigning: no total', 'later');
      return Number(total);
    },
  };
}

function cursorOf(cursor: Cursor): { after: string; read: number } {
  if (!isObject(cursor)) return { after: '', read: 0 };
  return { after: textOf(cursor['after'] as string), read: Number(cursor['read']) };
}

function pageOf(answer: Fields, after: string, before: number, profile: BankProfile): Page {
  const rows = recordsOf(answer).map((values) => agreementRow(values, profile));
  const ids = rows.map(({ customerNo }) => customerNo);
  assertAscending(ids, after, 'QuerySigning');
  const more = answer.more === 'true' || answer.more === '1';
  const read = before + rows.length;
  const total = /^\d{1,9}$/.test(textOf(answer.total)) ? Number(answer.total) : undefined;
  if (more && rows.length === 0)
    throw bankError('FIELDS', 'QuerySigning: an empty page that is not the last', 'now');
  return {
    rows: rows.map((row) => sourceRow(row)),
    next: { after: ids.at(-1) ?? after, read },
    state: more ? 'more' : 'end',
    asOf: bankTime(answer),
    ...(total === undefined ? {} : { total }),
    ...(more ? {} : { absenceUsable: read > 0 && (total === undefined || read >= total) }),
  };
}

export function sourceRow(row: AgreementRow, at = row.customerNo): SourceRow {
  return lazyRow(row.customerNo, at, row);
}

/** The bank's time of an answer or a notice; a compact one is Shanghai's. */
export function bankTime(fields: Fields): number {
  const text = textOf(fields.time);
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(text);
  const iso =
    match === null ? text : `${match[1]}-${match[2]}-${match[3]}T${match[4]}:${match[5]}:${match[6]}+08:00`;
  const at = /(Z|[+-]\d\d:\d\d)$/.test(iso) ? Date.parse(iso) : NaN;
  if (Number.isNaN(at))
    throw bankError('FIELDS', 'the bank’s time is of no form that was agreed on', 'later');
  return at;
}

const recordsOf = ({ agreement }: Fields): readonly Values[] => {
  if (agreement === undefined) return [];
  if (Array.isArray(agreement)) return agreement as readonly Values[];
  return typeof agreement === 'object' ? [agreement as Values] : [];
};

/** What is taken of an agreement; of the account number its last four digits. */
export function agreementRow(
  values: Values,
  profile: BankProfile,
  notice?: AgreementRow['notice'],
): AgreementRow {
  const fields = fieldsOf(values, AGREEMENT, profile);
  const text = (name: keyof Fields): string | undefined => {
    const value = fields[name];
    return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
  };
  const state = text('state') ?? '';
  const [account, limit, frequency, signedOn] = [
    text('account'),
    text('limit'),
    text('frequency'),
    text('signedOn'),
  ];
  return {
    customerNo: text('customer') ?? '',
    state: profile.states[state] ?? state,
    ...(account === undefined ? {} : { accountTail: account.slice(-4) }),
    ...(limit === undefined ? {} : { limit }),
    limitUnit: profile.moneyUnit,
    ...(frequency === undefined ? {} : { frequency }),
    ...(signedOn === undefined ? {} : { signedOn }),
    changedAt: text('changedAt') ?? '',
    reference: text('changeReference') ?? '',
    ...(notice === undefined ? {} : { notice }),
  };
}
