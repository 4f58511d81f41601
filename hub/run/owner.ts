import { LogError, type Log, type Ownership } from '../log/log.js';
import type { Directory } from '../sync/directory.js';
import { runStream, type CommandQueue } from '../sync/runner.js';
import type { Published } from '../sync/published.js';
import type { StreamCommand } from '../sync/stream.js';
import type { Holding } from '../tables/holding.js';
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
  /** What else one hub at a time does, each with a source partition of its own. */
  readonly tasks?: readonly OwnedTask[];
  readonly directory: Directory;
  readonly random: () => number;
  readonly onFatal: (error: Error) => void;
  readonly onOwned?: (ids: readonly string[]) => void;
}

/** Work on a source partition that no stream feeds. */
export interface OwnedTask {
  readonly id: string;
  /** Ends when aborted, writing no more. @throws LogError FENCED, or what the hub cannot go on with */
  run(signal: AbortSignal): Promise<void>;
  /** What it holds in memory. */
  holdings?(): readonly Holding[];
}

export interface Owner {
  owned(): readonly string[];
  /** What the streams and tasks that are owned hold in memory, of each its own. */
  holdings(): readonly Holding[];
  /** Gives a command to the stream's runner. @returns false when this process does not own it. */
  command(id: string, command: StreamCommand): boolean;
  stop(): Promise<void>;
}

interface Running {
  readonly stop: AbortController;
  readonly queue: MutableQueue;
  readonly ended: Promise<void>;
  readonly holdings: () => readonly Holding[];
}

/** The runners of the streams that are owned right now. */
class Runners {
  readonly #running = new Map<string, Running>();
  constructor(
    readonly options: OwnerOptions,
    readonly owns: (id: string) => boolean,
    readonly onFenced: () => void,
  ) {}

  ids(): readonly string[] {
    return [...this.#running.keys()];
  }

  queue(id: string): MutableQueue | undefined {
    return this.#running.get(id)?.queue;
  }

  holdings(): readonly Holding[] {
    return [...this.#running.values()].flatMap(({ holdings }) => holdings());
  }

  begin(planned: PlannedStream): void {
    const { id } = planned.deps;
    let published: Published | null = null;
    const holdings = (): readonly Holding[] => published?.holdings() ?? [];
    this.#start(id, holdings, (signal, queue) =>
      runStream({
        onRun: (run) => (published = run.published),
        deps: planned.deps,
        signal,
        stillOwner: () => this.owns(id),
        mode: 'follow',
        random: this.options.random,
        commands: queue,
        ready: (until) => this.options.directory.recorded(planned.after, until),
      }),
    );
  }

  beginTask(task: OwnedTask): void {
    this.#start(
      task.id,
      () => task.holdings?.() ?? [],
      (signal) => task.run(signal),
    );
  }

  #start(
    id: string,
    holdings: () => readonly Holding[],
    run: (signal: AbortSignal, queue: MutableQueue) => Promise<unknown>,
  ): void {
    const stop = new AbortController();
    const queue = commandQueue();
    const ended = run(stop.signal, queue).then(
      () => undefined,
      (error: unknown) => {
        if (stop.signal.aborted) return;
        if (error instanceof LogError && error.code === 'FENCED') this.onFenced();
        else this.options.onFatal(asError(error));
      },
    );
    this.#running.set(id, { stop, queue, ended, holdings });
  }

  async end(ids: readonly string[]): Promise<void> {
    const ending = ids.flatMap((id) => this.#running.get(id) ?? []);
    for (const one of ending) one.stop.abort();
    await Promise.all(ending.map(({ ended }) => ended));
    for (const id of ids) this.#running.delete(id);
  }
}

export async function startOwner(options: OwnerOptions): Promise<Owner> {
  let ownership: Ownership | null = null;
  let stopped = false;
  let rejoining: Promise<void> | null = null;

  const tasks = options.tasks ?? [];
  const join = async (): Promise<void> => {
    const ids = [...options.streams.map(({ deps }) => deps.id), ...tasks.map(({ id }) => id)];
    ownership = await options.log.own(ids, {
      assigned: async (assigned) => {
        for (const planned of options.streams) {
          if (assigned.includes(planned.deps.id)) runners.begin(planned);
        }
        for (const task of tasks) if (assigned.includes(task.id)) runners.beginTask(task);
        options.onOwned?.(runners.ids());
      },
      revoked: async (revoked) => {
        await runners.end(revoked);
        options.onOwned?.(runners.ids());
      },
    });
  };
  const leaveAndJoin = async (): Promise<void> => {
    await ownership?.release();
    await new Promise((resolve) => setTimeout(resolve, REJOIN_MS));
    rejoining = null;
    if (!stopped) await join();
  };
  /** Fenced: somebody else writes. Only a new assignment may make this process a writer again. */
  const rejoin = (): void => {
    rejoining ??= leaveAndJoin().catch((error: unknown) => options.onFatal(asError(error)));
  };
  const runners = new Runners(options, (id) => ownership?.owns(id) ?? true, rejoin);

  await join();
  return {
    owned: () => runners.ids(),
    holdings: () => runners.holdings(),
    command(id, command) {
      const queue = runners.queue(id);
      queue?.put(command);
      return queue !== undefined;
    },
    async stop() {
      stopped = true;
      await rejoining;
      await ownership?.release();
      await runners.end(runners.ids());
    },
  };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
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
