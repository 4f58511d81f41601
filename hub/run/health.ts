import { ConnectorError } from '../../connectors/sdk.js';
import type { StreamNote } from '../sync/stream.js';

/** Why a stream stands still: the last step failed, and it is tried again by itself. */
export interface StreamTrouble {
  /** `connector.TIMEOUT`, `log.UNAVAILABLE`, … */
  readonly code: string;
  /** The connector's own word, from its closed table, e.g. `VENDOR_OFF`; null: it has none. */
  readonly reason: string | null;
  /** What was expected and what came. Holds no secret. */
  readonly message: string;
  /** First failure in a row, epoch ms. */
  readonly since: number;
  /** Next attempt, epoch ms. */
  readonly retryAt: number;
}

export interface StreamHealth {
  /** Null: the last step succeeded. */
  readonly trouble: StreamTrouble | null;
  /** When this process last had read all that the upstream had, epoch ms; null: not yet. */
  readonly caughtUpAt: number | null;
}

/** Follows the notes of the streams; only this process's own streams are known. */
export interface Health {
  note(note: StreamNote): void;
  of(id: string): StreamHealth;
}

const UNKNOWN: StreamHealth = { trouble: null, caughtUpAt: null };

export function watchHealth(now: () => number): Health {
  const streams = new Map<string, StreamHealth>();
  const of = (id: string): StreamHealth => streams.get(id) ?? UNKNOWN;
  return {
    of,
    note(note) {
      const before = of(note.id);
      if (note.kind === 'trouble') {
        const since = before.trouble?.since ?? now();
        streams.set(note.id, {
          ...before,
          trouble: { ...wordsOf(note.error), since, retryAt: now() + note.retryInMs },
        });
      } else if (note.kind === 'idle') streams.set(note.id, { trouble: null, caughtUpAt: now() });
      else if (note.kind === 'batch' && before.trouble !== null)
        streams.set(note.id, { ...before, trouble: null });
    },
  };
}

function wordsOf(error: Error): Pick<StreamTrouble, 'code' | 'reason' | 'message'> {
  const { message } = error;
  const isUpstream = error instanceof ConnectorError;
  const { code } = error as { code?: string };
  return {
    code: `${isUpstream ? 'connector' : 'log'}.${code ?? 'UNAVAILABLE'}`,
    reason: isUpstream ? (error.details.reason ?? null) : null,
    message,
  };
}
