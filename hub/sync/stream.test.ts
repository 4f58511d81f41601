import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConnectorError, type Page, type Stream, type StreamSpec } from '../../connectors/sdk.js';
import { TOPICS, type Card } from '../../contracts/types.js';
import type { MapContext, Mapped } from '../../transforms/outcome.js';
import { openEmbeddedLog } from '../log/embedded/index.js';
import type { Log } from '../log/log.js';
import { openCodecs, recordCodec } from '../run/codec.js';
import { contentOf, proveTopics } from '../desk/reconcile.js';
import { isBalanced } from './books.js';
import { StreamRun, type StreamDeps, type StreamNote } from './stream.js';

interface Row {
  id: string;
  version: number;
  state: 'NORMAL' | 'CLOSED';
  lost: boolean;
  number: string;
  bad?: boolean;
  temporary?: boolean;
}

/** An upstream in memory: a keyset listing and a feed of whole rows. */
class FakeUpstream implements Stream {
  readonly rows = new Map<string, Row>();
  readonly feed: Row[] = [];
  pageSize = 3;
  listedPages = 0;
  forgetsCursors = false;
  /** Name of the listing, where it has one. */
  name: string | null = null;
  asOf: number | null = null;
  constructor(readonly spec: StreamSpec) {}
  listing(): Promise<{ name: string; asOf: number }> {
    return Promise.resolve({ name: this.name ?? String(this.listedPages), asOf: this.asOf ?? 1_000_000 });
  }
  put(row: Partial<Row> & { id: string }): void {
    const before = this.rows.get(row.id);
    const version = (before?.version ?? 0) + 1;
    const next: Row = { ...(before ?? { state: 'NORMAL', lost: false, number: row.id }), ...row, version };
    this.rows.set(row.id, next);
    this.feed.push(next);
  }
  feedStart(): Promise<number> {
    return Promise.resolve(this.feed.length);
  }
  snapshotPage(cursor: unknown): Promise<Page> {
    this.listedPages += 1;
    const ids = [...this.rows.keys()].sort().filter((id) => typeof cursor !== 'string' || id > cursor);
    const page = ids.slice(0, this.pageSize).map((id) => this.rows.get(id) as Row);
    const state = ids.length > this.pageSize ? 'more' : 'end';
    return Promise.resolve(this.#page(page, page.at(-1)?.id ?? null, state, (row) => row.id));
  }
  changes(cursor: unknown): Promise<Page> {
    if (this.forgetsCursors) return Promise.reject(new ConnectorError('CURSOR', 'gone', 'never'));
    const from = cursor as number;
    const rows = this.feed.slice(from, from + this.pageSize);
    const next = from + rows.length;
    const state = next < this.feed.length ? 'more' : 'end';
    return Promise.resolve(this.#page(rows, next, state, (_row, i) => `f${from + i}`));
  }
  #page(
    rows: Row[],
    next: string | number | null,
    state: 'more' | 'end',
    at: (row: Row, i: number) => string,
  ): Page {
    return {
      rows: rows.map((row, i) => ({
        id: row.id,
        at: at(row, i),
        data: row,
        raw: Buffer.from(JSON.stringify(row)),
      })),
      next,
      state,
      asOf: this.asOf ?? 1_000_000 + this.feed.length,
      ...(this.name === null ? {} : { listing: this.name }),
    };
  }
}

function mapRow(data: unknown, context: MapContext): Mapped {
  const row = data as Row;
  if (row.bad === true)
    return { kind: 'reject', reason: 'DATE_INVALID', path: '/expdate', detail: 'no date' };
  const key = `${context.source}:${row.id}`;
  const value: Card = {
    cardKey: key,
    source: context.source,
    cardId: row.id,
    version: row.version,
    holder: null,
    accountKey: null,
    cardType: 'FORMAL',
    state: row.state,
    stateReason: null,
    lost: row.lost,
    frozen: false,
    damaged: false,
    locked: false,
    lostAt: null,
    frozenCause: null,
    validFrom: null,
    validUntil: null,
    replacedBy: null,
    replaces: null,
    credentials: [{ scheme: 'UID', value: row.number }],
    changedAt: null,
    dataQuality: [],
  };
  if (row.temporary === true) {
    const { cardKey, source, cardId, version, state, stateReason, lost, frozen, damaged, locked } = value;
    const flags = { state, stateReason, lost, frozen, damaged, locked };
    const { validFrom, validUntil, credentials, changedAt, dataQuality } = value;
    const rest = { validFrom, validUntil, credentials, changedAt, dataQuality };
    const kept = { cardKey, source, cardId, version, kind: 'TEMPORARY', ...flags, ...rest };
    const record = { topic: 'hub.out-of-scope-card', key, version, value: kept, time: context.asOf };
    return { kind: 'records', records: [record], marks: [], filtered: 'TEMPORARY_CARD' };
  }
  const records = [{ topic: 'master.card', key, version: row.version, value, time: context.asOf }];
  return { kind: 'records', records, marks: [] };
}

const spec: StreamSpec = {
  name: 'cards',
  title: { en: 'Cards', zh: '卡' },
  after: [],
  kind: 'state',
  maps: 'card',
  rowSchema: { type: 'object', required: ['id'] },
  listing: { absence: 'keyset' },
  feed: true,
  delivery: 'test',
  pollMsDefault: 10,
};

let dir: string;
let log: Log;
let upstream: FakeUpstream;
let now: number;
const notes: StreamNote[] = [];
const codecs = openCodecs();
const signal = new AbortController().signal;

function deps(): StreamDeps {
  return {
    id: 'qau/core/cards/0',
    source: 'core',
    stream: upstream,
    log,
    codec: recordCodec(codecs, '/qau/core/cards', () => 5),
    mapping: mapRow,
    validate: new Ajv2020().compile(spec.rowSchema),
    profile: {},
    timing: { pollMs: 1_000, snapshotEveryMs: 100_000 },
    limit: { count: 2, percent: 5 },
    pseudonym: (text) => `p${text.length}`,
    readerProfile: () => undefined,
    seal: (raw) => ({
      algorithm: 'none',
      keyId: '1970-01-01',
      nonce: Buffer.alloc(12),
      data: Buffer.from(raw),
    }),
    readEvent: () => ({ content: '', tuple: null }),
    lossOf: (row) => {
      const { id, version, lost } = row as Row;
      return lost ? { cardId: id, version, lostAt: 7, marks: [] } : null;
    },
    closeAbsent: (topic, value, asOf) => ({
      topic,
      key: (value as Card).cardKey,
      version: 0,
      value: { ...(value as Card), state: 'CLOSED', stateReason: 'ABSENT_FROM_LISTING' },
      time: asOf,
    }),
    lookups: () =>
      Promise.resolve({
        cardsByCredential: () => ({ kind: 'none' as const }),
        doorKnown: () => true,
        roomOf: () => ({ kind: 'none' as const, otherDays: false }),
      }),
    now: () => now,
    note: (note) => notes.push(note),
  };
}

/** Runs until the wanted listing and the feed are done. */
async function finish(run: StreamRun): Promise<StreamRun> {
  while (!run.isDone()) await run.step(signal);
  await run.settle();
  return run;
}

async function once(): Promise<StreamRun> {
  const run = await finish(await StreamRun.open(deps(), { wantListing: true }));
  await run.close();
  expect(isBalanced(run.books)).toBe(true);
  for (const proof of await proveTopics(
    log,
    recordCodec(codecs, '/t', () => 0),
  )) {
    expect(proof.outcome, proof.topic).toBe('equal');
  }
  return run;
}

async function cards(
  topic: 'master.card' | 'hub.out-of-scope-card' = 'master.card',
): Promise<Map<string, Card>> {
  const found = new Map<string, Card>();
  for await (const batch of log.read({ topic, until: 'end' })) {
    for (const { key, value } of batch.records)
      found.set(key, codecs.codecFor(topic).decode(value as Uint8Array) as Card);
  }
  return found;
}

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cardhub-stream-'));
  log = await openEmbeddedLog({ dir, topics: TOPICS });
  await log.applyTopics(TOPICS);
  upstream = new FakeUpstream(spec);
  now = 10;
  notes.length = 0;
});

