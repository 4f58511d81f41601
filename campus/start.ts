import { mkdirSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { serve } from '@hono/node-server';
import { accessControl } from './access-control/server.js';
import { openBanks, type Banks } from './bank/start.js';
import { cardCore } from './card-core/gateway.js';
import { classroomConsoles } from './classrooms/server.js';
import { controlApp, worldSummary } from './control.js';
import type { CampusClock } from './clock.js';
import { openKeys } from './credentials.js';
import type { CampusCredentials } from './credentials.js';
import { createFaults } from './faults.js';
import type { Faults } from './faults.js';
import { writeExports } from './files.js';
import type { ExportedFile, ExportOptions } from './files.js';
import { koha } from './library/server.js';
import { lockerVendor } from './lockers/server.js';
import { powerCascade as cascadeGateway } from './power/cascade.js';
import { powerConditions } from './power/conditions.js';
import { powerForm as powerFront } from './power/form.js';
import { listen, stop } from './serve.js';
import type { Upstream } from './serve.js';
import { advance, applyLife } from './world/life.js';
import type { LifeRequest, LifeResult } from './world/life.js';
import { beginLoads } from './world/loads.js';
import { createRng } from './world/prng.js';
import { openWorld } from './world/world.js';
import type { World } from './world/world.js';

export interface CampusOptions {
  /** Folder of the world; made when missing. A second start goes on where the first was. */
  readonly dir: string;
  readonly seed: number;
  /** 50 to 1,000,000; a world that exists keeps its own seed and size. */
  readonly people: number;
  readonly host?: string;
  /** 0: a free port. */
  readonly ports?: Partial<Record<keyof Campus['urls'], number>>;
  /** Of a new world. Absent: it follows the machine's clock. */
  readonly clock?: { readonly now?: number; readonly rate?: number };
  /** `perHour` scales the rates (1: as the README says). false (default): only what is asked for happens. */
  readonly life?: { readonly perHour?: number } | false;
  /**
   * Whether the core books what the banks load, by default when the campus lives by itself; also what they loaded in the
   * eight days before. Without it the banks have their loads all the same, and the core has never heard of them.
   */
  readonly loads?: boolean;
  /** Entries that the change feed and the event feed keep (100,000 and 200,000). */
  readonly feedRetention?: number;
  readonly eventRetention?: number;
  /** How far a gateway request's timestamp may be off (10 minutes); null: not checked. */
  readonly timestampToleranceMs?: number | null;
  /** Where exports go; default `exports` in the campus folder. */
  readonly exportsDir?: string;
  readonly wall?: () => number;
  readonly onError?: (error: unknown) => void;
}

export interface Campus {
  /** `core` is the gateway's base (POST {core}/gateway), `access` that of `/v1`, `control` of `/control`. */
  readonly urls: Readonly<
    Record<
      | 'core'
      | 'access'
      | 'library'
      | 'lockers'
      | 'classrooms'
      | 'bank'
      | 'powerCascade'
      | 'powerForm'
      | 'control',
      string
    >
  >;
  /** The banks: their credentials, keys and books. `urls.bank` has `/wss` and `/concat` below it. */
  readonly bank: Banks;
  readonly credentials: CampusCredentials;
  readonly world: World;
  readonly clock: CampusClock;
  readonly faults: Faults;
  readonly summary: () => ReturnType<typeof worldSummary>;
  /** Makes something happen now; the same as POST /control/life. */
  readonly life: (request: LifeRequest) => LifeResult;
  /** Lives up to the clock's now, at the configured rates. */
  readonly advance: () => { events: number; skippedSeconds: number };
  readonly exports: (options?: ExportOptions) => Promise<readonly ExportedFile[]>;
  readonly close: () => Promise<void>;
}

const LIFE_INTERVAL_MS = 500;

function listenControl(app: ReturnType<typeof controlApp>, host: string, port: number) {
  return new Promise<{ url: string; server: Server }>((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname: host, port }, (address: AddressInfo) => {
      resolve({ url: `http://${host}:${address.port}`, server });
    }) as Server;
    server.once('error', reject);
  });
}

/** Life by itself, and keeping an anchored clock on disk. Returns how to end it. */
function startTimer(world: World, factor: number, onError: (error: unknown) => void): () => void {
  const timer = setInterval(() => {
    try {
      advance(world, factor);
      const state = world.clock.state();
      if (state.mode === 'anchored') world.store.saveClock(state);
    } catch (error) {
      onError(error);
    }
  }, LIFE_INTERVAL_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** Starts the campus: card core, access control and control port. Rejects when a port is taken. */
export async function startCampus(options: CampusOptions): Promise<Campus> {
  const { dir, host = '127.0.0.1', ports = {}, onError = () => undefined } = options;
  mkdirSync(dir, { recursive: true });
  const keys = openKeys(dir);
  const world = openWorld(options);
  const faults = createFaults(createRng(world.base.seed, 3000, 0));
  const factor = options.life === undefined || options.life === false ? 0 : (options.life.perHour ?? 1);
  if (options.loads ?? factor > 0) beginLoads(world);
  const exportsDir = options.exportsDir ?? join(dir, 'exports');
  const tolerance = options.timestampToleranceMs;
  const timestampToleranceMs = tolerance === undefined ? 600_000 : tolerance;
  const ending: (() => Promise<void> | void)[] = [];
  const close = async (): Promise<void> => {
    for (const end of ending.splice(0).reverse()) await end();
  };
  ending.push(async () => {
    if (world.clock.state().mode === 'anchored') world.store.saveClock(world.clock.state());
    await world.store.close();
  });
  try {
    const gateway = cardCore({ world, keys, timestampToleranceMs });
    const { credentials } = keys;
    const open = async (upstream: Upstream, port = 0): Promise<string> => {
      const listening = await listen(upstream, faults, host, port, onError);
      ending.push(listening.close);
      return listening.url;
    };
    const core = await open(gateway, ports.core);
    const access = await open(accessControl({ world, ...credentials.access }), ports.access);
    const library = await open(koha({ world, ...credentials.library }), ports.library);
    const lockers = await open(lockerVendor({ world, ...credentials.lockers }), ports.lockers);
    const classrooms = await open(classroomConsoles({ world, ...credentials.classrooms }), ports.classrooms);
    world.conditions.power = powerConditions(faults);
    const powerGateway = cascadeGateway({ world, keys, timestampToleranceMs });
    const powerCascade = await open(powerGateway, ports.powerCascade);
    const front = powerFront({ world, apiKey: credentials.power.formApiKey });
    const powerForm = await open(front, ports.powerForm);
    const bank = openBanks(dir, world);
    const bankUrl = await open(bank.upstream, ports.bank);
    const { notify } = bank;
    const app = controlApp({ world, faults, lifeFactor: factor, exportsDir, notify });
    const control = await listenControl(app, host, ports.control ?? 0);
    ending.push(() => stop(control.server));
    ending.push(startTimer(world, factor, onError));
    return {
      urls: {
        core,
        access,
        library,
        lockers,
        classrooms,
        bank: bankUrl,
        powerCascade,
        powerForm,
        control: control.url,
      },
      credentials: keys.credentials,
      ...{ world, clock: world.clock, faults, bank, close },
      summary: () => worldSummary(world),
      life: (request) => applyLife(world, request),
      advance: () => advance(world, factor),
      exports: (how) => writeExports(world, exportsDir, how),
    };
  } catch (error) {
    await close();
    throw error;
  }
}
