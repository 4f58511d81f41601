/**
 * `npm run bench -- [--only name,…] [--quick] [--rounds n] [--json file]`
 *
 * Every comparison runs both sides in one run, in turn (A B A B …), and reports the median of the rounds' ratios.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { machine, type BenchLine, type Benchmark, type BenchResult } from './measure.js';

/** Imported when they run, so that one benchmark does not carry the code of the others. */
const BENCHMARKS: Readonly<Record<string, () => Promise<Benchmark>>> = {
  'pipeline-kafka': async () => (await import('./pipeline.js')).pipelineKafka,
  'pipeline-embedded': async () => (await import('./pipeline.js')).pipelineEmbedded,
  sink: async () => (await import('./databases.js')).sink,
  'sql-source': async () => (await import('./databases.js')).sqlSource,
  gateway: async () => (await import('./gateway.js')).gateway,
  decide: async () => (await import('./decide.js')).decideAlone,
  bank: async () => (await import('./bank.js')).bank,
  connectors: async () => (await import('./connectors.js')).connectors,
  evaluation: async () => (await import('./evaluation.js')).evaluation,
  overload: async () => (await import('./overload.js')).overload,
  sip2: async () => (await import('./sip2.js')).sip2,
  'start-up': async () => (await import('./start-up.js')).startUp,
  token: async () => (await import('./token.js')).token,
  evaluations: async () => (await import('./evaluations.js')).evaluations,
  search: async () => (await import('./search.js')).search,
  changes: async () => (await import('./changes.js')).changes,
  'lost-to-denied': async () => (await import('./lost-to-denied.js')).lostToDenied,
};

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    json: { type: 'string' },
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(
    `npm run bench -- [--only name,…] [--quick] [--rounds n] [--json file]\nnames: ${Object.keys(BENCHMARKS).join(', ')}\n`,
  );
} else process.exit(await main()); // children of a benchmark that failed end with it

async function main(): Promise<number> {
  const names = values.only?.split(',') ?? Object.keys(BENCHMARKS);
  const unknown = names.filter((name) => !(name in BENCHMARKS));
  if (unknown.length > 0) {
    process.stderr.write(
      `no benchmark ${unknown.join(', ')}; there are ${Object.keys(BENCHMARKS).join(', ')}\n`,
    );
    return 2;
  }
  const rounds = Number(values.rounds ?? (values.quick ? 3 : 5));
  const on = machine(Date.now());
  const results: (BenchResult | { name: string; failed: string })[] = [];
  let failed = 0;
  for (const name of names) {
    process.stderr.write(`${name} …\n`);
    const note = (text: string): void => void process.stderr.write(`  ${name}: ${text}\n`);
    try {
      const bench = await (BENCHMARKS[name] as () => Promise<Benchmark>)();
      const result = await bench({ quick: values.quick, rounds, note });
      results.push(result);
      show(result);
    } catch (error) {
      failed++;
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      results.push({ name, failed: text });
      process.stderr.write(`${name} failed: ${text}\n`);
    }
  }
  const document = { machine: on, quick: values.quick, rounds, results };
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(document, null, 2)}\n`);
  else process.stdout.write(`${JSON.stringify(document)}\n`);
  return failed === 0 ? 0 : 1;
}

function show({ name, what, lines, notes = [] }: BenchResult): void {
  const rows = lines.map((line) => [
    line.measure,
    figure(line.value, line.unit),
    line.unit,
    range(line),
    goalOf(line),
  ]);
  const header = ['measure', 'median', 'unit', 'rounds', 'goal'];
  const widths = header.map((title, i) =>
    Math.max(title.length, ...rows.map((row) => (row[i] as string).length)),
  );
  const text = (row: readonly string[]): string =>
    row.map((cell, i) => cell.padEnd(widths[i] as number)).join('  ');
  process.stdout.write(`\n${name}: ${what}\n  ${[header, ...rows].map(text).join('\n  ')}\n`);
  for (const note of notes) process.stdout.write(`  ${note}\n`);
}

function figure(value: number, unit: string): string {
  if (unit === 'ratio') return value.toFixed(2);
  return value >= 100 ? String(Math.round(value)) : value.toFixed(1);
}

function range({ rounds, unit }: BenchLine): string {
  if (rounds.length < 2) return '';
  return `${figure(Math.min(...rounds), unit)}–${figure(Math.max(...rounds), unit)}`;
}

function goalOf({ goal }: BenchLine): string {
  return goal === undefined ? '' : `${goal.text}: ${goal.met ? 'met' : 'NOT met'}`;
}
