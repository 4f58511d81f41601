import { randomUUID } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AuditRecord } from '../../contracts/types.js';
import { hashOf, openSigner, type ChainId, type Head } from '../audit/chain.js';
import { AuditWriter } from '../audit/writer.js';
import type { StoredRecord } from '../log/log.js';
import { LocalSocketError, type LocalHandler } from '../operate/local-socket.js';
import type { Right } from '../operate/right-sockets.js';
import type { HubParts } from './hub.js';
import type { Journal } from './journal.js';
import { followTopic } from './topics.js';

/** The newest checkpoint, beside the log: who cuts the end of the log does not reach it by that. */
export const CHECKPOINT_FILE = 'audit-checkpoint.jws';
const TOPIC = 'hub.audit';
/** Chains of other hubs and starts whose heads are kept; the oldest go. */
const CHAINS_MAX = 5_000;

export interface Audit {
  readonly writer: AuditWriter;
  /** The newest that is durable; undefined: none yet since the start. */
  checkpoint(): string | undefined;
  close(): Promise<void>;
}

export interface AuditOptions {
  readonly replica: string;
  readonly journal: Journal;
  readonly onProblem: (what: string, error: unknown) => void;
}

/** Opens the chain of this start. The heads of the others are read beside, and stand in the first checkpoint. */
export async function openAudit(hub: HubParts, options: AuditOptions): Promise<Audit> {
  const { codec, config, now } = hub;
  const { replica, journal, onProblem } = options;
  const start = randomUUID();
  const others = followHeads(hub, `${replica}/${start}`, (error) => onProblem('audit heads', error));
  let newest: string | undefined;
  const writer = new AuditWriter({
    ...{ writer: replica, start, now, commit: hub.keys.pseudonym, others: others.moved },
    signer: await openSigner(config.keys.dir),
    encode: (record) => codec.encode(TOPIC, record),
    sink: {
      append: (records) =>
        journal.append(
          records.map(({ key, value, id, at }) => ({
            ...{ topic: TOPIC, key, value },
            headers: codec.headers(TOPIC, key, id, at),
          })),
        ),
    },
    onCheckpoint: (jws) => {
      newest = jws;
      keepCheckpoint(config.dataDir, jws, onProblem);
    },
    onAlarm: ({ code, cause }) => onProblem(`audit ${code}`, cause),
  });
  return {
    writer,
    checkpoint: () => newest,
    close: async () => {
      await writer.close();
      others.stop();
    },
  };
}

function keepCheckpoint(
  dataDir: string,
  jws: string,
  onProblem: (what: string, error: unknown) => void,
): void {
  const path = join(dataDir, CHECKPOINT_FILE);
  try {
    writeFileSync(`${path}.draft`, `${jws}\n`, { mode: 0o600 });
    renameSync(`${path}.draft`, path);
  } catch (error) {
    onProblem('audit checkpoint was not kept beside the log', error);
  }
}

/** Follows the chains of the others from the beginning; of each only its last value is kept. */
function followHeads({ log, codec }: HubParts, own: ChainId, onProblem: (error: unknown) => void) {
  const stop = new AbortController();
  const last = new Map<ChainId, Uint8Array>();
  let moved = new Set<ChainId>();
  const keep = ({ key, value }: StoredRecord): void => {
    if (key === own || value === null) return;
    last.delete(key);
    last.set(key, value);
    moved.add(key);
    const [oldest] = last.keys();
    if (last.size > CHAINS_MAX && oldest !== undefined) last.delete(oldest);
  };
  void followTopic(log, TOPIC, keep, { signal: stop.signal, onProblem });
  return {
    stop: () => stop.abort(),
    moved: (): readonly Head[] => {
      const chains = moved;
      moved = new Set();
      return [...chains].flatMap((chain) => {
        const value = last.get(chain);
        if (value === undefined) return [];
        const { sequence } = codec.decode(TOPIC, value) as AuditRecord;
        return [{ chain, sequence, hash: hashOf(value) }];
      });
    },
  };
}

/** What operators do is of three kinds, so that three people can hold the three rights. */
const RIGHTS: Readonly<Record<string, Right>> = {
  alert: 'operate',
  'match-banks': 'operate',
  'rotate-keys': 'operate',
  policy: 'approve',
  'clients-reload': 'approve',
};
const APPROVALS: ReadonlySet<unknown> = new Set([
  'SNAPSHOT_ACCEPT',
  'SNAPSHOT_DISCARD',
  'BATCH_ANNOUNCE',
  'QUARANTINE_DISCARD',
  'ENABLED',
]);
/** Reading changes nothing, and a terminal asks for it all the time. */
const READS: ReadonlySet<string> = new Set(['status', 'clients', 'controllers', 'upstream-page']);

export const isRead = (name: string): boolean => READS.has(name);

export function rightFor(name: string, body: unknown): Right {
  const { kind, state } = (body ?? {}) as { kind?: unknown; state?: unknown };
  return RIGHTS[name] ?? (APPROVALS.has(kind) || APPROVALS.has(state) ? 'approve' : 'operate');
}

/** The same handlers; what they were asked, by whom, and whether it was done stands in the audit trail. */
export function auditedHandlers(
  handlers: Readonly<Record<string, LocalHandler>>,
  writer: Pick<AuditWriter, 'command'>,
): Readonly<Record<string, LocalHandler>> {
  return Object.fromEntries(
    Object.entries(handlers).map(([name, handler]): [string, LocalHandler] => {
      if (READS.has(name)) return [name, handler];
      const audited: LocalHandler = async (body, signal) => {
        const { by, issuedBy, kind, state, client, sourcePartition } = (body ?? {}) as Record<
          string,
          unknown
        >;
        const account = typeof by === 'string' ? by : typeof issuedBy === 'string' ? issuedBy : 'unknown';
        const detail = { kind, state, client, sourcePartition };
        const note = (outcome: string): void =>
          writer.command(rightFor(name, body), name, account.slice(0, 128), outcome, detail);
        try {
          const answer = await handler(body, signal);
          note('OK');
          return answer;
        } catch (error) {
          const { code } = error as { code?: unknown };
          note(typeof code === 'string' ? code.slice(0, 64) : 'FAILED');
          throw error;
        }
      };
      return [name, audited];
    }),
  );
}

/** What a socket of one right alone answers: reads that show nobody's data, and the commands of that right. */
export function handlersOfRight(
  handlers: Readonly<Record<string, LocalHandler>>,
  right: Right,
  writer: Pick<AuditWriter, 'command'>,
): Readonly<Record<string, LocalHandler>> {
  const shown = Object.entries(handlers).filter(([name]) => name !== 'upstream-page');
  return Object.fromEntries(
    shown.map(([name, handler]): [string, LocalHandler] => {
      if (READS.has(name)) return [name, handler];
      const only: LocalHandler = async (body, signal) => {
        const needed = rightFor(name, body);
        if (needed === right) return handler(body, signal);
        writer.command(needed, name, `socket:${right}`, 'NOT_ALLOWED', {});
        const message = `expected the right ${needed} for this; came who has ${right} (operators in hub.yaml)`;
        throw new LocalSocketError('NOT_ALLOWED', message, 'never');
      };
      return [name, only];
    }),
  );
}
