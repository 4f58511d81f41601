import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startCampus, type Campus } from '../campus/main.js';
import type { LifeRequest } from '../campus/world/life.js';
import { connectors } from '../connectors/index.js';
import type { Account, Card, CardTransaction, Device, TopUp } from '../contracts/types.js';
import { loadConfig } from '../hub/config/load.js';
import { writeDemoConfig } from '../hub/demo/campus-config.js';
import { proveTopics } from '../hub/desk/reconcile.js';
import { proveUpstream } from '../hub/desk/reconcile-upstream.js';
import { openHub, type HubParts } from '../hub/run/hub.js';
import { syncOnce } from '../hub/run/once.js';
import { replayWallet, type WalletStep } from '../transforms/balance.js';

/** The money of the card core, from people who eat to the log, over real sockets. */

/** 2026-09-01 12:00 in Shanghai. */
const NOON = Date.UTC(2026, 8, 1, 4);
const HOUR = 3_600_000;
const PERSON = '1000000010';
const ACCOUNT = 'core:100001';
let dir: string;
let campus: Campus;

/** All records, oldest first; of a state topic the newest of each key. */
async function read<T>(hub: HubParts, topic: string): Promise<Map<string, T>[]> {
  const events: Map<string, T>[] = [];
  for await (const batch of hub.log.read({ topic, until: 'end' })) {
    for (const { key, value } of batch.records) {
      if (value !== null) events.push(new Map([[key, hub.codec.decode(topic, value) as T]]));
    }
  }
  return events;
}

interface Pulled {
  readonly streams: Record<string, Record<string, unknown>>;
  readonly accounts: Map<string, Account>;
  readonly cards: Map<string, Card>;
  readonly devices: Map<string, Device>;
  readonly trades: readonly CardTransaction[];
  readonly topUps: readonly TopUp[];
}

/** Pulls everything once, as `sync --once` does, and proves topics and books. */
async function pull(): Promise<Pulled> {
  const path = writeDemoConfig({ dir, campus, port: 0 });
  const loaded = loadConfig(path, { env: {}, specs: Object.values(connectors).map(({ spec }) => spec) });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const core = loaded.config.sources.filter(({ name }) => name === 'core');
  const hub = await openHub(
    { ...loaded.config, sources: core },
    { connectors: Object.values(connectors), now: () => campus.clock.now(), once: true },
  );
  const stop = new AbortController();
  try {
    hub.follow(stop.signal);
    const { streams, directory } = hub;
    const deps = { streams, directory, owns: () => true, random: () => 0.5, signal: stop.signal };
    const report = await syncOnce(deps);
    expect(report.balanced).toBe(true);
    for (const proof of await proveTopics(hub.log, hub.codec)) {
      expect(proof.outcome, proof.topic).toBe('equal');
    }
    for (const planned of streams) {
      const proof = await proveUpstream(planned.deps, stop.signal);
      expect(proof, proof.stream).toMatchObject({ outcome: 'equal' });
    }
    const newest = async <T>(topic: string) =>
      new Map((await read<T>(hub, topic)).flatMap((entry) => [...entry]));
    const values = async <T>(topic: string) =>
      (await read<T>(hub, topic)).flatMap((entry) => [...entry.values()]);
    return {
      streams: Object.fromEntries(report.streams.map((one) => [one.stream, { ...one }])),
      accounts: await newest('master.account'),
      cards: await newest('master.card'),
      devices: await newest('master.device'),
      trades: await values('master.card-transaction'),
      topUps: await values('master.top-up'),
    };
  } finally {
    stop.abort();
    await hub.close();
  }
}

const live = (request: LifeRequest) => campus.life({ card: PERSON, ...request });
const wallet = (trades: readonly CardTransaction[]): WalletStep[] =>
  trades.flatMap((trade) => {
    const { balanceBeforeFen, balanceAfterFen, counter, status } = trade;
    if (balanceBeforeFen === null || balanceAfterFen === null || counter === null) return [];
    return status === 'SUCCESS' ? [{ ...trade, balanceBeforeFen, balanceAfterFen, counter }] : [];
  });
const of = (trades: readonly CardTransaction[]) =>
  trades.filter(({ cardKey }) => cardKey === `core:${PERSON}`);

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cardhub-money-'));
  const clock = { now: NOON, rate: 0 };
  campus = await startCampus({ dir: join(dir, 'campus'), seed: 11, people: 60, clock, life: false });
});
afterEach(async () => {
  await campus.close();
  rmSync(dir, { recursive: true, force: true });
});

/** A POS that has a network at this hour, and of a kind. */
const CANTEEN = 'T-00007';

