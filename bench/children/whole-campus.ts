/** All systems of the campus with something in each, its clock standing still. Says where its hub.yaml is. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startCampus } from '../../campus/start.js';
import { writeDemoConfig } from '../../hub/demo/campus-config.js';

export interface WholeCampusArgument {
  readonly dir: string;
  readonly people: number;
  /** Epoch ms. */
  readonly now: number;
}

export interface WholeCampusReady {
  readonly config: string;
}

/** What has happened, for each person. */
const HAPPENED = {
  ...{ swipe: 4, spend: 3, topup: 1, borrow: 0.8, return: 0.3, teach: 0.6, 'buy-power': 0.3 },
} as const;
const BAGS = 40;

const { dir, people, now } = JSON.parse(process.argv[2] as string) as WholeCampusArgument;
await rm(dir, { recursive: true, force: true });
const campus = await startCampus({
  ...{ dir: join(dir, 'campus'), seed: 7, people, life: false, clock: { now, rate: 0 } },
});
for (const [event, each] of Object.entries(HAPPENED)) {
  campus.life({ event: event as keyof typeof HAPPENED, count: Math.ceil(each * people) });
}
// There are few lockers: bags come and go.
for (let i = 0; i < people / BAGS; i += 1) {
  campus.life({ event: 'store', count: BAGS });
  campus.life({ event: 'fetch', count: BAGS });
}
process.on('disconnect', () => void campus.close().then(() => process.exit(0)));
process.send?.({ config: writeDemoConfig({ dir, campus, systems: 'all', port: 0 }) });
