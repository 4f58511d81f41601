/** The hub under fire: the whole runtime on the simulated campus. It says where it listens and every secret that it must keep. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startCampus } from '../../campus/main.js';
import { connectors } from '../../connectors/index.js';
import { loadConfig } from '../../hub/config/load.js';
import { writeDemoConfig } from '../../hub/demo/campus-config.js';
import { liveFirst } from '../../hub/demo/first-day.js';
import { demoDesk } from '../../hub/demo/library-desk.js';
import { filled, findOpenDoor } from '../../hub/demo/story.js';
import { startRuntime } from '../../hub/run/runtime.js';
import type { HubReady } from './fire.js';
import { knownIds, secretsOf } from './secrets.js';

/** A Thursday, 10:00 in Shanghai: banks are open, lessons are held. */
const MORNING = Date.UTC(2026, 8, 10, 2);
const FILLED_MS = 120_000;
const ERRORS_MAX = 20;

export interface HubUnderFire {
  readonly ready: HubReady;
  /** Folder of its hub.yaml. */
  readonly dir: string;
  /** What the hub noted as errors, the first ones. */
  readonly errors: readonly string[];
  stop(): Promise<void>;
}

/**
 * @param systems `doors`: card core and doors alone, which is up soonest
 * @param as `demo`: with its clients and its controller, by the machine's clock
 */
export async function startUnderFire(
  people: number,
  seed: number,
  systems: 'all' | 'doors',
  as: 'fire' | 'demo' = 'fire',
): Promise<HubUnderFire> {
  const dir = mkdtempSync(join(tmpdir(), 'cardhub-hostile-'));
  // Minutes pass in a second, so that a client that tries numbers out is answered again soon and often.
  const clock = as === 'demo' ? {} : { now: MORNING, rate: 60 };
  const campus = await startCampus({ dir: join(dir, 'campus'), seed, people, life: false, clock });
  liveFirst(campus);
  const path = writeDemoConfig({
    dir,
    campus,
    systems,
    port: 0,
    desk: await demoDesk(0),
    clients: as === 'demo',
  });
  const loaded = loadConfig(path, { env: {}, specs: Object.values(connectors).map(({ spec }) => spec) });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const errors: string[] = [];
  const note = (what: string, error: unknown): void => {
    if (what === 'enumeration' || errors.length >= ERRORS_MAX) return; // that it is noticed is as it should be
    errors.push(`${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  };
  const runtime = await startRuntime(loaded.config, {
    connectors: Object.values(connectors),
    now: () => campus.clock.now(),
    onProblem: note,
    onFatal: (error) => note('fatal', error),
  });
  await filled(runtime, AbortSignal.timeout(FILLED_MS));
  const ready = {
    url: runtime.facade.url,
    secrets: secretsOf(campus, readFileSync(path, 'utf8')),
    ids: knownIds(campus, await findOpenDoor(runtime)),
  };
  const stop = async (): Promise<void> => {
    await runtime.stop();
    await campus.close();
    rmSync(dir, { recursive: true, force: true });
  };
  return { ready, dir, errors, stop };
}