describe('money that is paid in by phone', () => {
  it('waits apart from the card’s balance until a canteen POS claims it', async () => {
    live({ event: 'topup', amountFen: 5_000, channel: 'alipay' });
    const before = await pull();
    const waiting = before.accounts.get(ACCOUNT)!;
    expect(before.topUps.map(({ stage }) => stage)).toEqual(['ACCEPTED', 'PENDING_CLAIM']);
    expect(waiting.pendingClaimFen).toBeGreaterThanOrEqual(5_000);
    expect(waiting.totalFen).toBe(waiting.ledgerFen! + waiting.pendingClaimFen!);
    expect(waiting.spendableOnCardFen, 'pending money is not on the card').toBe(waiting.cardWalletFen);

    live({ event: 'spend', usage: '13', amountFen: 100 });
    expect((await pull()).accounts.get(ACCOUNT)!.pendingClaimFen, 'a supermarket claims nothing').toBe(
      waiting.pendingClaimFen,
    );
    live({ event: 'spend', usage: '11', amountFen: 900, device: CANTEEN });
    const after = await pull();
    const account = after.accounts.get(ACCOUNT)!;
    expect(account.pendingClaimFen).toBe(0);
    expect(account.ledgerFen).toBe(waiting.ledgerFen! + waiting.pendingClaimFen! - 1_000);
    const claimed = after.topUps.at(-1)!;
    expect(claimed).toMatchObject({ stage: 'CLAIMED', channel: 'ALIPAY', amountFen: 5_000, dataQuality: [] });
    expect(of(after.trades).map(({ kind, usage }) => usage ?? kind)).toEqual([
      'SUPERMARKET',
      'PENDING_CLAIMED',
      'CANTEEN_DINING',
    ]);
    expect(replayWallet(wallet(of(after.trades)))).toEqual([]);
    expect(account).toMatchObject({ daySpentFen: 1_000, withoutPasswordFen: 4_000 });
  });

  it('is refused in the night, and cash is refused outside the machine’s hours', () => {
    campus.clock.set({ now: NOON + 11.5 * HOUR });
    expect(live({ event: 'topup' }).refused[0]?.reason).toBe('CLOSED_NOW');
    expect(live({ event: 'cash' }).refused[0]?.reason).toBe('CLOSED_NOW');
    campus.clock.set({ now: NOON + 17 * HOUR });
    expect(live({ event: 'cash' }).done).toBe(1);
  });
});

describe('a POS without a network for a day', () => {
  it('uploads what it kept: late, in its own order, once however often it is imported', async () => {
    live({ event: 'pos-offline', device: CANTEEN });
    for (const amountFen of [500, 600, 700]) live({ event: 'spend', device: CANTEEN, amountFen });
    const before = await pull();
    expect(of(before.trades)).toEqual([]);
    const base = before.accounts.get(ACCOUNT)!;

    campus.clock.set({ now: NOON + 25 * HOUR });
    campus.advance();
    const uploaded = await pull();
    const late = of(uploaded.trades);
    expect(late.map(({ amountFen }) => amountFen)).toEqual([500, 600, 700]);
    for (const trade of late) {
      expect(trade).toMatchObject({ offline: true, dataType: 'OFFLINE_AUTO', dataQuality: ['LATE_UPLOAD'] });
      expect(trade.accountingDate! - trade.businessDate, 'yesterday is reopened').toBe(1);
    }
    expect(uploaded.accounts.get(ACCOUNT)!.ledgerFen).toBe(base.ledgerFen! - 1_800);
    expect(replayWallet(wallet(late))).toEqual([]);
    expect(replayWallet(wallet(late.filter((_, i) => i !== 1)))).toMatchObject([
      { code: 'MISSING_BEFORE', missing: 1, gapFen: -600 },
    ]);

    expect(campus.life({ event: 'upload-again' }).done).toBe(3);
    const again = await pull();
    expect(again.streams['transactions']).toMatchObject({ read: 3, unchanged: 3, published: 0 });
    expect(again.trades.length).toBe(uploaded.trades.length);

    campus.life({ event: 'upload-again', changed: true });
    const changed = await pull();
    expect(changed.streams['transactions']).toMatchObject({
      read: 3,
      unchanged: 2,
      quarantined: { DUPLICATE_KEY_DIFFERENT: 1 },
    });
    expect(changed.trades.length).toBe(uploaded.trades.length);
  });

  it('is shown as offline while it is', async () => {
    campus.life({ event: 'pos-offline', device: CANTEEN });
    expect((await pull()).devices.get(`core:${CANTEEN}`)).toMatchObject({ health: 'OFFLINE' });
    campus.clock.set({ now: NOON + 26 * HOUR });
    expect((await pull()).devices.get(`core:${CANTEEN}`)).toMatchObject({ health: 'ONLINE' });
  });
});

