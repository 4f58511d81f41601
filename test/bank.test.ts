import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadsOfDay } from '../campus/world/loads.js';
import type { FaultName } from '../campus/faults.js';
import { startCampus, type Campus } from '../campus/start.js';
import type { AgreementRow, ReconEntryRow, ReconFileRow } from '../connectors/bank/rows.js';
import { connectorContract, drain } from '../connectors/connector.contract.js';
import { connectors } from '../connectors/index.js';
import type { Connector, ConnectorError, ConnectorNote } from '../connectors/sdk.js';

/** The bank connector against the simulated banks, over sockets, with each of their faults. */

const never = new AbortController().signal;
/** 2026-09-10 10:00 in Shanghai. */
const MORNING = Date.UTC(2026, 8, 10, 2);
const quick = {
  attempts: 2,
  backoffMs: 5,
  backoffMaxMs: 10,
  headersMs: 700,
  totalMs: 3_000,
  perSecond: 1_000,
};
type Bank = 'wss' | 'concat';
const BANKS = ['wss', 'concat'] as const;

let dir: string;
let campus: Campus;
let notes: ConnectorNote[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cardhub-bank-'));
  campus = await startCampus({ dir, seed: 7, people: 120, life: false, clock: { now: MORNING, rate: 0 } });
});
afterAll(async () => {
  await campus.close();
  await rm(dir, { recursive: true });
});
beforeEach(() => {
  campus.faults.clear();
  campus.clock.set({ now: MORNING });
  notes = [];
});

function open(bank: Bank, more: Record<string, unknown> = {}, now = () => campus.clock.now()): Connector {
  const { credentials } = campus.bank;
  const url = campus.urls.bank;
  const options: Record<string, unknown> = {
    profile: bank === 'wss' ? 'wss-utf8' : 'concat-gb18030',
    url: `${url}/${bank}`,
    merchant: credentials.merchant,
    privateKey: credentials.school.privateKeyPem.replaceAll('\n', '\\n'),
    certificate: credentials.school.certificatePem,
    bankCertificates: [credentials.bankCertificatePem],
    pageRows: 30,
    recon: { from: '20260907' },
    http: quick,
    ...more,
  };
  const factory = connectors['bank/soap']!;
  const valid = new Ajv2020({ strict: false }).compile(factory.spec.options);
  expect(valid(options), JSON.stringify(valid.errors)).toBe(true);
  return factory.open(options, {
    source: 'bank',
    now,
    random: () => 0.5,
    baseDir: dir,
    note: (note) => notes.push(note),
  });
}

const refusal = (promise: Promise<unknown>): Promise<ConnectorError> =>
  promise.then(
    () => {
      throw new Error('an error was expected');
    },
    (error: unknown) => error as ConnectorError,
  );
const firstPage = (connector: Connector) => connector.stream('agreements').snapshotPage(null, never);
async function reconRows(connector: Connector) {
  const recon = connector.stream('recon');
  const pages = await drain((cursor) => recon.changes(cursor, never), await recon.feedStart(never));
  const rows = pages.flatMap((page) => page.rows);
  const files = rows.map(({ data }) => data as ReconFileRow).filter((row) => row?.type === 'file');
  const entries = rows.map(({ data }) => data as ReconEntryRow).filter((row) => row?.type === 'entry');
  return { rows, files, entries, pages };
}

/** What the bank says the day after of each load that the campus plans. */
const SAYS = {
  ...{ EQUAL: 'DONE', DIFFERENT: 'DONE', MISSING_LOCALLY: 'DONE', NOT_BOOKED: 'DONE', LATE: 'DONE' },
  ...{ REVERSED: 'REVERSED', MISSING_AT_BANK: 'NO_SUCH_LOAD' },
} as const;
const DAYS = ['20260907', '20260908', '20260909'] as const;
const rowsOf = (day: string, bank: 'wss' | 'concat'): number => campus.bank.books.loads(day, bank).length;

describe.each(BANKS)('contract, %s', (bank) => {
  const rows: Record<string, number> = {};
  beforeAll(() => {
    rows['agreements'] = campus.bank.books.agreements().length;
    // Three days, each with its file and the loads of this bank's customers.
    rows['recon'] = DAYS.reduce((sum, day) => sum + 1 + rowsOf(day, bank), 0);
  });
  connectorContract(`bank/soap ${bank}`, {
    rows,
    pageRowsMax: 30,
    open: async () => ({ connector: open(bank), dispose: () => Promise.resolve() }),
  });
});

