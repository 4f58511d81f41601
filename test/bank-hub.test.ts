import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { noticeBytes, send } from '../campus/bank/notify.js';
import { startCampus, type Campus } from '../campus/start.js';
import { connectors } from '../connectors/index.js';
import type { BankAgreement, BankEntry, BankFile, BankNotice } from '../contracts/types.js';
import { loadConfig } from '../hub/config/load.js';
import { proveTopics } from '../hub/desk/reconcile.js';
import { startRuntime, type Runtime } from '../hub/run/runtime.js';

/** Two banks → hub over real sockets: pulled, pushed, pushed again, and after a restart. */

const MORNING = Date.UTC(2026, 8, 10, 2);
const PEOPLE = 120;
let dir: string;
let campus: Campus;
let runtime: Runtime;
const fatal: Error[] = [];

async function start(): Promise<Runtime> {
  const { credentials } = campus.bank;
  const bank = (profile: string, path: string) => ({
    connector: 'bank/soap',
    options: {
      ...{ profile, url: `${campus.urls.bank}/${path}`, merchant: credentials.merchant },
      ...{ privateKey: credentials.school.privateKeyPem, certificate: credentials.school.certificatePem },
      ...{ bankCertificates: [credentials.bankCertificatePem], recon: { from: '20260908' } },
    },
    streams: { agreements: { poll: '1h' }, recon: { poll: '1h' } },
    mapping: { personSource: 'core' },
  });
  const config = {
    ...{ version: 1, tenant: 'demo', data: './hub', log: { engine: 'embedded' } },
    facade: { host: '127.0.0.1', port: 0 },
    sources: {
      // Whose numbers the banks speak in; nothing is read of it here.
      core: {
        connector: 'card-core/files',
        options: { folder: '.', columns: { cardno: 'cardno' } },
        streams: { cards: { enabled: false } },
      },
      ...{ sea: bank('wss-utf8', 'wss'), river: bank('concat-gb18030', 'concat') },
    },
  };
  const path = join(dir, 'hub.yaml');
  writeFileSync(path, stringify(config));
  const loaded = loadConfig(path, { env: {}, specs: Object.values(connectors).map(({ spec }) => spec) });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return startRuntime(loaded.config, {
    connectors: Object.values(connectors),
    now: () => campus.clock.now(),
    onFatal: (error) => fatal.push(error),
  });
}

async function records<T>(topic: string): Promise<Map<string, T>> {
  const found = new Map<string, T>();
  for await (const batch of runtime.hub.log.read({ topic, until: 'end' })) {
    for (const { key, value, headers } of batch.records) {
      if (value === null) continue;
      const isEvent = topic === 'hub.bank-notice' || topic === 'hub.bank-entry';
      found.set(isEvent ? String(headers.ce_id) : key, runtime.hub.codec.decode(topic, value) as T);
    }
  }
  return found;
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within 30 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cardhub-banks-'));
  const clock = { now: MORNING, rate: 0 };
  campus = await startCampus({ dir: join(dir, 'campus'), seed: 11, people: PEOPLE, life: false, clock });
  runtime = await start();
  const total = 2 * campus.bank.books.agreements().length;
  await until('all agreements', async () => (await records('master.bank-agreement')).size === total);
  await until('two files of each bank', async () => (await records('hub.bank-file')).size === 4);
});
afterAll(async () => {
  await runtime.stop();
  await campus.close();
  rmSync(dir, { recursive: true, force: true });
  expect(fatal).toEqual([]);
});

const DAYS = ['20260908', '20260909'];
/** What the banks' files hold, by the key of the file. */
const bankRows = () =>
  DAYS.flatMap((day) =>
    (
      [
        ['sea', 'wss'],
        ['river', 'concat'],
      ] as const
    ).map(([source, bank]) => [`${source}:file:${day}`, campus.bank.books.loads(day, bank)] as const),
  );
const rowTotal = () => bankRows().reduce((sum, [, { length }]) => sum + length, 0);

