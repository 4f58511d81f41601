/** `node dist/test/crash/takeover.js --minutes 10 --seed N`: three hubs, killed and started at random. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startDevBroker } from '../../hub/operate/dev-broker.js';
import { drawSeed } from './crash.js';
import { runTakeover } from './takeover-run.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const seed = values.seed === undefined ? drawSeed() : Number(values.seed);
const say = (line: string): void =>
  void process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);
say(`seed ${seed}`);
const broker = process.env['KAFKA_BROKERS'] ? null : await startDevBroker();
const report = await runTakeover({
  brokers: process.env['KAFKA_BROKERS'] ?? broker?.brokers ?? '',
  seconds: Number(values.minutes) * 60,
  seed,
  dir: join(tmpdir(), `cardhub-takeover-${process.pid}`),
  say,
}).finally(() => broker?.stop());
if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`);
else process.stdout.write(`${text()}\n`);
process.exit(report.ok ? 0 : 1);

function text(): string {
  const { topics, interleaved, sequenceFaults, fallen } = report;
  return [
    `${report.seconds} s, seed ${seed}: ${report.kills} kills, ${report.starts} starts, ${report.takeovers} takeovers`,
    `without an owner: longest ${report.longestGapMs} ms, median ${report.medianGapMs} ms (at most 15,000)`,
    `${report.swipes} swipes, ${report.records} records: lost ${report.lost}, twice ${report.twice}`,
    `writers that wrote after being superseded: ${interleaved.length}; faults of the sequence: ${sequenceFaults.length}; hubs that fell by themselves: ${fallen.length}`,
    ...[...interleaved, ...sequenceFaults, ...fallen].slice(0, 10).map((fault) => `  ${fault}`),
    ...topics.map(
      (row) =>
        `  ${row.topic.padEnd(22)} expected ${row.expected} found ${row.found} lost ${row.lost} surplus ${row.surplus} twice ${row.twice} same fold ${row.sameFold}`,
    ),
    `reconcile: ${report.reconciled ? 'equal' : 'DIFFERS'}`,
    report.ok ? 'OK' : 'FAILED',
  ].join('\n');
}