afterEach(async () => {
  await log.close();
  rmSync(dir, { recursive: true, force: true });
});

describe('one stream from its upstream to the log', () => {
  it('publishes each row once, and nothing when nothing changed', async () => {
    for (let i = 0; i < 10; i += 1) upstream.put({ id: `c${i}` });
    expect((await once()).books).toMatchObject({ read: 10, published: 10 });
    expect((await once()).books).toMatchObject({ read: 10, published: 0, unchanged: 10 });
    expect((await cards()).size).toBe(10);
  });

  it('goes on in the middle of a listing after the process died, and publishes the same', async () => {
    for (let i = 0; i < 10; i += 1) upstream.put({ id: `c${i}` });
    const first = await StreamRun.open(deps(), { wantListing: true });
    await first.step(signal);
    await first.step(signal);
    await first.settle();
    await first.close();
    const run = await finish(await StreamRun.open(deps(), { wantListing: false }));
    await run.close();
    expect(run.books.read).toBe(4);
    expect((await cards()).size).toBe(10);
    expect(run.progress.snapshotNumber).toBe(1);
  });

  it('holds 40 % of the rows gone, while a loss and a new card in that same listing take effect', async () => {
    for (let i = 0; i < 20; i += 1) upstream.put({ id: `c${10 + i}` });
    await once();
    for (let i = 0; i < 8; i += 1) upstream.rows.delete(`c${10 + i}`);
    upstream.rows.set('c20', { ...(upstream.rows.get('c20') as Row), lost: true, version: 2 });
    upstream.rows.set('c99', { id: 'c99', version: 1, state: 'NORMAL', lost: false, number: 'c99' });
    const run = await once();
    expect(run.progress.held).toMatchObject({ count: 8 });
    expect(notes.some((note) => note.kind === 'held')).toBe(true);
    const after = await cards();
    expect(after.get('core:c20')?.lost).toBe(true);
    expect(after.has('core:c99')).toBe(true);
    expect([...after.values()].filter((card) => card.state === 'CLOSED')).toHaveLength(0);
  });

  it('closes them once an operator has announced so many, across a restart in the middle', async () => {
    for (let i = 0; i < 20; i += 1) upstream.put({ id: `c${10 + i}` });
    await once();
    for (let i = 0; i < 8; i += 1) upstream.rows.delete(`c${10 + i}`);
    const first = await StreamRun.open(deps(), { wantListing: true });
    first.progress.allowances = [{ commandId: 'x', count: 8, until: 1_000 }];
    while (!first.progress.listing) await first.step(signal);
    await first.settle();
    await first.close();
    const run = await finish(await StreamRun.open(deps(), { wantListing: false }));
    await run.close();
    expect([...(await cards()).values()].filter((card) => card.state === 'CLOSED')).toHaveLength(8);
  });

  it('closes a handful of absent rows at once', async () => {
    for (let i = 0; i < 20; i += 1) upstream.put({ id: `c${10 + i}` });
    await once();
    upstream.rows.delete('c15');
    await once();
    expect((await cards()).get('core:c15')).toMatchObject({
      state: 'CLOSED',
      stateReason: 'ABSENT_FROM_LISTING',
    });
  });

  it('does not apply a row that is older than the published one', async () => {
    upstream.put({ id: 'c1', lost: true });
    upstream.put({ id: 'c1', lost: false });
    await once();
    upstream.rows.set('c1', { ...(upstream.feed[0] as Row) });
    const run = await once();
    expect(run.books.filtered).toEqual({ OLDER_THAN_PUBLISHED: 1 });
    expect((await cards()).get('core:c1')?.lost).toBe(false);
  });

  it('marks both cards of a number, republishes the earlier one, and takes the mark away again', async () => {
    upstream.put({ id: 'c1', number: '77' });
    upstream.put({ id: 'c2', number: '88' });
    upstream.put({ id: 'c3', number: '77' });
    expect((await once()).books.marked).toEqual({ AMBIGUOUS_CREDENTIAL: 2 });
    const marked = [...(await cards()).values()].filter((card) => card.dataQuality.length > 0);
    expect(marked.map((card) => card.cardId)).toEqual(expect.arrayContaining(['c1', 'c3']));
    expect((await once()).books).toMatchObject({ published: 0, marked: { AMBIGUOUS_CREDENTIAL: 2 } });
    upstream.put({ id: 'c3', number: '99' });
    await once();
    expect([...(await cards()).values()].every((card) => card.dataQuality.length === 0)).toBe(true);
  });

  it('quarantines a row that cannot be mapped once, and ends its stay when a sound one comes', async () => {
    upstream.put({ id: 'c1', bad: true });
    upstream.put({ id: 'c2' });
    expect((await once()).books).toMatchObject({ published: 1, quarantined: { DATE_INVALID: 1 } });
    const again = await once();
    expect(again.books).toMatchObject({ published: 0, quarantined: { DATE_INVALID: 1 }, records: {} });
    upstream.put({ id: 'c1', bad: false });
    expect((await once()).books.published).toBe(1);
    expect((await contentOf(log, 'hub.quarantine', 'state')).count).toBe(1);
  });

  it('quarantines a row whose id is too long for a key, and the rows after it are published', async () => {
    upstream.put({ id: '长'.repeat(2_000), bad: true });
    upstream.put({ id: 'c1' });
    expect((await once()).books).toMatchObject({ published: 1, quarantined: { DATE_INVALID: 1 } });
  });

  it('keeps a refused row no longer than its contract says, and the books still balance', async () => {
    upstream.put({ id: 'c1', bad: true });
    await once();
    expect((await contentOf(log, 'hub.quarantine', 'state')).count).toBe(1);
    now = 1_000_000 + 32 * 86_400_000;
    upstream.rows.delete('c1');
    const run = await finish(await StreamRun.open(deps(), { wantListing: true }));
    await run.step(signal);
    await run.close();
    expect((await contentOf(log, 'hub.quarantine', 'state')).count).toBe(0);
    await once();
  });

  it('takes a new listing when the feed has forgotten its cursor', async () => {
    upstream.put({ id: 'c1' });
    await once();
    const run = await StreamRun.open(deps(), { wantListing: false });
    upstream.put({ id: 'c2' });
    upstream.forgetsCursors = true;
    await run.step(signal);
    upstream.forgetsCursors = false;
    await finish(run);
    await run.close();
    expect((await cards()).has('core:c2')).toBe(true);
  });

  it('polls the feed between the pages of a listing: a loss does not wait for the listing', async () => {
    for (let i = 0; i < 12; i += 1) upstream.put({ id: `c${10 + i}` });
    await once();
    const run = await StreamRun.open(deps(), { wantListing: true });
    await run.step(signal);
    now += 2_000;
    upstream.put({ id: 'c21', lost: true });
    while (upstream.listedPages < 4 + 3) await run.step(signal);
    await run.settle();
    expect((await cards()).get('core:c21')?.lost).toBe(true);
    await run.close();
  });

  it('lets a card live on one of the two card topics only, there and back, and never by an older row', async () => {
    upstream.put({ id: 'c1', number: '77' });
    const formal = upstream.feed[0] as Row;
    await once();
    upstream.put({ id: 'c1', temporary: true });
    await once();
    expect((await cards()).get('core:c1')).toMatchObject({ state: 'CLOSED', stateReason: 'MOVED_TOPIC' });
    expect((await cards('hub.out-of-scope-card')).get('core:c1')).toMatchObject({ state: 'NORMAL' });
    const now2 = upstream.rows.get('c1') as Row;
    upstream.rows.set('c1', formal);
    expect((await once()).books.filtered).toEqual({ OLDER_THAN_PUBLISHED: 1 });
    expect((await cards()).get('core:c1')?.state).toBe('CLOSED');
    upstream.rows.set('c1', now2);
    upstream.put({ id: 'c1', temporary: false });
    await once();
    expect((await cards()).get('core:c1')).toMatchObject({ state: 'NORMAL', stateReason: null });
    expect((await cards('hub.out-of-scope-card')).get('core:c1')?.stateReason).toBe('MOVED_TOPIC');
  });

  it('keeps the number of a card that moved ambiguous with the card that shares it', async () => {
    upstream.put({ id: 'c1', number: '77' });
    upstream.put({ id: 'c2', number: '77' });
    await once();
    upstream.put({ id: 'c1', temporary: true });
    await once();
    expect((await cards()).get('core:c2')?.dataQuality).toEqual(['AMBIGUOUS_CREDENTIAL']);
    expect((await cards('hub.out-of-scope-card')).get('core:c1')?.dataQuality).toEqual([
      'AMBIGUOUS_CREDENTIAL',
    ]);
    upstream.put({ id: 'c1', number: '78' });
    await once();
    expect((await cards()).get('core:c2')?.dataQuality).toEqual([]);
  });

  it('believes the loss that a refused row reports, and nothing else of it', async () => {
    upstream.put({ id: 'c1' });
    await once();
    upstream.put({ id: 'c1', bad: true, lost: true });
    expect((await once()).books.quarantined).toEqual({ DATE_INVALID: 2 });
    expect((await cards()).get('core:c1')).toMatchObject({ lost: true, lostAt: 7, version: 2 });
    // Found again, says a row that cannot be read: the card stays lost.
    upstream.put({ id: 'c1', lost: false });
    await once();
    expect((await cards()).get('core:c1')?.lost).toBe(true);
    upstream.put({ id: 'c1', bad: false });
    await once();
    expect((await cards()).get('core:c1')).toMatchObject({ lost: false, version: 4 });
  });

  it('does not believe a loss that is older than what is published, nor one of a card never seen', async () => {
    upstream.put({ id: 'c1', bad: true, lost: true });
    await once();
    expect((await cards()).size).toBe(0);
    const stale = upstream.feed[0] as Row;
    upstream.put({ id: 'c1', bad: false, lost: false });
    await once();
    upstream.rows.set('c1', stale);
    await once();
    expect((await cards()).get('core:c1')?.lost).toBe(false);
  });

  it('counts two readings of a listing with the same name as one: an absence needs another listing', async () => {
    upstream = new FakeUpstream({ ...spec, listing: { absence: 'second-listing' }, feed: false });
    for (let i = 0; i < 6; i += 1) upstream.put({ id: `c${i}` });
    upstream.name = 'monday';
    await once();
    upstream.rows.delete('c3');
    upstream.name = 'tuesday';
    await once();
    await once();
    expect((await cards()).get('core:c3')?.state).toBe('NORMAL');
    upstream.name = 'wednesday';
    await once();
    expect((await cards()).get('core:c3')?.state).toBe('CLOSED');
  });

  it('goes on holding what two listings proved, however often the second one is read', async () => {
    upstream = new FakeUpstream({ ...spec, listing: { absence: 'second-listing' }, feed: false });
    for (let i = 0; i < 20; i += 1) upstream.put({ id: `c${10 + i}` });
    upstream.name = 'monday';
    await once();
    for (let i = 0; i < 8; i += 1) upstream.rows.delete(`c${10 + i}`);
    upstream.name = 'tuesday';
    expect((await once()).progress.held).toBeNull();
    upstream.name = 'wednesday';
    expect((await once()).progress.held?.count).toBe(8);
    expect((await once()).progress.held?.count).toBe(8);
  });

  it('does not read a listing again that it has read: the poll succeeded, as of the time that it states', async () => {
    upstream = new FakeUpstream({ ...spec, feed: false });
    for (let i = 0; i < 4; i += 1) upstream.put({ id: `c${i}` });
    upstream.name = 'monday';
    upstream.asOf = 5_000;
    const run = await finish(await StreamRun.open(deps(), { wantListing: false }));
    while (run.progress.snapshotCompletedAt === null) await run.step(signal);
    expect(await run.step(signal)).toBe(1_000);
    const { sequence } = run.progress;
    upstream.asOf = 6_000;
    now += 1_000;
    expect(await run.step(signal)).toBe(0);
    expect(await run.step(signal)).toBe(1_000);
    expect(upstream.listedPages).toBe(2);
    expect(run.progress).toMatchObject({ sequence: sequence + 1, asOf: 6_000, snapshotNumber: 1 });
    upstream.name = 'tuesday';
    now += 1_000;
    await run.step(signal);
    // The first page of the new listing, and the one behind it, pulled ahead.
    expect(upstream.listedPages).toBe(4);
    await finish(run);
    run.wantListing();
    await finish(run);
    expect(upstream.listedPages).toBe(6);
    await run.close();
  });

  it('begins at the oldest of a feed without a listing, or now where the stream says so, also after a restart', async () => {
    upstream = new FakeUpstream({ ...spec, listing: null });
    upstream.put({ id: 'before' });
    const open = () => StreamRun.open(deps(), { wantListing: false });
    const all = await finish(await open());
    expect([...(await cards()).keys()]).toEqual(['core:before']);
    await all.close();
    const told = Object.assign(new FakeUpstream({ ...spec, name: 'others', listing: null }), {
      beginsNow: true as const,
    });
    upstream = told;
    upstream.put({ id: 'not-wanted' });
    const others = () => StreamRun.open({ ...deps(), id: 'qau/core/others/0' }, { wantListing: false });
    const first = await others();
    await first.step(signal);
    await first.close();
    expect(first.progress.feedCursor).toBe(1);
    // What happens while nobody reads is behind the now that was recorded.
    upstream.put({ id: 'wanted' });
    const second = await finish(await others());
    expect([...(await cards()).keys()].sort()).toEqual(['core:before', 'core:wanted']);
    await second.close();
  });

  it('notes a gap where a feed without a listing has dropped entries, and goes on with what is kept', async () => {
    upstream = new FakeUpstream({ ...spec, listing: null });
    const run = await StreamRun.open(deps(), { wantListing: false });
    upstream.forgetsCursors = true;
    upstream.feedStart = () => Promise.resolve(2);
    for (let i = 0; i < 4; i += 1) upstream.put({ id: `c${i}` });
    await run.step(signal);
    expect(notes).toEqual([{ kind: 'gap', id: 'qau/core/cards/0', detail: 'gone' }]);
    await expect(run.step(signal)).rejects.toThrow('gone');
    upstream.forgetsCursors = false;
    await finish(run);
    expect([...(await cards()).keys()].sort()).toEqual(['core:c2', 'core:c3']);
    await run.close();
  });
});