describe('banks and the hub', () => {
  const url = (source: string) => `${runtime.facade.url}/intake/${source}`;
  const parts = () => ({ world: campus.world, keys: campus.bank.keys, books: campus.bank.books });

  it('both banks say the same of a person, each in its own words', async () => {
    const all = await records<BankAgreement>('master.bank-agreement');
    for (const { customerNo, state } of campus.bank.books.agreements()) {
      const expected = { signed: 'SIGNED', cancelled: 'NOT_SIGNED', undecided: 'UNKNOWN' }[state];
      const [sea, river] = ['sea', 'river'].map((source) => all.get(`${source}:${customerNo}`));
      expect(sea).toMatchObject({ state: expected, personKey: `core:${customerNo}`, limitFen: 50_000 });
      expect({ ...river, source: '', agreementKey: '' }).toEqual({ ...sea, source: '', agreementKey: '' });
    }
  });

  it('has each file and each of its rows, without account numbers or names', async () => {
    const files = [...(await records<BankFile>('hub.bank-file')).values()];
    expect(
      Object.fromEntries(files.map(({ fileKey, state, rowCount }) => [fileKey, [state, rowCount]])),
    ).toEqual(Object.fromEntries(bankRows().map(([key, { length }]) => [key, ['RECEIVED', length]])));
    const entries = [...(await records<BankEntry>('hub.bank-entry')).values()];
    expect(entries).toHaveLength(rowTotal());
    const kinds = { '404101': 'LOAD', '404401': 'REVERSAL', '404102': 'POWER' };
    const told = bankRows().flatMap(([, rows]) => rows.map(({ code }) => kinds[code]));
    expect(entries.map(({ kind }) => kind).sort()).toEqual(told.sort());
    expect(JSON.stringify(entries)).not.toMatch(/6222\d{6}/);
  });

  it.each([
    ['sea', 'wss'],
    ['river', 'concat'],
  ] as const)('a notice to %s is answered when it is durable, and once is enough', async (source, bank) => {
    const agreement = campus.bank.books.agreements()[bank === 'wss' ? 1 : 2]!;
    const { customerNo } = agreement;
    const cancelled = campus.bank.books.change(customerNo, 'cancelled');
    const first = noticeBytes(parts(), bank, 'cancel', cancelled);
    expect(await send(parts(), bank, first, cancelled, url(source))).toMatchObject({
      status: 200,
      code: '0000',
    });
    const key = `${source}:${customerNo}`;
    const told = async () => (await records<BankAgreement>('master.bank-agreement')).get(key)?.state;
    expect(await told()).toBe('NOT_SIGNED');
    const signed = campus.bank.books.change(customerNo, 'signed');
    const second = noticeBytes(parts(), bank, 'sign', signed);
    expect(await send(parts(), bank, second, signed, url(source))).toMatchObject({ code: '0000' });
    expect(await told()).toBe('SIGNED');
    // Late and again: what is older changes nothing, and is answered all the same.
    for (const again of [first, second, first]) {
      expect(await send(parts(), bank, again, signed, url(source))).toMatchObject({ code: '0000' });
    }
    expect(await told()).toBe('SIGNED');
    const notices = [...(await records<BankNotice>('hub.bank-notice')).values()];
    expect(notices.filter(({ agreementKey }) => agreementKey === key).map(({ kind }) => kind)).toEqual([
      'CANCELLED',
      'SIGNED',
    ]);
  });

  it('the same reference with other contents is kept for a person to look at, and refused', async () => {
    const before = campus.bank.books.agreements()[5]!;
    const cancelled = campus.bank.books.change(before.customerNo, 'cancelled');
    const honest = noticeBytes(parts(), 'wss', 'cancel', cancelled);
    expect(await send(parts(), 'wss', honest, cancelled, url('sea'))).toMatchObject({ code: '0000' });
    const other = { ...cancelled, state: 'signed' as const, changedAt: cancelled.changedAt + 5_000 };
    const forged = noticeBytes(parts(), 'wss', 'sign', other);
    expect(await send(parts(), 'wss', forged, other, url('sea'))).toMatchObject({ code: '0003' });
    const agreements = await records<BankAgreement>('master.bank-agreement');
    expect(agreements.get(`sea:${before.customerNo}`)?.state).toBe('NOT_SIGNED');
    expect((await records('hub.quarantine')).size).toBe(1);
  });

  it('refuses what it cannot believe, what is too large, and who it does not know', async () => {
    const post = (source: string, body: string | Buffer) =>
      fetch(url(source), { method: 'POST', body: new Uint8Array(Buffer.from(body)) });
    const bomb = await post('sea', '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>');
    expect(bomb.status).toBe(500);
    expect(await bomb.text()).toMatch(/<faultstring>XML_FORBIDDEN</);
    expect((await post('sea', Buffer.alloc(70_000))).status).toBe(413);
    expect((await post('nobody', 'x')).status).toBe(404);
    expect((await fetch(url('sea'))).status).toBe(405);
    const agreement = campus.bank.books.agreements()[7]!;
    const toOther = noticeBytes(parts(), 'wss', 'sign', { ...agreement, state: 'signed' });
    expect((await post('river', toOther)).status).toBe(500);
  });

  it('is the same after a restart: a repeated notice is still known, and the books balance', async () => {
    const agreement = campus.bank.books.agreements()[9]!;
    const cancelled = campus.bank.books.change(agreement.customerNo, 'cancelled');
    const bytes = noticeBytes(parts(), 'concat', 'cancel', cancelled);
    expect(await send(parts(), 'concat', bytes, cancelled, url('river'))).toMatchObject({ code: '0000' });
    const before = (await records('hub.bank-notice')).size;
    await runtime.stop();
    runtime = await start();
    await until('the stream is owned again', async () => {
      const { code } = await send(parts(), 'concat', bytes, cancelled, url('river'));
      return code === '0000';
    });
    expect((await records('hub.bank-notice')).size).toBe(before);
    expect((await records('hub.bank-entry')).size).toBe(rowTotal());
    const proof = await proveTopics(runtime.hub.log, runtime.hub.codec);
    expect(proof.filter(({ outcome }) => outcome !== 'equal')).toEqual([]);
  });
});
