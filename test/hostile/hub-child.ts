/**
 * The hub under fire in a process of its own, so that its memory can be weighed; its campus is in one more. It sends once
 * what the clients may know; each message is answered with what it holds.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { CampusTold } from './campus.js';
import { folderUnderFire, startHubUnderFire } from './hub.js';
import { held } from './memory.js';

const { people, seed } = JSON.parse(process.argv[2] as string) as { people: number; seed: number };
const dir = folderUnderFire();
const campus = fork(fileURLToPath(new URL('./campus-child.js', import.meta.url)), [
  JSON.stringify({ dir, people, seed, systems: 'all', as: 'fire' }),
]);
campus.once('exit', () => process.exit(1)); // a hub without upstreams shows nothing
const [told] = (await once(campus, 'message')) as [CampusTold];
const hub = await startHubUnderFire(told);
process.on('message', () => {
  void held().then((weight) => process.send?.({ held: weight, errors: hub.errors }));
});
process.on('disconnect', () => void stop().finally(() => process.exit(0)));
process.send?.(hub.ready);

async function stop(): Promise<void> {
  await hub.stop();
  campus.removeAllListeners('exit');
  const ended = once(campus, 'exit');
  campus.disconnect();
  await ended;
  rmSync(dir, { recursive: true, force: true });
}
