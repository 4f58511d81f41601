/** The campus simulator as a child. Says where it is; each message is a thing that happens. */
import { rm } from 'node:fs/promises';
import { startCampus } from '../../campus/start.js';
import type { LifeRequest } from '../../campus/world/life.js';

export interface CampusArgument {
  readonly dir: string;
  readonly people: number;
}

const { dir, people } = JSON.parse(process.argv[2] as string) as CampusArgument;
await rm(dir, { recursive: true, force: true });
const campus = await startCampus({ dir, seed: 7, people });
process.on('message', (request: LifeRequest) => {
  // Answered with the time, so that what follows is counted from the moment at which it had happened.
  campus.life(request);
  process.send?.({ at: Date.now() });
});
process.on('disconnect', () => void campus.close().then(() => process.exit(0)));
const { urls, credentials } = campus;
process.send?.({ urls, credentials });
