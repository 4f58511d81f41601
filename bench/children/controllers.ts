/**
 * Two controllers: one that fetches its signed list over HTTP, verifies it and holds it; and a simulated UHPPOTE
 * controller on UDP, behind the bridge as `cardhub bridge uhppote` starts it. Says the port of the second; then
 *
 *   {connect: HubReady}      ▶ {}                                 both take their lists
 *   {state: true}            ▶ who stands on both lists, and whether the second holds all of its list
 *   {lost: HubCard, at}      ▶ {}                                 watched from now on
 *   {result: true}           ▶ milliseconds from each loss until the card was off each list
 */
import { UhppoteController } from '../../campus/uhppote/controller.js';
import { HeldList } from '../../hub/doors/offline.js';
import { startBridge, type Bridge } from '../../hub/uhppote/bridge.js';
import { hubClient, type HubClient } from '../../hub/uhppote/hub-client.js';
import { readerProfiles } from '../../transforms/reader-profiles.js';
import { CONTROLLERS, CONTROLLERS_KEY } from '../campus-hub.js';
import type { HubCard, HubReady } from './hub.js';

export type ControllersMessage =
  | { readonly connect: HubReady }
  | { readonly state: true }
  | { readonly lost: HubCard; readonly at: number }
  | { readonly result: true };

export interface ControllersState {
  /** Numbers on the list of each. */
  readonly fetching: readonly string[];
  readonly driven: readonly number[];
  /** The second has taken its whole list into its memory. */
  readonly whole: boolean;
}

export interface ControllersResult {
  readonly fetched: readonly number[];
  readonly pushed: readonly number[];
}

/** A list is asked for again so long after the last answer: ETag and delta, so mostly 304. */
const FETCH_EVERY_MS = 20;
const GIVE_UP_MS = 60_000;

const { fetching, driven } = CONTROLLERS;
const device = await UhppoteController.start({ serial: driven.serial, now: Date.now });
const held = new HeldList();
let bridge: Bridge | undefined;
/** Cards that were lost and still stand there, with the instant of the loss. */
const onList = new Map<string, number>();
const onDevice = new Map<number, number>();
const found = { fetched: [] as number[], pushed: [] as number[] };

device.onDelete = (card) => {
  const at = onDevice.get(card);
  if (at === undefined) return;
  onDevice.delete(card);
  found.pushed.push(Date.now() - at);
};

async function fetchLists(hub: HubClient): Promise<never> {
  let etag: string | undefined;
  for (;;) {
    try {
      const answer = await hub.list(fetching.id, { since: held.version || undefined, etag });
      if (answer !== null) {
        held.take(answer.list, answer.claims);
        ({ etag } = answer);
        noteGone();
      }
    } catch (error) {
      // Not made yet: 503 with Retry-After. A delta that does not fit: the whole list next time.
      etag = undefined;
      if ((error as Error).name === 'ListRefused') held.version = 0;
    }
    await new Promise((resolve) => setTimeout(resolve, FETCH_EVERY_MS));
  }
}

function noteGone(): void {
  const now = Date.now();
  for (const [uid, at] of onList) {
    if (held.entries.has(uid)) continue;
    onList.delete(uid);
    found.fetched.push(now - at);
  }
}

async function connect({ url, controllers }: HubReady): Promise<void> {
  void fetchLists(hubClient(url, CONTROLLERS_KEY));
  bridge = await startBridge({
    controllers,
    profiles: readerProfiles().profiles,
    hub: hubClient(url, CONTROLLERS_KEY),
    listen: { host: '127.0.0.1', port: 0 },
    now: Date.now,
    note: ({ kind, detail }) => {
      if (kind === 'trouble' || kind === 'silent' || kind === 'hub-gone') console.error(kind, detail);
    },
  });
}

function state(): ControllersState {
  const list = bridge?.links.get(driven.id)?.held;
  const { cards } = device;
  return {
    fetching: [...held.entries.keys()],
    driven: [...cards.keys()],
    whole: list !== undefined && list.version > 0 && cards.size === list.entries.size,
  };
}

async function result(): Promise<ControllersResult> {
  const until = Date.now() + GIVE_UP_MS;
  while (onList.size + onDevice.size > 0) {
    if (Date.now() > until) {
      throw new Error(
        `a minute after the last loss ${onList.size} and ${onDevice.size} cards were still listed`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, FETCH_EVERY_MS));
  }
  const { fetched, pushed } = found;
  Object.assign(found, { fetched: [], pushed: [] });
  return { fetched, pushed };
}

async function answer(message: ControllersMessage): Promise<object> {
  if ('connect' in message) {
    await connect(message.connect);
    return {};
  }
  if ('state' in message) return state();
  if ('result' in message) return result();
  const { lost, at } = message;
  // It may be off the list already: the message came after the loss.
  onList.set(lost.uid, at);
  noteGone();
  if (lost.number === undefined) return {};
  if (device.cards.has(lost.number)) onDevice.set(lost.number, at);
  else found.pushed.push(Date.now() - at);
  return {};
}

process.on('message', (message: ControllersMessage) => {
  void answer(message).then((said) => process.send?.(said));
});
process.on('disconnect', () => {
  void bridge
    ?.close()
    .then(() => device.close())
    .finally(() => process.exit(0));
});
process.send?.({ port: device.port });
