import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { FORM_SYSTEM } from '../campus/power/form.js';
import { CODE_SYSTEMS, roomMapCsv } from '../campus/power/room-map.js';
import { startCampus, type Campus } from '../campus/start.js';
import type { TopUpRow } from '../connectors/card-core/money-rows.js';
import { topUpsStream } from '../connectors/card-core/spec.js';
import { connectors } from '../connectors/index.js';
import type { ConnectorFactory } from '../connectors/sdk.js';
import { lazyRow } from '../connectors/sdk-pages.js';
import { TOPICS, type BankEntry, type BankFile, type ReconCase, type TopUp } from '../contracts/types.js';
import { runCli } from '../hub/cli/program.js';
import { loadConfig } from '../hub/config/load.js';
import type { BankConfig } from '../hub/config/types.js';
import { matchingId } from '../hub/desk/bank-recon.js';
import { openCaseWriter } from '../hub/desk/case-writer.js';
import { proveTopics } from '../hub/desk/reconcile.js';
import { openEmbeddedLog } from '../hub/log/embedded/index.js';
import type { Log } from '../hub/log/log.js';
import { openCodecs, recordCodec } from '../hub/run/codec.js';
import { matchOne } from '../hub/run/bank-matching.js';
import { openHub } from '../hub/run/hub.js';
import { openJournal } from '../hub/run/journal.js';
import { syncOnce } from '../hub/run/once.js';
import { startRuntime, type Runtime } from '../hub/run/runtime.js';
import type { RecordCodec } from '../hub/sync/rows.js';
import { endOfDay, parseDate, startOfDay } from '../transforms/time.js';
import { startScript } from './crash/processes.js';

/** The books of a bank and of the card core, matched in the running hub, and killed in the middle. */

/** 2026-09-10 10:00 in Shanghai. */
const MORNING = Date.UTC(2026, 8, 10, 2);
const shanghai = (at: number): string =>
  new Date(at + 8 * 3_600_000).toISOString().replaceAll(/[-:T]/g, '').slice(0, 14);

async function casesIn(log: Log, codec: RecordCodec) {
  const cases = new Map<string, ReconCase>();
  let records = 0;
  for await (const batch of log.read({ topic: 'hub.recon-case', until: 'end' })) {
    for (const { key, value } of batch.records) {
      records += 1;
      if (value !== null) cases.set(key, codec.decode('hub.recon-case', value) as ReconCase);
    }
  }
  return { cases, records };
}

