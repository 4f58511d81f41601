/**
 * `node dist/test/hostile/main.js --requests 100000 --seed 1`: hostile clients against a whole hub on the simulated
 * campus, then 10,000 idle connections and slow ones (`--idle 0`: none). Exit code 1: an answer was not as the OpenAPI
 * document says, held a secret, the hub's memory grew, or a slow client was not ended.
 */
import { parseArgs } from 'node:util';
import { fire, hubInChild } from './fire.js';

/** What the hub may hold more at the end than after a tenth: decisions not written yet, answers kept by their keys. */
const GROWTH_MIB_MAX = 24;

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    people: { type: 'string', default: '300' },
    connections: { type: 'string', default: '16' },
    idle: { type: 'string', default: '10000' },
    json: { type: 'boolean', default: false },
  },
});
const report = await fire(await hubInChild(Number(values.people)), {
  requests: Number(values.requests),
  seed: Number(values.seed),
  connections: Number(values.connections),
  idle: Number(values.idle),
  say: (line) => void process.stderr.write(`${line}\n`),
});
const { memoryMiB, findings, findingsInAll, errors, sockets } = report;
const grown = memoryMiB.late - memoryMiB.early;
if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`);
else {
  for (const { rule, detail, request } of findings) {
    process.stdout.write(`\n${rule}: ${detail}\n  ${request.replaceAll('\r\n', '\n  ')}\n`);
  }
  for (const error of errors) process.stdout.write(`\nthe hub noted: ${error}\n`);
  const asked = Object.keys(report.asked).length;
  process.stdout.write(
    `\n${report.requests} requests in ${report.seconds.toFixed(0)} s, seed ${report.seed}, ${asked} addresses; ` +
      `statuses ${JSON.stringify(report.statuses)}; ${report.secrets} secrets searched for in each answer\n` +
      `findings ${findingsInAll}; memory of the hub ${memoryMiB.early.toFixed(1)} MiB after a tenth, ` +
      `${memoryMiB.late.toFixed(1)} MiB at the end\n`,
  );
}
if (sockets !== null && !values.json) {
  const { idle, idleKept, ended, decisions, p99Ms, slowestMs } = sockets;
  process.stdout.write(
    `${idle} idle connections (${idleKept} kept), slow and half-open ones ended: ${JSON.stringify(ended)}; ` +
      `${decisions} decisions meanwhile, p99 ${p99Ms.toFixed(1)} ms, slowest ${slowestMs.toFixed(1)} ms\n`,
  );
}
const isHeld =
  sockets === null ||
  (sockets.idleKept === sockets.idle && Object.values(sockets.ended).every(({ of, ended }) => of === ended));
process.exit(isHeld && findingsInAll === 0 && grown <= GROWTH_MIB_MAX ? 0 : 1);
