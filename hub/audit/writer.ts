/**
 * Writes the chain of this hub and start.
 *
 *   call ─▶ each: encoded, linked ──────────────▶ buffer (bounded) ──every 250 ms──▶ sink.append (one at a time)
 *        ─▶ counted, refused: groups (bounded) ──every 60 s, 1 s──┘
 *   every 60 s, where something moved: CHECKPOINT over the heads of all chains, signed; also into a file beside the log
 *
 * When the buffer is full, calls that need a record of their own are refused with 503 (`full`); what is lost all the
 * same is counted, and a GAP record says so. A kill loses what was added in the last 250 ms; a failed append is
 * tried again with the same bytes.
 */
import type { AuditRecord } from '../../contracts/types.js';
import type { AuditCall, AuditTrail } from '../facade/audit.js';
import { AUDITED } from '../facade/audit.js';
import { createUuid7 } from '../facade/uuid7.js';
import { Outbox, type OutboxAlarm } from '../outbox.js';
import { hashOf, type AuditSigner, type ChainId, type Head } from './chain.js';

const BUFFER_MAX = 10_000;
const APPEND_MAX = 2_000;
const FLUSH_MS = 250;
const REFUSED_EVERY_MS = 1_000;
const COUNTED_EVERY_MS = 60_000;
const CHECKPOINT_EVERY_MS = 60_000;
const GROUPS_MAX = 1_000;
/** Heads of one checkpoint: those that moved since the one before. */
const HEADS_MAX = 1_000;
const DETAIL_MAX = 2_000;

export interface AuditSink {
  /** Rejects when nothing was written. */
  append(
    records: readonly {
      readonly key: ChainId;
      readonly value: Uint8Array;
      readonly id: string;
      readonly at: number;
    }[],
  ): Promise<void>;
}

export interface AuditWriterOptions {
  readonly sink: AuditSink;
  readonly encode: (record: AuditRecord) => Uint8Array;
  readonly signer: AuditSigner;
  readonly writer: string;
  readonly start: string;
  /** Keyed, so that nobody can try out all school numbers. */
  readonly commit: (text: string) => string;
  /** Heads of other chains that moved since it was asked last. */
  readonly others?: () => readonly Head[];
  /** Told of each checkpoint that is durable. */
  readonly onCheckpoint?: (jws: string) => void;
  readonly onAlarm?: (alarm: OutboxAlarm) => void;
  readonly now: () => number;
  readonly bufferMax?: number;
}

interface Entry {
  readonly kind: AuditRecord['kind'];
  readonly at: number;
  readonly client?: string | null;
  readonly tenant?: string | null;
  readonly right?: string;
  readonly purpose?: string | null;
  readonly action?: string;
  readonly outcome?: string;
  readonly count?: number;
  readonly about?: string | null;
  readonly detail?: string | null;
  readonly checkpoint?: string | null;
}

interface Linked {
  readonly key: ChainId;
  readonly value: Uint8Array;
  readonly id: string;
  readonly at: number;
}

export class AuditWriter implements AuditTrail {
  private readonly outbox: Outbox<Linked>;
  private readonly groups = { refused: new Map<string, Entry>(), counted: new Map<string, Entry>() };
  private sequence = 0;
  private previous = '';
  /** Sequence after the last checkpoint of our own. */
  private checked = 0;
  private readonly uuid = createUuid7();
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly chain: ChainId;

  constructor(private readonly options: AuditWriterOptions) {
    this.chain = `${options.writer}/${options.start}`;
    this.outbox = new Outbox<Linked>({
      append: (records) => options.sink.append(records),
      gap: (since, count) => this.linked({ kind: 'GAP', at: since, outcome: 'BUFFER_FULL', count }),
      ...{ max: options.bufferMax ?? BUFFER_MAX, appendMax: APPEND_MAX, flushMs: FLUSH_MS },
      onAlarm: options.onAlarm,
    });
    this.add({ kind: 'START', at: options.now(), outcome: 'OK' });
    const every = (ms: number, work: () => unknown): void => {
      const timer = setInterval(() => void work(), ms);
      timer.unref();
      this.timers.push(timer);
    };
    every(REFUSED_EVERY_MS, () => this.closeGroups('refused'));
    every(COUNTED_EVERY_MS, () => this.closeGroups('counted'));
    every(CHECKPOINT_EVERY_MS, () => this.checkpoint());
  }

  get full(): boolean {
    return this.outbox.full;
  }

  get droppedCount(): number {
    return this.outbox.lostCount;
  }

  get failedAppends(): number {
    return this.outbox.failedAppends;
  }