describe('the running hub matches the books of a bank and the core', () => {
  /** What the card core says, in order; a stand-in, so that each difference is planted by hand. */
  const steps: TopUpRow[] = [];
  const coreFeed: ConnectorFactory = {
    spec: {
      ...{ kind: 'test/core', title: { en: 'Core', zh: '核心' }, summary: '', quirks: [] },
      options: { type: 'object' },
      streams: [topUpsStream({ listing: null, feed: true, delivery: '', pollMsDefault: 1_000 })],
    },
    open: (_options, { now }) => ({
      spec: coreFeed.spec,
      check: async () => [],
      stream: () => ({
        spec: coreFeed.spec.streams[0]!,
        feedStart: async () => 0,
        snapshotPage: () => Promise.reject(new Error('no listing')),
        changes: async (cursor) => {
          const at = (cursor as number | null) ?? 0;
          const rows = steps
            .slice(at)
            .map((row, i) => lazyRow(`${row.orderno}-${at + i}`, String(at + i), row));
          return { rows, next: at + rows.length, state: 'end', asOf: now() };
        },
      }),
      close: async () => undefined,
    }),
  };
  const all = [...Object.values(connectors), coreFeed];
  let dir: string;
  let campus: Campus;
  let runtime: Runtime;
  const fatal: unknown[] = [];

  async function start(): Promise<Runtime> {
    const { credentials } = campus.bank;
    const path = join(dir, 'hub.yaml');
    const sea = {
      connector: 'bank/soap',
      options: {
        ...{ profile: 'wss-utf8', url: `${campus.urls.bank}/wss`, merchant: credentials.merchant },
        ...{ privateKey: credentials.school.privateKeyPem, certificate: credentials.school.certificatePem },
        ...{ bankCertificates: [credentials.bankCertificatePem], recon: { from: '20260907' } },
      },
      streams: { agreements: { poll: '1h' }, recon: { poll: '1s' } },
      mapping: { personSource: 'core' },
    };
    const config = {
      ...{ version: 1, tenant: 'demo', data: './hub', log: { engine: 'embedded' } },
      facade: { host: '127.0.0.1', port: 0 },
      sources: { sea, core: { connector: 'test/core', streams: { 'top-ups': { poll: '1s' } } } },
      // What the bank says of a case would be records more: they are counted here.
      banks: { sea: { loads: { source: 'core', channels: ['BANK_APP'] }, days: 7, queries: { perDay: 0 } } },
    };
    writeFileSync(path, stringify(config));
    const loaded = loadConfig(path, { env: {}, specs: all.map(({ spec }) => spec) });
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
    return startRuntime(loaded.config, {
      ...{ connectors: all, now: () => campus.clock.now(), matchBanksMs: 200 },
      onFatal: (error) => fatal.push(error),
      onProblem: (_what, error) => fatal.push(error),
    });
  }
  const pay = (orderno: string, amountFen: number, at: number, stage = '3', channel = 'bank') =>
    steps.push({
      orderno,
      account: '1',
      stage,
      channel,
      amount: String(amountFen),
      time: shanghai(at),
    });
  const found = () => casesIn(runtime.hub.log, runtime.hub.codec);
  const inShort = async () =>
    Object.fromEntries(
      [...(await found()).cases.values()].map((one) => [
        one.caseKey,
        `${one.state} ${one.result} ${one.advice}`,
      ]),
    );
  let out = '';
  /** `cardhub banks … --json` */
  const cli = async (...words: string[]) => {
    out = '';
    return runCli(
      ['banks', ...words, '--json', '-c', join(dir, 'hub.yaml')],
      {
        ...{ env: {}, cwd: dir, now: Date.now, random: Math.random, signal: new AbortController().signal },
        stdin: (async function* () {})(),
        stdout: { write: (part: string) => (out += part) },
        stderr: { write: () => true },
        services: { connectors: async () => all },
      },
      'test',
    );
  };
  /** What the bank has debited and not taken back. */
  const loadsOf = (day: string) => {
    const rows = campus.bank.books.loads(day, 'wss');
    const back = new Set(rows.flatMap((row) => (row.code === '404401' ? [row.cardReference] : [])));
    return rows.filter(({ code, cardReference }) => code === '404101' && !back.has(cardReference));
  };
  const noon = startOfDay((parseDate('2026-09-09') as { days: number }).days) + 12 * 3_600_000;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'cardhub-matching-'));
    const clock = { now: MORNING, rate: 0 };
    campus = await startCampus({ dir: join(dir, 'campus'), seed: 11, people: 300, life: false, clock });
    for (const day of ['20260907', '20260908']) {
      for (const one of loadsOf(day)) pay(one.cardReference, one.amountFen, one.at);
    }
    const [missing, differing, pending, ...rest] = loadsOf('20260909').filter(
      ({ at }) => at < noon + 36_000_000,
    );
    pay(differing!.cardReference, differing!.amountFen + 1, differing!.at);
    pay(pending!.cardReference, pending!.amountFen, pending!.at, '1');
    const late = loadsOf('20260909').filter(({ at }) => at >= noon + 36_000_000);
    for (const one of [...rest, ...late]) pay(one.cardReference, one.amountFen, one.at);
    pay('OURS-ONLY', 5_000, noon);
    pay('OTHER-CHANNEL', 5_000, noon, '3', 'wechat');
    planted = {
      [`sea:20260909:${missing!.cardReference}`]: 'OPEN MISSING_LOCALLY QUERY_THEN_OPEN_CASE',
      [`sea:20260909:${differing!.cardReference}`]: 'OPEN DIFFERENT CHECK_AMOUNT',
      [`sea:20260909:${pending!.cardReference}`]: 'OPEN NOT_BOOKED_LOCALLY QUERY_THEN_OPEN_CASE',
      'sea:20260909:OURS-ONLY': 'OPEN MISSING_AT_BANK REVIEW_REVERSAL',
    };
    lateComers = [missing!, pending!];
    runtime = await start();
  });
  let planted: Record<string, string> = {};
  let lateComers: ReturnType<typeof loadsOf> = [];
  afterAll(async () => {
    await runtime.stop();
    await campus.close();
    rmSync(dir, { recursive: true, force: true });
    expect(fatal).toEqual([]);
  });

  it('each planted difference is a case with what to do, and nothing else is', async () => {
    await expect.poll(inShort, { timeout: 30_000 }).toEqual(planted);
  });

  it('again, and after a restart, nothing is added; the command line asks the running hub', async () => {
    const { records } = await found();
    expect(records).toBe(4);
    await runtime.stop();
    runtime = await start();
    const matched = () => cli('match', '--day', '2026-09-09');
    await expect
      .poll(async () => [await matched(), out.includes('"MATCHED"')], { timeout: 20_000 })
      .toEqual([1, true]);
    const { days } = JSON.parse(out) as { days: { changed: number; open: number }[] };
    expect(days).toMatchObject([{ bank: 'sea', file: 'RECEIVED', changed: 0, open: 4 }]);
    expect((await found()).records).toBe(4);
  });

  it('what an operator decides stands on the case, and no matching undoes it', async () => {
    const key = 'sea:20260909:OURS-ONLY';
    await runtime.stop();
    expect(await cli('settle', 'held', key, '--reason', 'the bank was asked')).toBe(0);
    runtime = await start();
    const one = async () => (await found()).cases.get(key);
    expect(await one()).toMatchObject({ state: 'HELD', note: 'the bank was asked' });
    expect(await cli('settle', 'ignored', key, '--reason', 'a test of the till')).toBe(0);
    await expect.poll(async () => (await one())?.state, { timeout: 20_000 }).toBe('IGNORED');
    expect(await cli('match', '--day', '2026-09-09')).toBe(1);
    expect(await one()).toMatchObject({
      ...{ state: 'IGNORED', stateReason: 'OPERATOR', note: 'a test of the till', result: 'MISSING_AT_BANK' },
      decidedBy: userInfo().username,
    });
    expect((await found()).records, 'once each').toBe(6);
    expect(await cli('settle', 'booked', key, 'sea:20260909:NONE', '--reason', 'x')).toBe(2);
    expect((await one())?.state).toBe('IGNORED');
    planted[key] = planted[key]!.replace('OPEN', 'IGNORED');
  });

  it('what comes late closes its case, and the books of the hub balance', async () => {
    const [missing, pending] = lateComers;
    pay(missing!.cardReference, missing!.amountFen, missing!.at);
    pay(pending!.cardReference, pending!.amountFen, pending!.at + 1_000, '3');
    const closed = Object.fromEntries(
      Object.entries(planted).map(([key, text]) => [
        key,
        lateComers.some(({ cardReference }) => key.endsWith(cardReference))
          ? text.replace('OPEN', 'CLOSED')
          : text,
      ]),
    );
    // The streams poll by the clock of the campus, which stands still by itself.
    const later = () => {
      campus.clock.set({ now: campus.clock.now() + 2_000 });
      return inShort();
    };
    await expect.poll(later, { timeout: 30_000, interval: 200 }).toEqual(closed);
    const { cases } = await found();
    expect(cases.get(`sea:20260909:${missing!.cardReference}`)?.stateReason).toBe('BOOKS_AGREE');
    const proof = await proveTopics(runtime.hub.log, runtime.hub.codec);
    expect(proof.filter(({ outcome }) => outcome !== 'equal')).toEqual([]);
  });
});

