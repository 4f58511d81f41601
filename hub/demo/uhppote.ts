/** The demo's controller of the UHPPOTE family, with people who swipe there: what `cardhub bridge uhppote` drives. */
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import type { UhppoteController } from '../../campus/uhppote/controller.js';
import { DEMO_UHPPOTE } from './clients.js';

/** The family's own. */
const PORT = 60_000;
/** More than half a day of swipes that no bridge takes. */
const EVENTS_MAX = 10_000;
const UNKNOWN_ONE_IN = 5;

export interface DemoControllerOptions {
  /** Of the demo's data. */
  readonly dir: string;
  /** The campus's clock. */
  readonly now: () => number;
  /** Absent: the family's own, or any free one. */
  readonly port?: number;
  readonly swipeEveryMs?: number;
}

export interface DemoController {
  /** Of UDP, on the loopback. */
  readonly port: number;
  close(): Promise<void>;
}

/** Cards and events are kept in the demo's folder: a second start goes on where it was, as the hub does. */
export async function startDemoController(options: DemoControllerOptions): Promise<DemoController> {
  const { dir, now, port = PORT, swipeEveryMs = 5_000 } = options;
  const { UhppoteController: Controller } = await import('../../campus/uhppote/controller.js');
  const { serial } = DEMO_UHPPOTE;
  const like = { serial, now, eventsMax: EVENTS_MAX, file: join(dir, 'uhppote.json') };
  const device = await Controller.start({ ...like, port }).catch(() => Controller.start(like));
  const timer = setInterval(() => swipe(device), swipeEveryMs);
  return {
    port: device.port,
    async close() {
      clearInterval(timer);
      await device.close();
    },
  };
}

/** Somebody at one of its doors: mostly a card of its own list. Before it has a list it knows nobody. */
function swipe(device: UhppoteController): void {
  const known = [...device.cards.keys()];
  const card = randomInt(UNKNOWN_ONE_IN) === 0 ? undefined : known[randomInt(Math.max(1, known.length))];
  const doors = Object.keys(DEMO_UHPPOTE.doors).length;
  device.swipe(card ?? randomInt(1, 0xffff_fffe), 1 + randomInt(doors));
}
