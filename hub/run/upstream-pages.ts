import { ConnectorError, type Cursor, type Page, type Stream } from '../../connectors/sdk.js';
import { askLocal } from '../operate/local-socket.js';
import type { PlannedStream } from './sources.js';

/**
 * Pages of an upstream through the hub that pulls from it: a system that knows one session for each client (the card
 * core's token) would end the hub's when a second process logs in. The hub only fetches, as it always does; what is
 * done with the rows is done by the one who asks.
 *
 *   cardhub reconcile ──`upstream-page`──▶ running hub ──▶ connector ──▶ upstream
 */
interface PageRequest {
  /** Source partition. */
  readonly id: string;
  readonly ask: 'listing' | 'changes' | 'start' | 'count';
  readonly cursor: Cursor;
}

/** JSON has no bytes. */
interface SentRow {
  readonly row: Omit<Page['rows'][number], 'raw'>;
  readonly raw: string;
}

const ASK_MS_MAX = 300_000;

/** The running hub's side. Throws ConnectorError, whose code is told. */
export function upstreamPages(streams: readonly PlannedStream[]) {
  return async (body: unknown, signal: AbortSignal): Promise<unknown> => {
    const { id, ask, cursor } = body as PageRequest;
    const stream = streams.find(({ deps }) => deps.id === id)?.deps.stream;
    if (stream === undefined)
      throw new ConnectorError('CONFIG', `the running hub has no stream ${id}`, 'never');
    if (ask === 'start') return stream.feedStart(signal);
    if (ask === 'count') return (await stream.count?.(signal)) ?? null;
    const page = await (ask === 'listing'
      ? stream.snapshotPage(cursor, signal)
      : stream.changes(cursor, signal));
    return { ...page, rows: page.rows.map(sent) };
  };
}

function sent(row: Page['rows'][number]): SentRow {
  const { id, at, data, lineId, damage } = row;
  const known = { ...(lineId === undefined ? {} : { lineId }), ...(damage === undefined ? {} : { damage }) };
  return { row: { id, at, data, ...known }, raw: Buffer.from(row.raw).toString('base64') };
}

/** The same stream, asked through the hub that runs on this data folder. */
export function throughHub(stream: Stream, id: string, dataDir: string): Stream {
  const ask = async <T>(what: PageRequest['ask'], cursor: Cursor, signal: AbortSignal): Promise<T> => {
    const request: PageRequest = { id, ask: what, cursor };
    const answer = await askLocal(dataDir, 'upstream-page', request, { timeoutMs: ASK_MS_MAX, signal });
    signal.throwIfAborted();
    if (answer.ok) return answer.result as T;
    throw new ConnectorError(answer.code as ConnectorError['code'], answer.message, 'later');
  };
  const page = async (what: 'listing' | 'changes', cursor: Cursor, signal: AbortSignal): Promise<Page> => {
    const given = await ask<Omit<Page, 'rows'> & { rows: SentRow[] }>(what, cursor, signal);
    const rows = given.rows.map(({ row, raw }) => ({ ...row, raw: Buffer.from(raw, 'base64') }));
    return { ...given, rows };
  };
  const hasCount = stream.count !== undefined;
  return {
    spec: stream.spec,
    ...(stream.beginsNow && { beginsNow: true }),
    feedStart: (signal) => ask('start', null, signal),
    snapshotPage: (cursor, signal) => page('listing', cursor, signal),
    changes: (cursor, signal) => page('changes', cursor, signal),
    ...(hasCount && { count: (signal) => ask<number>('count', null, signal) }),
  };
}
