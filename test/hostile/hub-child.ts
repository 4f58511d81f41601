/**
 * The hub under fire in a process of its own, so that its memory can be weighed. It sends once what the clients may know;
 * each message is answered with the memory that it holds after a collection.
 */
import { startUnderFire } from './hub.js';

const { people, seed } = JSON.parse(process.argv[2] as string) as { people: number; seed: number };
const hub = await startUnderFire(people, seed, 'all');
process.on('message', () => {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  process.send?.({ usedMiB: (heapUsed + external) / 2 ** 20, errors: hub.errors });
});
process.on('disconnect', () => void hub.stop().finally(() => process.exit(0)));
process.send?.(hub.ready);
