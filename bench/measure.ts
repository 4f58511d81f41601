/** Medians of ratios, and the state of the machine that they were taken on. */
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';

/** What a benchmark found. Figures are per round, in the order in which they were taken. */
export interface BenchResult {
  readonly name: string;
  readonly what: string;
  readonly lines: readonly BenchLine[];
  readonly notes?: readonly string[];
}

export interface BenchLine {
  readonly measure: string;
  readonly unit: string;
  /** Median over the rounds. */
  readonly value: number;
  readonly rounds: readonly number[];
  /** Present where there is a goal: whether the median reaches it. */
  readonly goal?: { readonly text: string; readonly met: boolean };
}

export interface BenchOptions {
  readonly quick: boolean;
  readonly rounds: number;
  readonly note: (text: string) => void;
}

export type Benchmark = (options: BenchOptions) => Promise<BenchResult>;

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Nearest-rank quantile; NaN for no values. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  if (q === 0.5 && sorted.length % 2 === 0 && sorted.length > 0) {
    return ((sorted[sorted.length / 2 - 1] as number) + (sorted[sorted.length / 2] as number)) / 2;
  }
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))] ?? NaN;
}

export function line(
  measure: string,
  unit: string,
  rounds: readonly number[],
  goal?: { text: string; met: (median: number) => boolean },
): BenchLine {
  const value = median(rounds);
  return {
    measure,
    unit,
    value,
    rounds,
    ...(goal && { goal: { text: goal.text, met: goal.met(value) } }),
  };
}

export const atLeast = (least: number) => ({ text: `≥ ${least}`, met: (value: number) => value >= least });
export const below = (most: number, unit: string) => ({
  text: `< ${most} ${unit}`,
  met: (value: number) => value < most,
});

/** Round by round: how much of the second the first is. The machine is noisy, a pair of neighbours less so. */
export function ratios(of: readonly number[], to: readonly number[]): number[] {
  return of.map((value, i) => value / (to[i] as number));
}

export interface Machine {
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly loadBefore: readonly number[];
  readonly at: string;
}

export function machine(at: number): Machine {
  return {
    node: process.version,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    loadBefore: loadavg().map((load) => Math.round(load * 100) / 100),
    at: new Date(at).toISOString(),
  };
}

/** Memory of this process without the pages of files that it has mapped; NaN where the system does not tell. */
export function anonMiB(): number {
  try {
    const found = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
    return Number(found?.[1]) / 1_024;
  } catch {
    return NaN;
  }
}
