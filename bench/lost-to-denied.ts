/**
 * `lost-to-denied`: a card is reported lost at the card core. How long until its door is denied over HTTP, until it is
 * off the signed list that a controller fetches, and until it is off the list that a UHPPOTE controller holds?
 * Campus, hub, controllers, the clients that work besides and this one are processes of their own; everything between
 * them goes over sockets.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { allAnswered, perSecond, startAsker, type Asker } from './asking.js';
import { CACHE } from './campus-files.js';
import { CONTROLLER_DOORS, type CampusAddress } from './campus-hub.js';
import type { AskerAnswer } from './children/asker.js';
import type { CampusArgument } from './children/campus.js';
import type { ControllersMessage, ControllersResult, ControllersState } from './children/controllers.js';
import type { HubArgument, HubCard, HubReady } from './children/hub.js';
import { below, line, quantile, type BenchLine, type BenchOptions, type BenchResult } from './measure.js';
import { serveChild, type Serving } from './spawn.js';

/** A door is asked again this long after its last answer. */
const ASK_EVERY_MS = 5;
/** On average; the instants have nothing to do with the polls. */
const LOSS_EVERY_MS = 70;
const GIVE_UP_MS = 60_000;
const GOAL_MS = 1_000;
/** Evaluations besides, all the time: so many connections, each so long after its last answer. */
const LOAD = { connections: 32, pauseMs: 20 };
const POLLS: readonly { readonly name: string; readonly pollMs?: number }[] = [
  { name: 'poll 500 ms (default)' },
  { name: 'poll 200 ms', pollMs: 200 },
];
const ARRIVALS = 8_000;
/** The day's new cards come in this many parts while the losses happen: hundreds a second, as an import gives them. */
const PARTS = 80;
const LISTED_MS_MAX = 300_000;

interface Right {
  readonly card: HubCard;
  readonly door: string;
}
interface Sizes {
  readonly people: number;
  readonly losses: number;
  /** Of those that come right behind an import: later ones find it done. */
  readonly behind: number;
}
interface Sides {
  readonly campus: Serving;
  readonly hub: Serving;
  readonly controllers: Serving;
  readonly asker: Asker;
  readonly pool: Pool;
}
interface Lost extends ControllersResult {
  readonly denied: readonly number[];
  readonly load: AskerAnswer;
}

export async function lostToDenied(options: BenchOptions): Promise<BenchResult> {
  const sizes: Sizes = options.quick
    ? { people: 2_000, losses: 40, behind: 40 }
    : { people: 20_000, losses: 1_000, behind: 200 };
  const lines: BenchLine[] = [];
  const notes = [`each door was asked again ${ASK_EVERY_MS} ms after its last answer`];
  for (const poll of POLLS) {
    options.note(poll.name);
    const asker = await startAsker(LOAD.connections);
    const sides = await startAll(sizes, poll.pollMs, asker);
    try {
      const listed = await listsHeld(sides.controllers, options);
      const rights = await findRights(sides, listed, 2 * sizes.losses + sizes.behind);
      notes.push(`${poll.name}: ${listed.fetching.length} cards on the list of each controller`);
      lines.push(...(await allForms(poll.name, sides, rights, sizes, options)));
    } finally {
      await sides.pool.destroy();
      await Promise.all([sides.controllers.stop(), asker.stop()]);
      await sides.hub.stop();
      await sides.campus.stop();
    }
  }
  const { connections, pauseMs } = LOAD;
  return {
    name: 'lost-to-denied',
    what: `campus of ${sizes.people} → gateway → log → view → HTTP and controllers; ${sizes.losses} losses spread over time (${sizes.behind} behind an import), ${connections} connections besides that each ask ${pauseMs} ms after their last answer`,
    lines,
    notes,
  };
}

async function allForms(
  poll: string,
  sides: Sides,
  rights: readonly Right[],
  { losses, behind }: Sizes,
  { note }: BenchOptions,
): Promise<BenchLine[]> {
  note(`${poll}, ${losses} losses`);
  const calm = await underLoad(sides, () => loseAll(sides, rights.slice(0, losses)));
  note(inShort(calm));
  note(`${poll}, ${ARRIVALS} new cards meanwhile`);
  const during = await underLoad(sides, async () => {
    const arriving = arrive(sides.campus, ARRIVALS / PARTS, losses / PARTS);
    const denied = await loseAll(sides, rights.slice(losses, 2 * losses));
    await arriving;
    return denied;
  });
  note(inShort(during));
  note(`${poll}, right behind ${ARRIVALS} new cards`);
  // The worst that an import can do: all of them stand before the first loss in the feed.
  const after = await underLoad(sides, async () => {
    await sides.campus.ask({ event: 'arrive', count: ARRIVALS });
    return loseAll(sides, rights.slice(2 * losses, 2 * losses + behind));
  });
  note(inShort(after));
  return [
    ...linesOf(poll, calm),
    ...linesOf(`${poll}, ${ARRIVALS} new cards meanwhile`, during),
    ...linesOf(`${poll}, right behind ${ARRIVALS} new cards at once`, after),
  ];
}

/** Long before the end of the run. */
function inShort({ denied, fetched, pushed }: Lost): string {
  const of = (ms: readonly number[]): string => `${quantile(ms, 0.5)} and ${quantile(ms, 0.99)} ms`;
  return `p50 and p99: denied ${of(denied)}, off the signed list ${of(fetched)}, off the controller ${of(pushed)}`;
}

