/** The campus behind the hub under fire: what it lived through, what a client may know of it, and what nobody may. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startCampus } from '../../campus/main.js';
import { writeDemoConfig } from '../../hub/demo/campus-config.js';
import { DEMO_CLIENTS } from '../../hub/demo/clients.js';
import { liveFirst } from '../../hub/demo/first-day.js';
import { demoDesk } from '../../hub/demo/library-desk.js';
import { freePort } from '../../hub/demo/port.js';
import { startDemoController } from '../../hub/demo/uhppote.js';
import { knownIds, secretsOf, type Credentials, type KnownIds, type Secret } from './secrets.js';

/** A Thursday, 10:00 in Shanghai: banks are open, lessons are held. */
const MORNING = Date.UTC(2026, 8, 10, 2);
/** Minutes pass in a second, so that a client that tries numbers out is answered again soon and often. */
const RATE = 60;

export interface CampusArgument {
  /** Folder for all of it. */
  readonly dir: string;
  readonly people: number;
  readonly seed: number;
  /** `doors`: card core and doors alone, which is up soonest. */
  readonly systems: 'all' | 'doors';
  /** `demo`: by the machine's clock. */
  readonly as: 'fire' | 'demo';
}

/** What the hub is told of its campus. */
export interface CampusTold {
  /** Path of its hub.yaml. */
  readonly config: string;
  readonly clock: SharedClock;
  readonly secrets: readonly Secret[];
  readonly ids: KnownIds;
}

/** The campus's time, for a process beside it: campus time was `now` at `wall`, epoch ms, and goes `rate` times as fast. */
export interface SharedClock {
  readonly wall: number;
  readonly now: number;
  readonly rate: number;
}

export function clockOf({ wall, now, rate }: SharedClock): () => number {
  return () => Math.floor(now + (Date.now() - wall) * rate);
}

export interface CampusUnderFire {
  readonly told: CampusTold;
  close(): Promise<void>;
}

export async function startCampusUnderFire(argument: CampusArgument): Promise<CampusUnderFire> {
  const { dir, people, seed, systems, as } = argument;
  const clock = as === 'demo' ? {} : { now: MORNING, rate: RATE };
  const campus = await startCampus({ dir: join(dir, 'campus'), seed, people, life: false, clock });
  liveFirst(campus);
  const desk = await demoDesk(0);
  const swipes = { dir, now: () => campus.clock.now(), port: 0, swipeEveryMs: 200 };
  // Only the demo has it: the memory of the hub under fire is weighed.
  const controller = as === 'demo' ? await startDemoController(swipes) : undefined;
  const uhppote = controller === undefined ? {} : { uhppotePort: controller.port };
  // A bridge finds the facade by the port in hub.yaml.
  const port = as === 'demo' ? await freePort(0) : 0;
  const config = writeDemoConfig({ dir, campus, systems, port, desk, clients: true, ...uhppote });
  const credentials = credentialsIn(dir);
  return {
    told: {
      config,
      clock: { wall: Date.now(), now: campus.clock.now(), rate: campus.clock.state().rate },
      secrets: secretsOf(campus, readFileSync(config, 'utf8'), credentials),
      ids: knownIds(campus, credentials),
    },
    async close() {
      await controller?.close();
      await campus.close();
    },
  };
}

function credentialsIn(dir: string): Credentials {
  const { gate, desk } = DEMO_CLIENTS;
  const read = (file: string): string => readFileSync(join(dir, 'clients', file), 'utf8').trim();
  return { staticKey: read(gate.file), client: desk.id, secret: read(desk.file) };
}