describe.each(BANKS)('the bank %s', (bank) => {
  it('says who has signed, in our words, and of the account the last four digits only', async () => {
    const agreements = open(bank).stream('agreements');
    const pages = await drain((cursor) => agreements.snapshotPage(cursor, never), null);
    const rows = pages.flatMap((page) => page.rows.map((row) => row.data as AgreementRow));
    expect(new Set(rows.map(({ state }) => state))).toEqual(new Set(['signed', 'cancelled', 'undecided']));
    expect(rows.every(({ accountTail }) => /^\d{4}$/.test(accountTail ?? ''))).toBe(true);
    expect(JSON.stringify(pages)).not.toMatch(/6222\d{10}/);
    expect(pages.at(-1)).toMatchObject({ absenceUsable: true, total: rows.length });
    expect(await agreements.count!(never)).toBe(rows.length);
    expect(await agreements.lookup!([rows[3]!.customerNo, '99990000000'], never)).toEqual(
      new Set([rows[3]!.customerNo]),
    );
  });

  it('checks itself, certificates and description among it', async () => {
    const lines = await open(bank).check(never);
    expect(lines.filter(({ ok }) => !ok)).toEqual([]);
    expect(lines.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['certificate of the bank', 'WSDL', 'query and clock']),
    );
  });

  it('gives the file of each day, itself first, and each row once', async () => {
    const { files, entries } = await reconRows(open(bank));
    expect(files.map((file) => [file.settleDate, file.rows])).toEqual(
      DAYS.map((day) => [day, rowsOf(day, bank)]),
    );
    expect(files.every((file) => file.rows > 0 && file.statedRows === file.rows)).toBe(true);
    expect(files.every((file) => file.fen === file.statedFen)).toBe(true);
    expect(files.flatMap((file) => file.faults)).toEqual([]);
    const { bankReference, amountFen, code } = entries[0]!;
    const load = campus.bank.books.loads('20260907', bank).find((one) => one.bankReference === bankReference);
    expect(load).toMatchObject({ amountFen: Number(amountFen), code });
    expect(JSON.stringify(entries)).not.toMatch(/6222\d{10}/);
  });

  it('says what became of a load, and knows nothing of the other bank’s', async () => {
    const { loads } = open(bank);
    const planned = loadsOfDay(campus.world.base, Date.parse('2026-09-09T00:00:00+08:00'));
    for (const load of planned.filter((one) => one.bank === bank)) {
      const told = await loads!.load(load.reference, never);
      const expected = SAYS[load.kind];
      expect([load.kind, told.says]).toEqual([load.kind, expected]);
      expect(told.fen).toBe(expected === 'NO_SUCH_LOAD' ? null : load.fen);
    }
    const foreign = planned.find((one) => one.bank !== bank)!;
    expect(await loads!.load(foreign.reference, never)).toMatchObject({ says: 'NO_SUCH_LOAD', fen: null });
    campus.clock.set({ now: Date.parse('2026-09-09T23:30:00+08:00') });
    const late = planned.find((one) => one.bank === bank && one.kind === 'LATE')!;
    expect(loads!.closedUntil(campus.clock.now())).toBe(Date.parse('2026-09-10T01:00:00+08:00'));
    expect(await refusal(loads!.load(late.reference, never) as Promise<never>)).toMatchObject({
      details: { reason: 'WINDOW_CLOSED' },
    });
    campus.clock.set({ now: late.bankAt - 1 });
    expect(await loads!.load(late.reference, never)).toMatchObject({ says: 'UNDECIDED' });
  });

  it('rests in the window, half-open, and asks again when it has ended', async () => {
    const recon = open(bank).stream('recon');
    const start = await recon.feedStart(never);
    for (const [at, open_] of [
      ['2026-09-10T22:59:59.999+08:00', true],
      ['2026-09-10T23:00:00+08:00', false],
      ['2026-09-11T00:59:59.999+08:00', false],
      ['2026-09-11T01:00:00+08:00', true],
    ] as const) {
      campus.clock.set({ now: Date.parse(at) });
      const page = await recon.changes(start, never);
      expect([at, page.rows.length > 0]).toEqual([at, open_]);
      if (!open_) expect(page).toMatchObject({ state: 'end', asOf: 0, next: start });
    }
    expect(notes.some(({ kind, detail }) => kind === 'skipped' && /window/.test(detail))).toBe(true);
  });

  it('asks who has signed in the window too', async () => {
    campus.clock.set({ now: Date.parse('2026-09-10T23:30:00+08:00') });
    expect((await firstPage(open(bank))).rows).toHaveLength(30);
  });

  it('says when the whole bank is closed, and for how long', async () => {
    campus.clock.set({ now: Date.parse('2026-09-10T23:30:00+08:00') });
    campus.faults.add({ target: 'bank', fault: 'window-closed' });
    expect(await refusal(firstPage(open(bank)))).toMatchObject({
      code: 'BUSINESS',
      retry: 'later',
      details: { reason: 'WINDOW_CLOSED', upstreamCode: '9001', retryAfterMs: 90 * 60_000 },
    });
  });
});