describe('electricity, paid at the bank and delivered by the vendor', () => {
  const DAY_OF = (parseDate('2026-09-10') as { days: number }).days;

  it('that was debited and never delivered is a case for the dorm office, from sockets to case', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'cardhub-power-matching-'));
    const clock = { now: MORNING + 12 * 3_600_000, rate: 0 };
    const campus = await startCampus({ dir: join(dir, 'campus'), seed: 11, people: 120, life: false, clock });
    const pass = (minutes: number): void => {
      campus.clock.set({ advanceMs: minutes * 60_000 });
      campus.advance();
    };
    mkdirSync(join(dir, 'rooms'));
    writeFileSync(join(dir, 'rooms', 'rooms.csv'), roomMapCsv(campus.world));
    const { credentials } = campus.bank;
    const config = {
      ...{ version: 1, tenant: 'demo', data: './hub', log: { engine: 'embedded' } },
      sources: {
        // Whose numbers the others speak in; nothing is read of it here.
        core: {
          connector: 'card-core/files',
          options: { folder: '.', columns: { cardno: 'cardno' } },
          streams: { cards: { enabled: false } },
        },
        rooms: { connector: 'power/room-map', options: { folder: './rooms', complete: 'always' } },
        pingdu: {
          connector: 'power/http-form',
          options: {
            url: campus.urls.powerForm,
            system: FORM_SYSTEM,
            apiKey: campus.credentials.power.formApiKey,
          },
          mapping: { roomSystem: CODE_SYSTEMS.north, cardSource: 'core' },
          streams: { rooms: { after: ['rooms/rooms'] }, purchases: { after: ['rooms/rooms'] } },
        },
        sea: {
          connector: 'bank/soap',
          options: {
            ...{ profile: 'wss-utf8', url: `${campus.urls.bank}/wss`, merchant: credentials.merchant },
            ...{
              privateKey: credentials.school.privateKeyPem,
              certificate: credentials.school.certificatePem,
            },
            ...{ bankCertificates: [credentials.bankCertificatePem], recon: { from: '20260910' } },
          },
          mapping: { personSource: 'core' },
        },
      },
      banks: { sea: { power: [{ source: 'pingdu' }] } },
    };
    writeFileSync(join(dir, 'hub.yaml'), stringify(config));
    const specs = Object.values(connectors).map(({ spec }) => spec);
    const loaded = loadConfig(join(dir, 'hub.yaml'), { env: {}, specs });
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
    /** Everything once, then the books of that day. */
    const matched = async () => {
      const options = { connectors: Object.values(connectors), now: () => campus.clock.now(), once: true };
      const hub = await openHub(loaded.config, options);
      const stop = new AbortController();
      try {
        hub.follow(stop.signal);
        const owns = () => true;
        expect((await syncOnce({ ...hub, owns, random: () => 0.5, signal: stop.signal })).balanced).toBe(
          true,
        );
        const { log, codec } = hub;
        const writer = await openCaseWriter(log, codec, matchingId('demo'));
        const deps = { log, codec, tenant: 'demo', banks: loaded.config.banks };
        const days = await matchOne(deps, writer, { day: DAY_OF, bank: null });
        await writer.close();
        return { days, cases: [...(await casesIn(log, codec)).cases.values()] };
      } finally {
        stop.abort();
        await hub.close();
      }
    };
    const buy = (count: number): void => {
      for (let i = 0; i < count; i += 1)
        expect(campus.life({ event: 'buy-power', group: 'north' }).done).toBe(1);
      pass(10);
    };
    buy(5);
    campus.faults.add({ target: 'power-form', fault: 'no-delivery' });
    buy(1);
    // The order that is stuck stays so: nothing is lived through in the night.
    campus.clock.set({ advanceMs: 12 * 3_600_000 });
    const debited = campus.bank.books.loads('20260910').filter(({ code }) => code === '404102');
    expect(debited).toHaveLength(6);
    const stuck = debited.at(-1)!;
    const found = await matched();
    expect(found.days).toMatchObject([{ outcome: 'MATCHED', file: 'RECEIVED', open: 1 }]);
    expect(found.days[0]?.totals?.VENDOR?.counts).toMatchObject({ EQUAL: 5, NOT_BOOKED_LOCALLY: 1 });
    expect(found.cases).toMatchObject([
      {
        caseKey: `sea:20260910:${stuck.cardReference}`,
        ...{ book: 'VENDOR', state: 'OPEN', advice: 'CALL_DORM_OFFICE', bankFen: stuck.amountFen },
        ...{ localKey: `pingdu:${stuck.cardReference}`, personKey: `core:${stuck.customerNo}` },
      },
    ]);
    campus.faults.clear();
    pass(5);
    const after = await matched();
    expect(after.cases).toMatchObject([{ state: 'CLOSED', stateReason: 'BOOKS_AGREE' }]);
    await campus.close();
    rmSync(dir, { recursive: true, force: true });
  });
});

