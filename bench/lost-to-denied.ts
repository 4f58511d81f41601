/**
 * `lost-to-denied`: a card is reported lost at the card core; how long until the door is denied over HTTP?
 * Campus, hub and this client are three processes; everything between them goes over sockets.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { CACHE } from './campus-files.js';
import type { CampusAddress } from './campus-hub.js';
import type { CampusArgument } from './children/campus.js';
import type { HubArgument } from './children/hub.js';
import { below, line, quantile, type BenchLine, type BenchOptions, type BenchResult } from './measure.js';
import { serveChild, type Serving } from './spawn.js';

/** A door is asked again this long after its last answer. */
const ASK_EVERY_MS = 5;
/** On average; the instants have nothing to do with the polls. */
const LOSS_EVERY_MS = 70;
const GIVE_UP_MS = 60_000;
const GOAL_MS = 1_000;
const POLLS: readonly { readonly name: string; readonly pollMs?: number }[] = [
  { name: 'poll 500 ms (default)' },
  { name: 'poll 200 ms', pollMs: 200 },
];
const ARRIVALS = 8_000;
/** The day's new cards come in this many parts while the losses happen: hundreds a second, as an import gives them. */
const PARTS = 80;

interface Right {
  readonly card: string;
  readonly door: string;
}

export async function lostToDenied(options: BenchOptions): Promise<BenchResult> {
  const losses = options.quick ? 40 : 200;
  const people = options.quick ? 2_000 : 20_000;
  const lines: BenchLine[] = [];
  for (const { name, pollMs } of POLLS) {
    options.note(name);
    const dir = join(CACHE, 'lost-campus');
    const campus = await serveChild('campus', { dir, people } satisfies CampusArgument);
    const argument: HubArgument = {
      campus: campus.ready as unknown as CampusAddress,
      dataDir: join(CACHE, 'lost-hub'),
      ...(pollMs !== undefined && { pollMs }),
    };
    const hub = await serveChild('hub', argument);
    const pool = new Pool(hub.ready['url'] as string, { connections: 16 });
    try {
      const rights = await findRights(pool, hub.ready['cards'] as string[], 3 * losses);
      const calm = await loseAll(campus, pool, rights.slice(0, losses));
      lines.push(...linesOf(name, calm));
      options.note(`${name}, ${ARRIVALS} new cards meanwhile`);
      const during = await Promise.all([
        loseAll(campus, pool, rights.slice(losses, 2 * losses)),
        arrive(campus, ARRIVALS / PARTS, losses / PARTS),
      ]);
      lines.push(...linesOf(`${name}, ${ARRIVALS} new cards meanwhile`, during[0]));
      options.note(`${name}, right behind ${ARRIVALS} new cards`);
      // The worst that an import can do: all of them stand before the first loss in the feed.
      await campus.ask({ event: 'arrive', count: ARRIVALS });
      const behind = await loseAll(campus, pool, rights.slice(2 * losses));
      lines.push(...linesOf(`${name}, right behind ${ARRIVALS} new cards at once`, behind));
    } finally {
      await pool.destroy();
      await hub.stop();
      await campus.stop();
    }
  }
  return {
    name: 'lost-to-denied',
    what: `campus of ${people} → gateway → log → view → HTTP, ${losses} losses spread over time`,
    lines,
    notes: [`each door was asked again ${ASK_EVERY_MS} ms after its last answer`],
  };
}

function linesOf(name: string, ms: readonly number[]): BenchLine[] {
  return [
    line(`${name}: p50`, 'ms', [quantile(ms, 0.5)]),
    line(`${name}: p99`, 'ms', [quantile(ms, 0.99)], below(GOAL_MS, 'ms')),
  ];
}

async function allowed(pool: Pool, { card, door }: Right): Promise<boolean> {
  const answer = await pool.request({
    method: 'POST',
    path: '/access/v1/evaluation',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      subject: { type: 'card', id: card },
      resource: { type: 'door', id: door },
      action: { name: 'enter' },
    }),
  });
  const body = (await answer.body.json()) as { decision: boolean };
  return body.decision;
}

/** Cards that may pass one of the first doors now. */
async function findRights(pool: Pool, cards: readonly string[], count: number): Promise<Right[]> {
  const rights: Right[] = [];
  for (const card of cards) {
    for (let n = 0; n < 4 && rights.length < count; n++) {
      const right = { card, door: `gate:D-${String(n).padStart(5, '0')}` };
      if (await allowed(pool, right)) {
        rights.push(right);
        break;
      }
    }
    if (rights.length === count) return rights;
  }
  throw new Error(`${rights.length} of ${count} cards may pass a door: too few`);
}

/** Losses at instants that have nothing to do with the polls. @returns milliseconds from each loss to its denial */
async function loseAll(campus: Serving, pool: Pool, rights: readonly Right[]): Promise<number[]> {
  const waits: Promise<number>[] = [];
  for (const right of rights) {
    const { at } = await campus.ask<{ at: number }>({
      event: 'lose',
      card: right.card.slice('core:'.length),
    });
    waits.push(untilDenied(pool, right, at));
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
  while (await allowed(pool, right)) {
    if (Date.now() - lostAt > GIVE_UP_MS) throw new Error(`${right.card} was still let in after a minute`);
    await sleep(ASK_EVERY_MS);
  }
  return Date.now() - lostAt;
}