const refused: readonly [FaultName, string, string][] = [
  ['entity-bomb', 'PROTOCOL', 'XML_FORBIDDEN'],
  ['external-entity', 'PROTOCOL', 'XML_FORBIDDEN'],
  ['deep-xml', 'TOO_LARGE', 'XML_TOO_DEEP'],
  ['wrong-signature', 'SIGNATURE', 'DIGEST_WRONG'],
  ['unsigned', 'SIGNATURE', 'SIGNATURE_MISSING'],
  ['field-renamed', 'PROTOCOL', 'FIELDS'],
  ['wsdl-changed', 'PROTOCOL', 'WSDL_CHANGED'],
];

describe.each(BANKS)('what is hostile or broken is refused with a code, %s', (bank) => {
  it.each(refused)('%s: %s %s', async (fault, code, given) => {
    const reason = bank === 'concat' && fault === 'wrong-signature' ? 'SIGNATURE_WRONG' : given;
    campus.faults.add({ target: 'bank', fault });
    const error = await refusal(firstPage(open(bank)));
    expect(error, error.message).toMatchObject({ name: 'ConnectorError', code, details: { reason } });
    expect(error.message).not.toMatch(/\d{8}/);
    campus.faults.clear();
    expect((await firstPage(open(bank))).rows).toHaveLength(30);
  });

  it('100 MB are not read', async () => {
    campus.faults.add({ target: 'bank', fault: 'huge-body' });
    expect(await refusal(firstPage(open(bank)))).toMatchObject({ code: 'TOO_LARGE', retry: 'never' });
  });

  it('status 200 with text is no answer', async () => {
    campus.faults.add({ target: 'bank', fault: 'gbk-garbage' });
    expect(await refusal(firstPage(open(bank, { description: 'ignore' })))).toMatchObject({
      code: 'PROTOCOL',
      details: { reason: 'NOT_SOAP' },
    });
  });

  it('no answer within the time is a time-out, to be tried later', async () => {
    campus.faults.add({ target: 'bank', fault: 'timeout', ms: 1_500 });
    expect(await refusal(firstPage(open(bank, { description: 'ignore' })))).toMatchObject({
      code: 'TIMEOUT',
      retry: 'later',
    });
  });

  it('an answer for another question is refused: a page told twice is seen', async () => {
    const agreements = open(bank).stream('agreements');
    const first = await agreements.snapshotPage(null, never);
    campus.faults.add({ target: 'bank', fault: 'duplicate-page' });
    expect(await refusal(agreements.snapshotPage(first.next, never))).toMatchObject({ code: 'PROTOCOL' });
  });
});

describe('certificates of the bank', () => {
  it('one that has ended is refused, whoever shows it', async () => {
    campus.faults.add({ target: 'bank', fault: 'expired-certificate' });
    expect(await refusal(firstPage(open('wss')))).toMatchObject({
      details: { reason: 'CERTIFICATE_EXPIRED' },
    });
    const pinned = { bankCertificates: [campus.bank.keys.secrets.expiredCertificatePem] };
    expect(await refusal(firstPage(open('wss', pinned)))).toMatchObject({
      details: { reason: 'CERTIFICATE_EXPIRED' },
    });
    campus.faults.clear();
    expect(await refusal(firstPage(open('wss', pinned)))).toMatchObject({
      details: { reason: 'CERTIFICATE_UNKNOWN' },
    });
  });

  it('are watched: thirty days before their end there is a note, and check says so', async () => {
    const later = () => campus.clock.now() + 715 * 86_400_000;
    const connector = open('wss', {}, later);
    expect(notes.filter(({ kind }) => kind === 'certificate')).toHaveLength(2);
    const [line] = await connector.check(never);
    expect(line).toMatchObject({ ok: false });
    expect(line!.detail).toMatch(/only \d+ days left/);
  });

  it('a wrapped signature is refused', async () => {
    campus.faults.add({ target: 'bank', fault: 'wrapped-signature' });
    expect(await refusal(firstPage(open('wss')))).toMatchObject({
      code: 'SIGNATURE',
      details: { reason: 'SIGNATURE_WRAPPED' },
    });
  });

  it('SM2 with SM3 takes the place of RSA where the bank wants it', async () => {
    const { sm2PrivateKey, sm2BankPublicKey } = campus.bank.credentials;
    const keys = { algorithm: 'SM2-SM3', privateKey: sm2PrivateKey, bankPublicKeys: [sm2BankPublicKey] };
    expect((await firstPage(open('concat', keys))).rows).toHaveLength(30);
    const foreign = { ...keys, bankPublicKeys: [campus.bank.keys.secrets.sm2SchoolPublicKey] };
    expect(await refusal(firstPage(open('concat', foreign)))).toMatchObject({
      details: { reason: 'SIGNATURE_WRONG' },
    });
  });
});

