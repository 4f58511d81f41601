/** The hub under fire: the whole runtime on a simulated campus. It says where it listens and every secret that it must keep. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { connectors } from '../../connectors/index.js';
import { loadConfig } from '../../hub/config/load.js';
import { filled, findOpenDoor } from '../../hub/demo/story.js';
import { startRuntime } from '../../hub/run/runtime.js';
import { clockOf, startCampusUnderFire, type CampusTold } from './campus.js';
import type { HubReady } from './fire.js';
import { withOpenDoor } from './secrets.js';

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

/** Campus and hub in this process. */
export async function startUnderFire(
  people: number,
  seed: number,
  systems: 'all' | 'doors',
  as: 'fire' | 'demo' = 'fire',
): Promise<HubUnderFire> {
  const dir = folderUnderFire();
  const campus = await startCampusUnderFire({ dir, people, seed, systems, as });
  const hub = await startHubUnderFire(campus.told);
  const stop = async (): Promise<void> => {
    await hub.stop();
    await campus.close();
    rmSync(dir, { recursive: true, force: true });
  };
  return { ...hub, stop };
}

export const folderUnderFire = (): string => mkdtempSync(join(tmpdir(), 'cardhub-hostile-'));

/** The hub alone; the campus may be anywhere on this machine. */
export async function startHubUnderFire({ config, clock, secrets, ids }: CampusTold): Promise<HubUnderFire> {
  const loaded = loadConfig(config, { env: {}, specs: Object.values(connectors).map(({ spec }) => spec) });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const errors: string[] = [];
  const note = (what: string, error: unknown): void => {
    if (what === 'enumeration' || errors.length >= ERRORS_MAX) return; // that it is noticed is as it should be
    errors.push(`${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  };
  const runtime = await startRuntime(loaded.config, {
    connectors: Object.values(connectors),
    now: clockOf(clock),
    onProblem: note,
    onFatal: (error) => note('fatal', error),
  });
  await filled(runtime, AbortSignal.timeout(FILLED_MS));
  const known = withOpenDoor(ids, await findOpenDoor(runtime));
  return {
    ready: { url: runtime.facade.url, secrets, ids: known },
    dir: dirname(config),
    errors,
    stop: () => runtime.stop(),
  };
}
