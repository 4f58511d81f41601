/**
 * `npm run crash`: a paced sync of 100,000 changes, killed 200 times on each engine, and compared with an
 * uninterrupted run by a reader that shares no code with the log (Kafka) or no process with it (embedded).
 * `npm run crash -- --all`: all systems of the campus at once, and the sink into PostgreSQL.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startDevBroker, type DevBroker } from '../../hub/operate/dev-broker.js';
import { drawSeed, runCrash, type CrashReport } from './crash.js';
import { runWhole, type WholeReport } from './whole.js';

const { values } = parseArgs({
  options: {
    engine: { type: 'string', default: 'both' },
    all: { type: 'boolean', default: false },
    people: { type: 'string', default: '600' },
    notices: { type: 'string', default: '60' },
    changes: { type: 'string', default: '100000' },
    kills: { type: 'string', default: '200' },
    seed: { type: 'string' },
    page: { type: 'string' },
    pace: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  process.stdout.write(
    'npm run crash -- [--engine embedded|kafka|both] [--changes 100000] [--kills 200] [--seed N]\n' +
      '                 [--page rows of a page] [--pace ms before each append] [--json]\n' +
      'npm run crash -- --all [--kills 200] [--seed N] [--people 600] [--notices 60] [--page 10] [--pace 5] [--json]\n' +
      'KAFKA_BROKERS names a broker to use; without it one is started. Exit code 1: something was lost or repeated.\n',
  );
  process.exit(0);
}

const seed = values.seed === undefined ? drawSeed() : Number(values.seed);
const engines = values.engine === 'both' ? (['embedded', 'kafka'] as const) : [values.engine as 'kafka'];
const say = (line: string): void =>
  void process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);
say(`seed ${seed}`);

if (values.all) {
  const report = await runWhole({
    ...{ people: Number(values.people), kills: Number(values.kills), seed, notices: Number(values.notices) },
    ...{ pageRows: Number(values.page ?? '10'), paceMs: Number(values.pace), say },
    dir: join(tmpdir(), `cardhub-crash-${process.pid}-all`),
  });
  if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  else showWhole(report);
  process.exit(report.ok ? 0 : 1);
}

let broker: DevBroker | null = null;
const reports: CrashReport[] = [];
try {
  for (const engine of engines) {
    if (engine === 'kafka' && !process.env['KAFKA_BROKERS']) broker = await startDevBroker();
    const brokers = process.env['KAFKA_BROKERS'] ?? broker?.brokers ?? '';
    const report = await runCrash({
      engine,
      brokers,
      changes: Number(values.changes),
      kills: Number(values.kills),
      seed,
      pageRows: Number(values.page ?? '100'),
      paceMs: Number(values.pace),
      dir: join(tmpdir(), `cardhub-crash-${process.pid}-${engine}`),
      say,
    });
    reports.push(report);
    if (!values.json) show(report);
  }
} finally {
  await broker?.stop();
}
if (values.json) process.stdout.write(`${JSON.stringify({ seed, reports })}\n`);
process.exit(reports.every(({ ok }) => ok) ? 0 : 1);

function show(report: CrashReport): void {
  const line = (text: string): void => void process.stdout.write(`${text}\n`);
  line(
    `\n${report.engine}: ${report.changes} changes, ${report.kills} kills, seed ${report.seed}, ${report.seconds} s`,
  );
  line(
    `  runs that ended by themselves: ${report.stumbles}; killed while: ${Object.entries(report.killed)
      .map(([what, n]) => `${what} ${n}`)
      .join(', ')}`,
  );
  line(`  kills by tenth of the progress: ${report.spread.join(' ')}`);
  showTopics(report.topics);
  for (const fault of report.sequenceFaults.slice(0, 10)) line(`  sequence: ${fault}`);
  line(
    `  published by one run more: ${report.publishedAgain}; reconcile: ${report.reconciled ? 'equal' : 'DIFFERS'}`,
  );
  line(`  lost ${report.lost}, twice ${report.twice}: ${report.ok ? 'OK' : 'FAILED'}`);
}

function showTopics(topics: CrashReport['topics']): void {
  const line = (text: string): void => void process.stdout.write(`${text}\n`);
  line('  topic                    expected     found      lost   surplus     twice  same fold');
  for (const row of topics) {
    const numbers = [row.expected, row.found, row.lost, row.surplus, row.twice].map((n) =>
      String(n).padStart(10),
    );
    line(`  ${row.topic.padEnd(22)} ${numbers.join('')}  ${row.sameFold ? 'yes' : 'NO'}`);
  }
}

function showWhole(report: WholeReport): void {
  const line = (text: string): void => void process.stdout.write(`${text}\n`);
  const what = Object.entries(report.killed).map(([name, n]) => `${name} ${n}`);
  line(
    `\nall ${report.streams} streams: the hub killed ${report.kills} times (${what.join(', ')}), the sink ${report.sinkKills} times, seed ${report.seed}, ${report.seconds} s`,
  );
  line(
    `  kills by tenth of ${report.commits} commits: ${report.spread.join(' ')}; notices pushed ${report.notices}`,
  );
  showTopics(report.topics);
  for (const fault of report.sequenceFaults.slice(0, 10)) line(`  sequence: ${fault}`);
  line(
    `  ${report.tables} tables, ${report.tableRows} rows; not as their topic: ${report.tableDifferences.length}`,
  );
  for (const row of report.tableDifferences.slice(0, 10)) line(`  table: ${row}`);
  line(
    `  commits of one run more: ${report.publishedAgain}; reconcile: ${report.reconciled ? 'equal' : 'DIFFERS'}`,
  );
  line(`  lost ${report.lost}, twice ${report.twice}: ${report.ok ? 'OK' : 'FAILED'}`);
}
