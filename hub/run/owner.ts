import { LogError, type Log, type Ownership } from '../log/log.js';
import type { Directory } from '../sync/directory.js';
import { runStream, type CommandQueue } from '../sync/runner.js';
import type { StreamCommand } from '../sync/stream.js';
import type { PlannedStream } from './sources.js';

/**
 * Runs the streams whose source partitions this process owns, for as long as it owns them.
 *
 *   assigned ──▶ a runner for each ──▶ revoked ──▶ abort, wait until nothing writes any more
 *                    │ fenced: another owner is at work; leave the group and join again
 */

const REJOIN_MS = 3_000;

export interface OwnerOptions {
  readonly log: Log;
  readonly streams: readonly PlannedStream[];
  readonly directory: Directory;
  readonly random: () => number;
  readonly onFatal: (error: Error) => void;
  readonly onOwned?: (ids: readonly string[]) => void;
}

export interface Owner {
  owned(): readonly string[];
  /** Gives a command to the stream's runner. @returns false when this process does not own it. */
  command(id: string, command: StreamCommand): boolean;
  stop(): Promise<void>;
}

interface Running {
  readonly stop: AbortController;
  readonly queue: MutableQueue;
  readonly ended: Promise<void>;
}

export async function startOwner(options: OwnerOptions): Promise<Owner> {
  const running = new Map<string, Running>();
  let ownership: Ownership | null = null;
  let stopped = false;
  let rejoining: Promise<void> | null = null;

  const begin = (planned: PlannedStream): void => {
    const { id } = planned.deps;
    const stop = new AbortController();
    const queue = commandQueue();
    const ended = runStream({
      deps: planned.deps,
      signal: stop.signal,
      stillOwner: () => ownership?.owns(id) ?? false,
      mode: 'follow',
      random: options.random,
      commands: queue,
      ready: (signal) => options.directory.recorded(planned.after, signal),
    }).then(
      () => undefined,
      (error: unknown) => {
        if (stop.signal.aborted) return;
        if (error instanceof LogError && error.code === 'FENCED') rejoin();
        else options.onFatal(error instanceof Error ? error : new Error(String(error)));
      },
    );
    running.set(id, { stop, queue, ended });
  };
  const end = async (ids: readonly string[]): Promise<void> => {
    const ending = ids.flatMap((id) => running.get(id) ?? []);
    for (const one of ending) one.stop.abort();
    await Promise.all(ending.map(({ ended }) => ended));
    for (const id of ids) running.delete(id);
  };
  const join = async (): Promise<void> => {
    ownership = await options.log.own(
      options.streams.map(({ deps }) => deps.id),
      {
        assigned: async (ids) => {
          for (const planned of options.streams) if (ids.includes(planned.deps.id)) begin(planned);
          options.onOwned?.([...running.keys()]);
        },
        revoked: async (ids) => {
          await end(ids);
          options.onOwned?.([...running.keys()]);
        },
      },
    );
  };
  /** Fenced: somebody else writes. Only a new assignment may make this process a writer again. */
  const rejoin = (): void => {
    rejoining ??= (async () => {
      await ownership?.release();
      await new Promise((resolve) => setTimeout(resolve, REJOIN_MS));
      rejoining = null;
      if (!stopped) await join();
    })().catch((error: unknown) =>
      options.onFatal(error instanceof Error ? error : new Error(String(error))),
    );
  };

  await join();
  return {
    owned: () => [...running.keys()],
    command(id, command) {
      const target = running.get(id);
      target?.queue.put(command);
      return target !== undefined;
    },
    async stop() {
      stopped = true;
      await rejoining;
      await ownership?.release();
      await end([...running.keys()]);
    },
  };
}

interface MutableQueue extends CommandQueue {
  put(command: StreamCommand): void;
}

function commandQueue(): MutableQueue {
  let waiting: StreamCommand[] = [];
  let wake: () => void = () => undefined;
  return {
    put(command) {
      waiting.push(command);
      wake();
    },
    take() {
      const taken = waiting;
      waiting = [];
      return taken;
    },
    onArrival(callback) {
      wake = callback;
      if (waiting.length > 0) callback();
    },
  };
}
