/**
 * The facade over a log that changes: a replica that follows what another process writes, with its decisions on a log of
 * its own; or the hub itself, which appends the changes in the very process that answers.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { TOPICS } from '../../contracts/types.js';
import { createFacade } from '../../hub/facade/app.js';
import { startFacade } from '../../hub/facade/server.js';
import { openEmbeddedLog } from '../../hub/log/embedded/index.js';
import { CACHE } from '../campus-files.js';
import { noting, openChangesWriter, type ChangesWriter, type Written } from '../changes-writer.js';
import { openDecisions, openDeciding } from '../decisions.js';
import { openView } from '../view-log.js';

export interface FollowingArgument {
  readonly dir: string;
  readonly kind: 'replica' | 'hub';
  readonly cards: number;
}
export type FollowingMessage = { readonly begin: number } | { readonly end: true };

/** What was seen from `begin` to `end`. */
export interface Followed {
  readonly beats: [number, number][];
  /** Records that were known and not applied, looked at often. */
  readonly lagMax: number;
  readonly cpuMs: number;
  readonly dropped: number;
  /** Of the hub: what it appended itself. */
  readonly written?: Written;
}

const LOOK_EVERY_MS = 20;

const { dir, kind, cards } = JSON.parse(process.argv[2] as string) as FollowingArgument;
const beats: [number, number][] = [];

async function replica() {
  const opened = await openView(dir, true, (view) => noting(view, beats));
  await opened.follower.whenReady;
  const own = mkdtempSync(join(CACHE, 'replica-'));
  process.on('exit', () => rmSync(own, { recursive: true, force: true }));
  const log = await openEmbeddedLog({ dir: own, topics: TOPICS, now: Date.now });
  return { ...opened, decisions: await openDecisions(log) };
}

const opened = await (kind === 'replica' ? replica() : openDeciding(dir, (view) => noting(view, beats)));
const { view, follower, decisions, log } = opened;
const writer: ChangesWriter | undefined = kind === 'hub' ? await openChangesWriter(log, cards) : undefined;
const app = createFacade({ view, follower, decisions, now: Date.now });
const { port } = await startFacade(app, { host: '127.0.0.1', port: 0 });
let lagMax = 0;
let cpu = process.cpuUsage();
setInterval(() => (lagMax = Math.max(lagMax, follower.lag)), LOOK_EVERY_MS);

async function ended(): Promise<Followed> {
  const { user, system } = process.cpuUsage(cpu);
  const written = await writer?.end().catch(() => undefined);
  const { droppedCount: dropped } = decisions;
  return { beats, lagMax, cpuMs: (user + system) / 1_000, dropped, ...(written && { written }) };
}

process.on('message', (message: FollowingMessage) => {
  if ('end' in message) void ended().then((found) => process.send?.(found));
  else {
    beats.length = 0;
    lagMax = 0;
    cpu = process.cpuUsage();
    if (message.begin > 0) writer?.begin(message.begin);
    process.send?.({});
  }
});
process.on('disconnect', () => process.exit(0));
process.send?.({ port });
