/** Sends a seeded stream of hostile requests at a hub, checks each answer, and weighs the hub at each tenth of them. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { bytesOf } from './bytes.js';
import { createCheck, type Finding } from './check.js';
import { openDocument } from './document.js';
import { hostileRequests, type HostileRequest } from './generate.js';
import { growthOf, type Growth, type Held, type Weighed } from './memory.js';
import type { KnownIds, Secret } from './secrets.js';
import { holdSockets, type SocketsReport } from './sockets.js';
import { Wire, type WireAnswer } from './wire.js';

export interface HubReady {
  readonly url: string;
  readonly secrets: readonly Secret[];
  readonly ids: KnownIds;
}

/** How a hub is; `held` null where it shares its process with others. */
export interface Weight {
  readonly held: Held | null;
  readonly errors: readonly string[];
}

export interface FireOptions {
  readonly requests: number;
  readonly seed: number;
  readonly connections?: number;
  /** So many idle connections at last, with slow and deaf ones beside them; 0: none. */
  readonly idle?: number;
  readonly say?: (line: string) => void;
}

export interface FireReport {
  readonly requests: number;
  readonly seconds: number;
  readonly seed: number;
  readonly secrets: number;
  readonly statuses: Readonly<Record<string, number>>;
  /** Answers 503 by the code of their problem document; `sentence`: AuthZEN's. */
  readonly unavailable: Readonly<Record<string, number>>;
  /** How often each declared operation was asked, by its path and method. */
  readonly asked: Readonly<Record<string, number>>;
  readonly findings: readonly (Finding & { readonly request: string })[];
  readonly findingsInAll: number;
  /** Of the hub, after each tenth of the requests. */
  readonly weights: readonly Weighed[];
  readonly growth: Growth | null;
  /** When all connections are closed again. */
  readonly heldAtLast: Held | null;
  readonly sockets: SocketsReport | null;
  /** What the hub itself noted as errors. */
  readonly errors: readonly string[];
}

const CHUNK = 500;
const SHOWN_MAX = 50;

export async function fire(hub: Target, options: FireOptions): Promise<FireReport> {
  const { requests, seed, connections = 16, say = () => undefined } = options;
  try {
    const { url, secrets, ids } = hub.ready;
    say(`hub at ${url}, ${secrets.length} secrets, seed ${seed}`);
    const document = openDocument();
    const check = createCheck(document, secrets);
    const stream = hostileRequests(document, ids);
    const wires = Array.from({ length: connections }, () => new Wire(Number(new URL(url).port)));
    const tally = createTally(say);
    const from = performance.now();
    const weights: Weighed[] = [];
    let weighingS = 0;
    for (let sent = 0; sent < requests; sent += CHUNK) {
      const chunk = fc.sample(stream, { seed: seed + sent, numRuns: Math.min(CHUNK, requests - sent) });
      await Promise.all(
        wires.map(async (wire, i) => {
          for (let at = i; at < chunk.length; at += connections) {
            await once(wire, chunk[at] as HostileRequest, new URL(url), check, tally);
          }
        }),
      );
      const done = sent + chunk.length;
      if (done < ((weights.length + 1) * requests) / 10) continue;
      const began = performance.now();
      const { held } = await hub.weigh();
      weighingS += (performance.now() - began) / 1_000;
      if (held !== null) weights.push({ requests: done, ...held });
      say(
        `${done} requests, ${tally.findingsInAll} findings${held === null ? '' : `, ${shownWeight(held)}`}`,
      );
    }
    for (const wire of wires) wire.close();
    const seconds = (performance.now() - from) / 1_000 - weighingS;
    const idle = options.idle ?? 0;
    const sockets = idle === 0 ? null : await holdSockets(Number(new URL(url).port), idle);
    const { held: heldAtLast, errors } = await hub.weigh();
    return {
      ...{ requests, seed, secrets: secrets.length, seconds, sockets, weights, heldAtLast, errors },
      ...foundBy(tally),
      growth: growthOf(weights),
    };
  } finally {
    await hub.stop();
  }
}