describe('a card that is lifted too fast', () => {
  it('is frozen for a cause that the hub concludes and marks; only its next use shows the money', async () => {
    live({ event: 'spend', device: CANTEEN, amountFen: 900, pulled: true });
    const frozen = await pull();
    const card = frozen.cards.get(`core:${PERSON}`)!;
    expect(card).toMatchObject({
      frozen: true,
      frozenCause: 'LIFTED_TOO_FAST_PAY',
      dataQuality: ['INFERRED'],
    });
    expect(of(frozen.trades).at(-1)).toMatchObject({ status: 'ABORTED', dataQuality: ['BALANCE_UNCERTAIN'] });
    expect(frozen.accounts.get(ACCOUNT)).toMatchObject({ frozen: true, spendableOnCardFen: 0 });
    expect(live({ event: 'spend' }).refused[0]?.reason).toBe('FROZEN');
    live({ event: 'unfreeze' });
    live({ event: 'spend', device: CANTEEN, amountFen: 100 });
    const again = await pull();
    expect(again.cards.get(`core:${PERSON}`)).toMatchObject({
      frozen: false,
      frozenCause: null,
      dataQuality: [],
    });
    expect(again.accounts.get(ACCOUNT)!.spendableOnCardFen).toBeGreaterThan(0);
  });
});

describe('power', () => {
  it('is debited from the linked bank card: the card’s own money stays as it is', async () => {
    const before = (await pull()).accounts.get(ACCOUNT)!;
    live({ event: 'spend', usage: '16', amountFen: 10_000 });
    const after = await pull();
    expect(of(after.trades).at(-1)).toMatchObject({ usage: 'ELECTRICITY', paidFrom: 'BANK_ACCOUNT' });
    expect(after.accounts.get(ACCOUNT)!.ledgerFen).toBe(before.ledgerFen);
  });
});

describe('a device', () => {
  it('lives from its application form on, and may be moved', async () => {
    const { device = '' } = campus.life({ event: 'device', step: 'apply', name: '新餐厅1号窗口' });
    expect((await pull()).devices.get(`core:${device}`)).toMatchObject({
      state: 'APPLIED',
      health: 'UNKNOWN',
    });
    for (const [step, place] of [
      ['approve', ''],
      ['install', '东苑食堂'],
      ['move', '西苑食堂'],
    ] as const) {
      expect(campus.life({ event: 'device', device, step, place }).done).toBe(1);
    }
    expect(campus.life({ event: 'device', device, step: 'approve' }).refused[0]?.reason).toBe('NO_SUCH_STEP');
    const moved = (await pull()).devices.get(`core:${device}`)!;
    expect(moved).toMatchObject({ state: 'INSTALLED', place: '西苑食堂' });
    expect(moved.life.map(({ step }) => step)).toEqual(['APPLIED', 'APPROVED', 'INSTALLED', 'MOVED']);
    campus.life({ event: 'device', device, step: 'retire' });
    const { devices } = await pull();
    expect(devices.get(`core:${device}`)).toMatchObject({ state: 'RETIRED' });
    const cash = [...devices.values()].find(({ deviceType }) => deviceType === 'CASH_MACHINE');
    expect(cash).toMatchObject({ place: '生物楼A区门厅', hours: [{ from: '05:00', until: '16:30' }] });
    expect(
      [...devices.values()].filter(({ deviceType }) => deviceType === 'REPLACEMENT_MACHINE').length,
    ).toBe(3);
  });
});

describe('a day of the campus', () => {
  it('leaves every chip’s chain whole and every ledger where its transactions put it', async () => {
    campus.clock.set({ now: NOON - 5 * HOUR });
    await campus.close();
    const clock = { now: NOON - 5 * HOUR, rate: 0 };
    const path = join(dir, 'other');
    campus = await startCampus({ dir: path, seed: 3, people: 80, clock, life: { perHour: 1 } });
    campus.advance();
    const start = await pull();
    campus.clock.set({ now: NOON + 7 * HOUR });
    campus.advance();
    const end = await pull();
    expect(end.trades.length - start.trades.length).toBeGreaterThan(100);
    const moved = new Map<string, number>();
    const before = new Set(start.trades.map(({ eventId }) => eventId));
    for (const trade of end.trades) {
      if (before.has(trade.eventId) || trade.status !== 'SUCCESS' || trade.balanceAfterFen === null) continue;
      const by = trade.balanceAfterFen - trade.balanceBeforeFen!;
      moved.set(trade.accountKey!, (moved.get(trade.accountKey!) ?? 0) + by);
    }
    for (const [key, by] of moved) {
      expect(end.accounts.get(key)!.ledgerFen, key).toBe(start.accounts.get(key)!.ledgerFen! + by);
    }
    const cards = new Set(end.trades.map(({ cardKey }) => cardKey));
    const findings = [...cards].flatMap((card) =>
      replayWallet(wallet(end.trades.filter(({ cardKey }) => cardKey === card))),
    );
    // What is missing are pulled cards (status 7), and uploads that have not come yet.
    expect(new Set(findings.map(({ code }) => code))).toEqual(
      new Set(findings.length === 0 ? [] : ['MISSING_BEFORE']),
    );
  });
});
