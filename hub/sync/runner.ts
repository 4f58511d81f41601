import { ConnectorError } from '../../connectors/sdk.js';
import { LogError } from '../log/log.js';
import { StreamRun, type StreamCommand, type StreamDeps } from './stream.js';

/**
 * Keeps one stream running while this process owns its source partition.
 *
 *   open ──▶ step ⇄ wait
 *    ▲        │ upstream trouble ──▶ wait, longer each time (bounded) ──▶ step
 *    │        │ log trouble, still owner ──▶ close, open again (fences, reads the position again)
 *    └────────┘ fenced ──▶ stop for good; the ownership decides who goes on
 */

const BACKOFF_MS_MIN = 500;
const BACKOFF_MS_MAX = 30_000;
/** What only a person can mend is tried again at this pace, so that mending it is enough. */
const BACKOFF_MS_NEVER = 60_000;
/** Longest pause before a stream looks again what is due: a file's time may lie months ahead, beyond what a timer can. */
const PAUSE_MS_MAX = 3_600_000;

export interface RunnerOptions {
  readonly deps: StreamDeps;
  readonly signal: AbortSignal;
  readonly stillOwner: () => boolean;
  /** `once`: one complete listing and a drained feed, then end; upstream trouble that lasts is thrown. */
  readonly mode: 'follow' | 'once';
  readonly random: () => number;
  /** Steps that may fail in a row in `once` mode. */
  readonly attemptsMax?: number;
  /** Streams that must have been recorded before this one starts (rule 8). */
  readonly ready: (signal: AbortSignal) => Promise<void>;
  readonly commands?: CommandQueue;
  /** Told of each run that is begun. */
  readonly onRun?: (run: StreamRun) => void;
}

export interface CommandQueue {
  /** Commands to run now; the queue forgets them. */
  take(): readonly StreamCommand[];
  /** Wakes a waiting runner. */
  onArrival(wake: () => void): void;
}

export async function runStream(options: RunnerOptions): Promise<StreamRun | null> {
  const { deps, signal } = options;
  await options.ready(signal);
  let failures = 0;
  /** An append fails behind the step that gave it, so a step that went well proves nothing: the log does. */
  const stands = { sequence: -1, failures: 0 };
  let wantListing = options.mode === 'once';
  let run: StreamRun | null = null;
  try {
    while (!signal.aborted) {
      try {
        if (run === null) {
          run = await StreamRun.open(deps, { wantListing });
          if (run.progress.sequence > stands.sequence) stands.failures = 0;
          stands.sequence = run.progress.sequence;
          options.onRun?.(run);
        }
        wantListing = wantListing && !run.progress.listing;
        for (const command of options.commands?.take() ?? []) await command(run);
        const waitMs = await run.step(signal);
        failures = 0;
        if (options.mode === 'once' && run.isDone()) {
          await run.settle();
          return run;
        }
        if (waitMs > 0) await pause(waitMs, signal, options.commands);
      } catch (error) {
        if (signal.aborted) return null;
        failures += 1;
        if (error instanceof LogError) stands.failures += 1;
        if (isFinal(error, options, Math.max(failures, stands.failures))) throw error;
        // A failed append leaves our memory ahead of the log, and a dead writer: begin again from the log.
        if (!(error instanceof ConnectorError) && run !== null) {
          await run.close();
          run = null;
        }
        await backOff(error, failures, options);
      }
    }
    return null;
  } finally {
    await run?.close();
  }
}

function isFinal(error: unknown, options: RunnerOptions, failures: number): boolean {
  if (error instanceof LogError) {
    if (error.code === 'FENCED' || !options.stillOwner()) return true;
    if (error.code === 'DAMAGED' || error.code === 'VERSION' || error.code === 'CLOSED') return true;
    return options.mode === 'once' && failures >= (options.attemptsMax ?? 5);
  }
  if (!(error instanceof ConnectorError)) return true;
  if (options.mode === 'follow') return false;
  return error.retry === 'never' || failures >= (options.attemptsMax ?? 5);
}

async function backOff(error: unknown, failures: number, options: RunnerOptions): Promise<void> {
  const known = error as ConnectorError | LogError;
  const doubled = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** (failures - 1));
  const asked = error instanceof ConnectorError ? (error.details.retryAfterMs ?? 0) : 0;
  const base =
    known.retry === 'never' ? BACKOFF_MS_NEVER : Math.max(doubled, Math.min(asked, BACKOFF_MS_NEVER));
  const retryInMs = Math.round(base * (0.75 + options.random() / 2));
  options.deps.note({ kind: 'trouble', id: options.deps.id, error: known, retryInMs });
  await pause(retryInMs, options.signal, options.commands);
}

function pause(ms: number, signal: AbortSignal, commands?: CommandQueue): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, Math.min(ms, PAUSE_MS_MAX));
    signal.addEventListener('abort', end);
    commands?.onArrival(end);
    if (signal.aborted) end();
  });
}
