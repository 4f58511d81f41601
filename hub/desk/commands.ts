import { randomUUID } from 'node:crypto';
import type { SourceRow } from '../../connectors/sdk.js';
import type { Command, Quarantine } from '../../contracts/types.js';
import type { LogRecord, StoredRecord } from '../log/log.js';
import { openRaw, type DayKeys } from '../operate/secrets.js';
import { emptyBooks } from '../sync/books.js';
import type { RecordCodec, RowBatch } from '../sync/rows.js';
import type { StreamCommand, StreamRun } from '../sync/stream.js';

/**
 * What operators ask of a stream (rule 14). A command is a record on `hub.command`, keyed by the source
 * partition, so that all commands of one stream stand in one partition in order. Its owner executes each once:
 * the offset of the last one executed is part of the position that its effect is committed with.
 */
export type CommandKind =
  | 'QUARANTINE_REPLAY'
  | 'QUARANTINE_DISCARD'
  | 'SNAPSHOT_ACCEPT'
  | 'SNAPSHOT_DISCARD'
  | 'BATCH_ANNOUNCE'
  | 'RESYNC'
  /** For the matching of banks, see `case-decisions.ts`. */
  | 'RECON_DECIDE';

export interface CommandRequest {
  readonly kind: CommandKind;
  /** `tenant/source/stream/shard` */
  readonly sourcePartition: string;
  /**
   * QUARANTINE_*: `{rowKeys: string[]}`, empty: all open rows of the stream. BATCH_ANNOUNCE: `{count, until}`
   * (epoch ms). RECON_DECIDE: `{caseKey, state, reason}`. Others: `{}`.
   */
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly issuedBy: string;
}

/** How long an operator's acceptance of held absences stands: one more listing is taken in that time. */
const ACCEPT_MS = 24 * 3_600_000;
/** Rows that one replay command takes at a time. */
const REPLAY_CHUNK = 1_000;

export function commandRecord(request: CommandRequest, codec: RecordCodec, now: number): LogRecord {
  const value: Command = {
    commandId: randomUUID(),
    kind: request.kind,
    sourcePartition: request.sourcePartition,
    arguments: JSON.stringify(request.arguments),
    issuedBy: request.issuedBy,
    issuedAt: now,
  };
  return {
    topic: 'hub.command',
    key: request.sourcePartition,
    value: codec.encode('hub.command', value),
    headers: codec.headers('hub.command', request.sourcePartition, value.commandId, now),
  };
}

export interface CommandDeps {
  readonly days: DayKeys;
  readonly now: () => number;
}

/** The work that a command record asks of its stream's owner; null when it is none of this hub's kinds. */
export function streamCommand(
  record: StoredRecord,
  codec: RecordCodec,
  deps: CommandDeps,
): StreamCommand | null {
  if (record.value === null) return null;
  const command = codec.decode('hub.command', record.value) as Command;
  const work = workOf(command, deps);
  if (work === null) return null;
  return async (run) => {
    if (record.offset <= run.progress.commandOffset) return;
    await run.settle();
    run.progress.commandOffset = record.offset;
    const batch = await work(run);
    await run.commit(batch, 'CHANGES');
  };
}

type Work = (run: StreamRun) => Promise<RowBatch>;

const nothing = (): RowBatch => ({ records: [], books: emptyBooks() });

function workOf(command: Command, deps: CommandDeps): Work | null {
  const wanted = JSON.parse(command.arguments) as { rowKeys?: string[]; count?: number; until?: number };
  switch (command.kind as CommandKind) {
    case 'SNAPSHOT_ACCEPT':
      return async (run) => {
        const { held } = run.progress;
        if (held === null) return nothing();
        const until = deps.now() + ACCEPT_MS;
        const allowance = { commandId: command.commandId, count: held.count, until };
        run.progress.allowances = [...run.progress.allowances, allowance];
        // What was absent then may be back: the allowance is used on a listing taken now.
        run.wantListing();
        return nothing();
      };
    case 'SNAPSHOT_DISCARD':
      return async ({ progress }) => {
        progress.held = null;
        return nothing();
      };
    case 'BATCH_ANNOUNCE':
      return async ({ progress }) => {
        const { count = 0, until = 0 } = wanted;
        progress.allowances = [...progress.allowances, { commandId: command.commandId, count, until }];
        return nothing();
      };
    case 'RESYNC':
      return async (run) => {
        run.wantListing();
        return nothing();
      };
    case 'QUARANTINE_REPLAY':
      return (run) => replay(run, wanted.rowKeys ?? [], deps);
    case 'QUARANTINE_DISCARD':
      return (run) => discard(run, wanted.rowKeys ?? []);
    default:
      return null;
  }
}

function openRows(run: StreamRun, rowKeys: readonly string[]): Quarantine[] {
  const wanted = new Set(rowKeys);
  const rows: Quarantine[] = [];
  for (const [key, bytes] of run.published.entries('hub.quarantine')) {
    if (wanted.size > 0 && !wanted.has(key)) continue;
    const row = run.deps.codec.decode('hub.quarantine', bytes) as Quarantine;
    if (row.state === 'OPEN') rows.push(row);
    if (rows.length === REPLAY_CHUNK) break;
  }
  return rows;
}

/** Puts the rows through the mapping again, as if they came now; those still refused stay where they are. */
async function replay(run: StreamRun, rowKeys: readonly string[], deps: CommandDeps): Promise<RowBatch> {
  const { stream } = run.deps;
  const rows: SourceRow[] = [];
  for (const row of openRows(run, rowKeys)) {
    const opened = openRaw(row.raw, { ceId: row.rowKey, keys: deps.days });
    const data = opened.ok ? await stream.reparse?.(opened.raw) : undefined;
    if (!opened.ok || data === undefined) continue;
    rows.push({ id: row.rowId, at: `${row.at}/replay`, data, raw: opened.raw });
  }
  return run.map(rows, '', run.progress.asOf);
}

async function discard(run: StreamRun, rowKeys: readonly string[]): Promise<RowBatch> {
  return run.discardQuarantined(openRows(run, rowKeys));
}