  call({ client, tenant, scope, action, status, note }: AuditCall): void {
    const outcome = outcomeOf(status);
    const entry = { at: this.options.now(), client, tenant, right: scope, action, outcome };
    if (AUDITED[scope] === 'counted') this.group('counted', { kind: 'REQUEST', ...entry });
    else {
      const { purpose = null, about, detail } = note;
      this.add({
        kind: 'REQUEST',
        ...entry,
        ...{ purpose, about: about === undefined ? null : this.options.commit(about) },
        detail: detail === undefined ? null : JSON.stringify(detail).slice(0, DETAIL_MAX),
      });
    }
  }

  refused(refused: Parameters<AuditTrail['refused']>[0]): void {
    const { client = null, scope, action, code } = refused;
    this.group('refused', {
      kind: 'REFUSED',
      at: this.options.now(),
      client,
      right: scope,
      action,
      outcome: code,
    });
  }

  /** A request for an access token. */
  token(client: string | undefined, outcome: string): void {
    const entry: Entry = {
      kind: 'TOKEN',
      at: this.options.now(),
      client: client ?? null,
      action: '/oauth2/token',
      outcome,
    };
    if (outcome === 'ISSUED') this.add(entry);
    else this.group('refused', entry);
  }

  /** What an operator did: `right` is operate, approve or audit. */
  command(right: string, action: string, by: string, outcome: string, detail: object | null = null): void {
    this.add({
      ...{ kind: 'COMMAND', at: this.options.now(), client: `local:${by}`, right, action, outcome },
      detail: detail === null ? null : JSON.stringify(detail).slice(0, DETAIL_MAX),
    });
  }

  /** Signs the heads as they stand, where any moved; settles when that is durable or has failed once. */
  async checkpoint(): Promise<void> {
    const { others = () => [], signer, writer, start, now } = this.options;
    const { sequence, previous } = this;
    // A full buffer takes no checkpoint; the next one, when there is room, covers it all.
    if (sequence === this.checked || this.full) return;
    const at = now();
    const own = { chain: this.chain, sequence: sequence - 1, hash: previous };
    const heads = [...others().slice(1 - HEADS_MAX), own];
    const checkpoint = signer.sign({ writer, start, sequence, previous, at, heads });
    this.link({ kind: 'CHECKPOINT', at, outcome: 'OK', checkpoint });
    this.checked = this.sequence;
    const failed = this.failedAppends;
    await this.flush();
    await this.flush(); // the one under way may have begun before
    if (this.failedAppends === failed) this.options.onCheckpoint?.(checkpoint);
  }

  async flush(): Promise<void> {
    return this.outbox.flush();
  }

  /** Ends the chain, signs its end, writes the rest; for at most five seconds. */
  async close(): Promise<void> {
    for (const timer of this.timers) clearInterval(timer);
    this.closeGroups('refused');
    this.closeGroups('counted');
    for (let tries = 0; this.full && tries < 3; tries++) await this.flush();
    this.link({ kind: 'END', at: this.options.now(), outcome: 'OK' });
    await this.checkpoint();
    await this.outbox.close();
  }

  private add(entry: Entry): void {
    if (this.full) this.outbox.lost(entry.at, entry.count ?? 1);
    else this.link(entry);
  }

  private link(entry: Entry): void {
    this.outbox.push(this.linked(entry));
  }

  /** The next of the chain. */
  private linked(entry: Entry): Linked {
    const id = this.uuid(entry.at);
    const { writer, start } = this.options;
    const value = this.options.encode({
      ...{ auditId: id, writer, start, sequence: this.sequence, previous: this.previous },
      ...{ client: null, tenant: null, right: '', purpose: null, action: '', outcome: '', count: 1 },
      ...{ about: null, detail: null, checkpoint: null },
      ...entry,
    });
    this.sequence += 1;
    this.previous = hashOf(value);
    return { key: this.chain, value, id, at: entry.at };
  }

  private group(of: 'refused' | 'counted', entry: Entry): void {
    const groups = this.groups[of];
    const { kind, client, tenant, right, action, outcome } = entry;
    let key = JSON.stringify([kind, client, tenant, right, action, outcome]);
    if (!groups.has(key) && groups.size >= GROUPS_MAX) key = 'others';
    const found = groups.get(key);
    if (found !== undefined) groups.set(key, { ...found, count: (found.count ?? 1) + 1 });
    else if (key !== 'others') groups.set(key, { ...entry, count: 1 });
    else groups.set(key, { kind, at: entry.at, outcome: 'OTHERS', count: 1 });
  }

  private closeGroups(of: 'refused' | 'counted'): void {
    const groups = [...this.groups[of].values()];
    this.groups[of].clear();
    for (const entry of groups) this.add(entry);
  }
}

function outcomeOf(status: number): string {
  if (status < 400) return 'OK';
  const known: Readonly<Record<number, string>> = {
    400: 'BAD_REQUEST',
    401: 'UNAUTHORISED',
    403: 'FORBIDDEN',
    404: 'NOT_FOUND',
    429: 'RATE_LIMITED',
    503: 'UNAVAILABLE',
  };
  return known[status] ?? (status < 500 ? 'REFUSED' : 'FAILED');
}