function linesOf(name: string, { denied, fetched, pushed, load }: Lost): BenchLine[] {
  const both = (what: string, ms: readonly number[]): BenchLine[] => [
    line(`${name}: ${what}: p50`, 'ms', [quantile(ms, 0.5)]),
    line(`${name}: ${what}: p99`, 'ms', [quantile(ms, 0.99)]),
  ];
  return [
    line(`${name}: denied: p50`, 'ms', [quantile(denied, 0.5)]),
    line(`${name}: denied: p99`, 'ms', [quantile(denied, 0.99)], below(GOAL_MS, 'ms')),
    ...both('off the signed list', fetched),
    ...both('off the list of the UHPPOTE controller', pushed),
    line(`${name}: evaluations besides`, 'requests/s', [perSecond(load.requests, load)]),
    line(`${name}: evaluations besides: p99`, 'ms', [load.p99]),
  ];
}

async function startAll({ people }: Sizes, pollMs: number | undefined, asker: Asker): Promise<Sides> {
  const campus = await serveChild('campus', {
    dir: join(CACHE, 'lost-campus'),
    people,
  } satisfies CampusArgument);
  const controllers = await serveChild('controllers', {});
  const hub = await serveChild('hub', {
    campus: campus.ready as unknown as CampusAddress,
    dataDir: join(CACHE, 'lost-hub'),
    uhppotePort: controllers.ready['port'] as number,
    ...(pollMs !== undefined && { pollMs }),
  } satisfies HubArgument);
  const ready = hub.ready as unknown as HubReady;
  await tell(controllers, { connect: ready });
  const pool = new Pool(ready.url, { connections: 16 });
  const bodies = ready.cards.map(({ uid }, i) =>
    JSON.stringify({
      subject: { type: 'credential', id: uid, properties: { readerProfile: 'uid-hex' } },
      resource: { type: 'door', id: CONTROLLER_DOORS[i % CONTROLLER_DOORS.length] },
      action: { name: 'enter' },
    }),
  );
  await asker.prepare({ name: 'load', path: '/access/v1/evaluation', bodies });
  return { campus, hub, controllers, asker, pool };
}

const tell = <T>(controllers: Serving, message: ControllersMessage): Promise<T> =>
  controllers.ask<T>(message);

/** Both controllers have their lists, and the second has told its own memory all of it. */
async function listsHeld(controllers: Serving, { note }: BenchOptions): Promise<ControllersState> {
  const from = performance.now();
  for (let before = -1; ;) {
    const state = await tell<ControllersState>(controllers, { state: true });
    const { fetching, driven, whole } = state;
    if (whole && fetching.length > 0 && fetching.length === before) {
      note(`${fetching.length} and ${driven.length} cards listed`);
      return state;
    }
    if (performance.now() - from > LISTED_MS_MAX) {
      throw new Error(
        `the lists were not held after five minutes: ${fetching.length}, ${driven.length} cards`,
      );
    }
    before = fetching.length;
    await sleep(2_000);
  }
}

async function underLoad({ controllers, asker, hub }: Sides, work: () => Promise<number[]>): Promise<Lost> {
  const port = Number(new URL(hub.ready['url'] as string).port);
  await asker.begin({ name: 'load', port, pauseMs: LOAD.pauseMs });
  const denied = await work();
  const listed = await tell<ControllersResult>(controllers, { result: true });
  const load = allAnswered('evaluations besides', await asker.end());
  return { denied, ...listed, load };
}

/** Undefined: told to come again. */
async function allowed(pool: Pool, { card, door }: Right): Promise<boolean | undefined> {
  const answer = await pool.request({
    method: 'POST',
    path: '/access/v1/evaluation',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      subject: { type: 'card', id: card.key },
      resource: { type: 'door', id: door },
      action: { name: 'enter' },
    }),
  });
  if (answer.statusCode === 503) {
    await answer.body.dump();
    return undefined;
  }
  const body = (await answer.body.json()) as { decision: boolean };
  return body.decision;
}

/** Cards that may pass one of the first doors now, and stand on both lists. */
async function findRights({ pool, hub }: Sides, listed: ControllersState, count: number): Promise<Right[]> {
  const rights: Right[] = [];
  const fetching = new Set(listed.fetching);
  const driven = new Set(listed.driven);
  for (const card of (hub.ready as unknown as HubReady).cards) {
    if (rights.length === count) return rights;
    if (!fetching.has(card.uid) || card.number === undefined || !driven.has(card.number)) continue;
    for (const door of CONTROLLER_DOORS) {
      const right = { card, door };
      if ((await allowed(pool, right)) !== true) continue;
      rights.push(right);
      break;
    }
  }
  throw new Error(`${rights.length} of ${count} cards may pass a door and stand on both lists: too few`);
}

/** Losses at instants that have nothing to do with the polls. @returns milliseconds from each loss to its denial */
async function loseAll({ campus, controllers, pool }: Sides, rights: readonly Right[]): Promise<number[]> {
  const waits: Promise<number>[] = [];
  for (const right of rights) {
    const { card } = right;
    const { at } = await campus.ask<{ at: number }>({ event: 'lose', card: card.key.slice('core:'.length) });
    waits.push(untilDenied(pool, right, at));
    await tell(controllers, { lost: card, at });
    await sleep(LOSS_EVERY_MS - 30 + ((waits.length * 37) % 60));
  }
  return Promise.all(waits);
}

/** New cards in equal parts over the time that `losses` losses a part take. */
async function arrive(campus: Serving, count: number, losses: number): Promise<void> {
  for (let part = 0; part < PARTS; part++) {
    await campus.ask({ event: 'arrive', count });
    await sleep(losses * LOSS_EVERY_MS);
  }
}

async function untilDenied(pool: Pool, right: Right, lostAt: number): Promise<number> {
  while ((await allowed(pool, right)) !== false) {
    if (Date.now() - lostAt > GIVE_UP_MS)
      throw new Error(`${right.card.key} was still let in after a minute`);
    await sleep(ASK_EVERY_MS);
  }
  return Date.now() - lostAt;
}