const DAY = 20_700;
const DAYS = 40;
const BANK: BankConfig = {
  ...{ source: 'sea', loads: { source: 'core', channels: ['BANK_APP'] }, power: [], days: 62 },
  queries: { perDay: 0, perMinute: 1 },
};

/** Forty days; of each day thirty loads, every third of them unknown to the core. */
async function writeBooks(log: Log, codec: RecordCodec): Promise<void> {
  await log.applyTopics(TOPICS);
  const journal = await openJournal(log, codec, 'demo/core/top-ups/0', () => endOfDay(DAY + DAYS));
  for (let day = DAY; day < DAY + DAYS; day += 1) {
    const record = (topic: string, key: string, value: object) => ({
      ...{ topic, key, value: codec.encode(topic, value) },
      headers: codec.headers(topic, key, `${key}@${day}`, startOfDay(day)),
    });
    const digest = `sha256:${day}`;
    const file: BankFile = {
      ...{ fileKey: `sea:file:${day}`, source: 'sea', version: 0, settleDate: day, state: 'RECEIVED' },
      ...{ stateReason: null, layout: 'fixed', digest, rowCount: 30, totalFen: 30, statedCount: null },
      ...{ statedFen: null, faults: [], dataQuality: [] },
    };
    const rows = Array.from({ length: 30 }, (_, i) => ({
      reference: `L${day}-${i}`,
      i,
      at: startOfDay(day) + 4e7,
    }));
    const entries = rows.map(({ reference, at, i }): BankEntry => ({
      ...{
        eventId: `sea:recon:${reference}`,
        source: 'sea',
        settleDate: day,
        bankReference: `B${reference}`,
      },
      ...{ cardReference: reference, kind: 'LOAD', amountFen: 1, occurredAt: at, businessDate: day },
      ...{ personKey: null, terminal: null, fileDigest: digest, line: i + 1, dataQuality: [] },
    }));
    const known = rows.filter(({ i }) => i % 3 !== 0);
    const topUps = known.map(({ reference, at }): TopUp => ({
      ...{ eventId: `core:top-ups:${reference}`, source: 'core', topUpKey: `core:${reference}` },
      ...{ accountKey: 'core:1', cardKey: null, stage: 'CLAIMED', channel: 'BANK_APP', amountFen: 1 },
      ...{ deviceKey: null, refusal: null, occurredAt: at, businessDate: day, dataQuality: [] },
    }));
    await journal.append([
      record('hub.bank-file', file.fileKey, file),
      ...entries.map((one) => record('hub.bank-entry', `sea:${one.bankReference}`, one)),
      ...topUps.map((one) => record('master.top-up', one.accountKey, one)),
    ]);
  }
  await journal.close();
}

