/**
 * Hostile clients against a whole hub on the simulated campus, then 10,000 idle connections and slow ones. The exit code
 * tells of findings, so that it can stand in a script.
 */
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { fire, hubInChild, shownWeight, type FireReport } from './fire.js';

const USAGE = `node dist/test/hostile/main.js [options]

  --requests <n>     requests in all, default 100000
  --seed <n>         the same seed sends the same requests, default 1
  --people <n>       of the simulated campus, default 300
  --connections <n>  that send them, default 16
  --idle <n>         idle connections at last, with slow ones beside them, default 10000; 0: none
  --json             the report as one line of JSON
  --help             this text

Exit code 0: nothing was found. 1: an answer was not as the OpenAPI document says or held a secret, the hub noted an
error, its memory grew, or a slow client was not ended. 2: an option that is none.
`;

/**
 * What the hub may hold more at the end than after the second tenth, MiB: keys of requests with their answers, and code
 * that is compiled late. And for each 10,000 requests of the last half, when tables and caches are full: a leak of 100
 * bytes a request would be 1.
 */
const GROWTH_MIB_MAX = 8;
const SLOPE_MIB_MAX = 1;

const OPTIONS = {
  requests: { type: 'string', default: '100000' },
  seed: { type: 'string', default: '1' },
  people: { type: 'string', default: '300' },
  connections: { type: 'string', default: '16' },
  idle: { type: 'string', default: '10000' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const satisfies ParseArgsConfig['options'];

const NUMBERS = ['requests', 'seed', 'people', 'connections', 'idle'] as const;

process.exit(await main());

async function main(): Promise<0 | 1 | 2> {
  const values = options();
  if (values === null) return 2;
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const [requests, seed, people, connections, idle] = NUMBERS.map((name) => Number(values[name])) as [
    ...[number, number, number, number, number],
  ];
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const report = await fire(await hubInChild(people), { requests, seed, connections, idle, say });
  if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  else show(report);
  return isGood(report) ? 0 : 1;
}

/** Null: said already what is wrong with them. */
function options() {
  try {
    const { values } = parseArgs({ options: OPTIONS });
    const bad = NUMBERS.find((name) => !/^\d{1,9}$/.test(values[name]));
    if (bad === undefined) return values;
    process.stderr.write(`--${bad}: expected a whole number, came ${values[bad]}\n\n${USAGE}`);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  }
  return null;
}

function isGood({ sockets, growth, findingsInAll, errors }: FireReport): boolean {
  const isHeld =
    sockets === null ||
    (sockets.idleKept === sockets.idle &&
      Object.values(sockets.ended).every(({ of, ended }) => of === ended));
  const isFlat =
    growth === null || (growth.sinceSecondTenth <= GROWTH_MIB_MAX && growth.slope <= SLOPE_MIB_MAX);
  return isHeld && isFlat && findingsInAll === 0 && errors.length === 0;
}

function show(report: FireReport): void {
  const out = (text: string): void => void process.stdout.write(`${text}\n`);
  for (const { rule, detail, request } of report.findings) {
    out(`\n${rule}: ${detail}\n  ${request.replaceAll('\r\n', '\n  ')}`);
  }
  for (const error of report.errors) out(`\nthe hub noted: ${error}`);
  const { requests, seconds, seed, asked, statuses, unavailable, secrets, findingsInAll } = report;
  out(
    `\n${requests} requests in ${seconds.toFixed(0)} s, seed ${seed}, ${Object.keys(asked).length} addresses; ` +
      `statuses ${JSON.stringify(statuses)}, of them 503 ${JSON.stringify(unavailable)}; ` +
      `${secrets} secrets searched for in each answer; findings ${findingsInAll}`,
  );
  for (const weight of report.weights) out(`${String(weight.requests).padStart(8)}: ${shownWeight(weight)}`);
  if (report.heldAtLast !== null) out(` at last: ${shownWeight(report.heldAtLast)}`);
  const { growth, sockets } = report;
  if (growth !== null) {
    out(
      `memory of the hub grew by ${growth.sinceSecondTenth.toFixed(1)} MiB since the second tenth (at most ` +
        `${GROWTH_MIB_MAX}), and in the last half by ${growth.slope.toFixed(2)} MiB for each 10,000 requests ` +
        `(at most ${SLOPE_MIB_MAX})`,
    );
  }
  if (sockets === null) return;
  const { idle, idleKept, ended, decisions, p99Ms, slowestMs } = sockets;
  out(
    `${idle} idle connections (${idleKept} kept), slow and half-open ones ended: ${JSON.stringify(ended)}; ` +
      `${decisions} decisions meanwhile, p99 ${p99Ms.toFixed(1)} ms, slowest ${slowestMs.toFixed(1)} ms`,
  );
}