export function shownWeight({ heapUsed, external, arrayBuffers, rss }: Held): string {
  const [heap, outside, buffers, all] = [heapUsed, external, arrayBuffers, rss].map((mib) => mib.toFixed(1));
  return `heap ${heap} MiB, external ${outside} (buffers ${buffers}), RSS ${all}`;
}

interface Tally {
  readonly statuses: Record<string, number>;
  readonly unavailable: Record<string, number>;
  readonly asked: Record<string, number>;
  readonly findings: (Finding & { request: string })[];
  findingsInAll: number;
  readonly say: (line: string) => void;
}

const createTally = (say: Tally['say']): Tally => ({
  say,
  statuses: {},
  unavailable: {},
  asked: {},
  findings: [],
  findingsInAll: 0,
});

/** All but how it is told. */
function foundBy({ say: _say, ...found }: Tally): Omit<Tally, 'say'> {
  return found;
}

async function once(
  wire: Wire,
  request: HostileRequest,
  url: URL,
  check: ReturnType<typeof createCheck>,
  tally: Tally,
): Promise<void> {
  const bytes = bytesOf(request, url.host);
  const used = request.what === 'protocol' ? new Wire(Number(url.port)) : wire;
  const shown = `[${request.what}] ${bytes.subarray(0, 600).toString()}`;
  const answer = await used.ask(bytes, request.method !== 'HEAD').catch((error: unknown) => error as Error);
  if (used !== wire) used.close();
  if (answer instanceof Error) {
    noteFinding(tally, { rule: 'NO_ANSWER', detail: answer.message.slice(0, 300), request: shown });
    return;
  }
  const status = String(answer?.status ?? 'closed');
  tally.statuses[status] = (tally.statuses[status] ?? 0) + 1;
  if (answer?.status === 503) {
    const code = codeOf(answer);
    tally.unavailable[code] = (tally.unavailable[code] ?? 0) + 1;
  }
  const asked = `${request.method} ${request.path.split('?')[0]?.slice(0, 60)}`;
  if (request.what === 'valid' || request.what === 'schema')
    tally.asked[asked] = (tally.asked[asked] ?? 0) + 1;
  const finding = check(request, answer);
  if (finding === undefined) return;
  noteFinding(tally, { ...finding, request: shown });
}

function codeOf({ headers, body }: WireAnswer): string {
  if (headers.get('content-type') !== 'application/problem+json' || body.length === 0) return 'sentence';
  return (JSON.parse(body.toString()) as { code: string }).code;
}

function noteFinding(tally: Tally, finding: Finding & { readonly request: string }): void {
  tally.findingsInAll += 1;
  if (tally.findings.length >= SHOWN_MAX) return;
  tally.findings.push(finding);
  // At once, too: a run of an hour that is ended before its end has told what it found.
  tally.say(`${finding.rule}: ${finding.detail} to ${finding.request.slice(0, 300)}`);
}

/** What `fire` needs of a hub, wherever it runs. */
export interface Target {
  readonly ready: HubReady;
  weigh(): Promise<Weight>;
  stop(): Promise<void>;
}

/** The whole hub in a process of its own (`hub-child.ts`); only from a build. */
export async function hubInChild(people: number): Promise<Target> {
  const file = fileURLToPath(new URL('./hub-child.js', import.meta.url));
  const child = fork(file, [JSON.stringify({ people, seed: 7 })], { execArgv: ['--expose-gc'] });
  const next = <T>(): Promise<T> =>
    new Promise((resolve, reject) => {
      const onExit = (code: number | null): void =>
        reject(new Error(`the hub under fire ended with ${code}`));
      child.once('exit', onExit);
      child.once('message', (message) => {
        child.off('exit', onExit);
        resolve(message as T);
      });
    });
  return {
    ready: await next<HubReady>(),
    weigh() {
      const answer = next<Weight>();
      child.send({});
      return answer;
    },
    stop: () =>
      new Promise<void>((resolve) => {
        if (child.exitCode !== null) resolve();
        child.once('exit', () => resolve());
        if (child.connected) child.disconnect();
      }),
  };
}