describe('a matching that is killed', () => {
  it('eight times: every case once, as if nothing had happened', { timeout: 300_000 }, async () => {
    const dir = mkdtempSync(join(tmpdir(), 'cardhub-matching-killed-'));
    const codec = recordCodec(openCodecs(), '/demo/hub', Date.now);
    const opened = (name: string, readOnly = false) =>
      openEmbeddedLog({ dir: join(dir, name), topics: TOPICS, now: Date.now, readOnly });
    const books = await opened('killed');
    await writeBooks(books, codec);
    await books.close();
    cpSync(join(dir, 'killed'), join(dir, 'whole'), { recursive: true });
    const run = async (name: string, killAfter: number) => {
      let done = 0;
      let ended = false;
      const child = startScript('match-child', [join(dir, name), JSON.stringify(BANK)], (line) => {
        ended ||= line === 'end';
        if (line === 'd' && (done += 1) === killAfter)
          setTimeout(() => child.process.kill('SIGKILL'), (done * 7) % 13);
      });
      await child.ended;
      if (!ended && killAfter === 0) throw new Error(child.stderr());
      return { done, ended };
    };
    for (let kill = 1; kill <= 8; kill += 1) {
      expect(await run('killed', 1 + (kill % 4))).toMatchObject({ ended: false });
    }
    expect((await run('killed', 0)).done).toBeGreaterThan(5);
    expect(await run('whole', 0)).toMatchObject({ done: DAYS, ended: true });
    const [killed, whole] = await Promise.all(
      ['killed', 'whole'].map(async (name) => {
        const log = await opened(name, true);
        const content = await casesIn(log, codec);
        const proof = await proveTopics(log, codec);
        await log.close();
        return { ...content, proof: proof.filter(({ topic }) => topic === 'hub.recon-case') };
      }),
    );
    expect(killed).toEqual(whole);
    expect(killed).toMatchObject({ records: DAYS * 10, proof: [{ outcome: 'equal', count: DAYS * 10 }] });
    expect(new Set([...killed!.cases.values()].map(({ result }) => result))).toEqual(
      new Set(['MISSING_LOCALLY']),
    );
    rmSync(dir, { recursive: true });
  });
});