describe('reconciliation files', () => {
  const fileOf = async (fault: FaultName, more: Record<string, unknown> = {}) => {
    campus.faults.add({ target: 'bank', fault });
    const { files, rows } = await reconRows(open('wss', { recon: { from: '20260909' }, ...more }));
    return { file: files[0]!, damaged: rows.filter(({ damage }) => damage !== undefined) };
  };

  it('missing is not empty', async () => {
    expect((await fileOf('recon-missing')).file).toMatchObject({ state: 'missing', rows: 0 });
    campus.faults.clear();
    expect((await fileOf('recon-empty')).file).toMatchObject({
      state: 'received',
      rows: 0,
      statedRows: 0,
      faults: [],
    });
  });

  it('one that comes late is read when it is there', async () => {
    campus.faults.add({ target: 'bank', fault: 'recon-missing' });
    const recon = open('wss', { recon: { from: '20260909' } }).stream('recon');
    const first = await drain((cursor) => recon.changes(cursor, never), await recon.feedStart(never));
    campus.faults.clear();
    const second = await drain((cursor) => recon.changes(cursor, never), first.at(-1)!.next);
    const [file] = second.flatMap((page) => page.rows.map(({ data }) => data as ReconFileRow));
    expect(file).toMatchObject({ type: 'file', state: 'received', faults: ['LATE'] });
    expect(file!.rows).toBe(rowsOf('20260909', 'wss'));
    const third = await drain((cursor) => recon.changes(cursor, never), second.at(-1)!.next);
    expect(third.flatMap((page) => page.rows)).toEqual([]);
  });

  it.each([
    ['recon-truncated', 'TRUNCATED', 'TORN_LINE'],
    ['recon-utf8', 'ROW_REFUSED', 'COLUMN_COUNT'],
  ] as const)('%s: the file says %s, and its rows go to quarantine', async (fault, expected, damage) => {
    const { file, damaged } = await fileOf(fault);
    expect(file.faults).toContain(expected);
    expect(file.faults).toContain('CONTROL_TOTAL');
    expect(damaged.length).toBeGreaterThan(0);
    expect(damaged.map((row) => row.damage!.code)).toContain(damage);
    for (const { raw } of damaged) expect(Buffer.from(raw).toString('latin1')).not.toMatch(/6222\d{10}/);
  });

  it.each([
    ['recon-total', ['CONTROL_TOTAL']],
    ['recon-duplicate', ['CONTROL_TOTAL', 'DUPLICATE_REFERENCE']],
  ] as const)('%s is seen', async (fault, expected) => {
    expect((await fileOf(fault)).file.faults).toEqual(expected);
  });

  it('whose digest does not fit is not taken', async () => {
    campus.faults.add({ target: 'bank', fault: 'wrong-digest' });
    const recon = open('wss').stream('recon');
    expect(await refusal(recon.changes(await recon.feedStart(never), never))).toMatchObject({
      code: 'SIGNATURE',
      details: { reason: 'DIGEST_WRONG' },
    });
  });
});

describe('notices', () => {
  it.each(BANKS)('of %s are rows of the agreements, and answered as it was decided', async (bank) => {
    const { noticeBytes } = await import('../campus/bank/notify.js');
    const connector = open(bank);
    const parts = { world: campus.world, keys: campus.bank.keys, books: campus.bank.books };
    const agreement = campus.bank.books.agreements()[2]!;
    const bytes = noticeBytes(parts, bank, 'cancel', { ...agreement, state: 'cancelled' });
    const pushed = await connector.receive!(bytes);
    if (pushed.kind !== 'rows') throw new Error(pushed.reason);
    expect(pushed.rows.map(({ data }) => data)).toMatchObject([
      {
        customerNo: agreement.customerNo,
        state: 'cancelled',
        notice: 'cancel',
        reference: agreement.reference,
      },
    ]);
    expect(Buffer.from(pushed.answer('done').body).toString('latin1')).toMatch(/0000/);
    const spoiled = Buffer.from(
      bytes.toString('latin1').replace(agreement.customerNo, '20990000001'),
      'latin1',
    );
    expect(await connector.receive!(spoiled)).toMatchObject({
      kind: 'refused',
      reason: bank === 'wss' ? 'DIGEST_WRONG' : 'SIGNATURE_WRONG',
    });
    expect(await connector.receive!(Buffer.from('<!DOCTYPE a []><a/>'))).toMatchObject({
      kind: 'refused',
      reason: 'XML_FORBIDDEN',
    });
  });
});
