import { LogError, type Log } from '../log/log.js';
import { isBalanced, addBooks, emptyBooks, type BookLines } from '../sync/books.js';
import type { Directory } from '../sync/directory.js';
import { runStream, type CommandQueue } from '../sync/runner.js';
import type { StreamCommand } from '../sync/stream.js';
import type { PlannedStream } from './sources.js';

/** What one stream did in a `sync --once`, in source rows. */
export interface StreamReport extends BookLines {
  readonly source: string;
  readonly stream: string;
  /** Absences of its listing that wait for an operator, 0 when there are none. */
  readonly held: number;
}

export interface OnceReport {
  readonly streams: readonly StreamReport[];
  readonly balanced: boolean;
}

export interface OnceOptions {
  readonly streams: readonly PlannedStream[];
  readonly directory: Pick<Directory, 'reached'>;
  readonly owns: (id: string) => boolean;
  /** Operators' commands that wait on the log, by source partition; each is executed once at most. */
  readonly commands?: ReadonlyMap<string, readonly StreamCommand[]>;
  readonly random: () => number;
  readonly signal: AbortSignal;
}

/**
 * On Kafka nothing but this keeps a `sync --once` from fencing the hubs that pull the same streams, which would
 * stop and share them out anew.
 * @throws LogError LOCKED when a running hub owns one of the streams
 */
export async function refuseBesideOwners(
  log: Pick<Log, 'owners'>,
  streams: readonly PlannedStream[],
): Promise<void> {
  const owners = (await log.owners?.(streams.map(({ deps }) => deps.id))) ?? [];
  const [first] = owners;
  if (first === undefined) return;
  const more = owners.length > 1 ? ` and ${owners.length - 1} more` : '';
  const message =
    `expected no hub at work on these streams; ${first.id} is pulled by ${first.owner}${more}. ` +
    'It pulls by itself: see `cardhub status`, or stop it first. A hub that was killed is out after 6 s.';
  throw new LogError('LOCKED', message, 'later');
}

/** A stream that has run, and the last position that it wrote. */
interface Ended {
  readonly id: string;
  readonly sequence: number;
  readonly report: StreamReport;
}

/**
 * Runs every stream once: a complete listing and a drained feed. A stream starts when the streams that it
 * comes after have ended, others run side by side. The first error ends them all, and is thrown.
 */
export async function syncOnce(options: OnceOptions): Promise<OnceReport> {
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const running = new Map<string, Promise<Ended>>();
  const start = (planned: PlannedStream): Promise<Ended> => {
    const known = running.get(planned.deps.id);
    if (known !== undefined) return known;
    const ended = runOnce(planned, options, signal, async () => {
      const first = options.streams.filter((other) => planned.after.includes(other.deps.id));
      const before = await Promise.all(first.map(start));
      // Its cards are looked up as those streams left them, not as this process happens to have read them.
      await Promise.all(before.map(({ id, sequence }) => options.directory.reached(id, sequence, signal)));
    });
    running.set(planned.deps.id, ended);
    return ended;
  };
  try {
    const ended = await Promise.all(options.streams.map(start));
    const streams = ended.map(({ report }) => report);
    return { streams, balanced: streams.every(isBalanced) };
  } finally {
    stop.abort();
    await Promise.allSettled(running.values());
  }
}

async function runOnce(
  planned: PlannedStream,
  options: OnceOptions,
  signal: AbortSignal,
  ready: () => Promise<void>,
): Promise<Ended> {
  const books = emptyBooks();
  const { deps } = planned;
  const run = await runStream({
    deps: {
      ...deps,
      note: (note) => {
        if (note.kind === 'batch') addBooks(books, note.books);
        deps.note(note);
      },
    },
    signal,
    stillOwner: () => options.owns(deps.id),
    mode: 'once',
    random: options.random,
    ready,
    commands: waiting(options.commands?.get(deps.id) ?? []),
  });
  options.signal.throwIfAborted();
  const held = run?.progress.held?.count ?? 0;
  return {
    id: deps.id,
    sequence: run?.progress.sequence ?? 0,
    report: { source: deps.source, stream: deps.stream.spec.name, ...books, held },
  };
}

/** A queue that gives what it holds once; nothing arrives later. */
function waiting(commands: readonly StreamCommand[]): CommandQueue {
  let left = commands;
  return {
    take() {
      const taken = left;
      left = [];
      return taken;
    },
    onArrival: () => undefined,
  };
}
