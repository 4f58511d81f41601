import { pathToFileURL } from 'node:url';
import { Command } from 'commander';
import { startCampus } from './start.js';

export { startCampus } from './start.js';
export type { Campus, CampusOptions } from './start.js';

interface Flags {
  readonly dir: string;
  readonly people: string;
  readonly seed: string;
  readonly host: string;
  readonly ports: string;
  readonly now?: string;
  readonly rate?: string;
  readonly life: string;
  readonly json?: boolean;
}

function whole(text: string, name: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new RangeError(`--${name} must be a whole number, got ${text}`);
  return Number(text);
}

function clockOf(flags: Flags): { clock?: { now?: number; rate?: number } } {
  if (flags.now === undefined && flags.rate === undefined) return {};
  const now = flags.now === undefined ? undefined : Date.parse(flags.now);
  if (Number.isNaN(now)) throw new RangeError(`--now must be ISO 8601, got ${flags.now ?? ''}`);
  const rate = flags.rate === undefined ? undefined : Number(flags.rate);
  return { clock: { ...(now !== undefined && { now }), ...(rate !== undefined && { rate }) } };
}

async function run(flags: Flags): Promise<void> {
  const [core = 0, access = 0, control = 0] = flags.ports.split(',').map((port) => whole(port, 'ports'));
  const campus = await startCampus({
    ...{ dir: flags.dir, host: flags.host, ports: { core, access, control } },
    ...{ people: whole(flags.people, 'people'), seed: whole(flags.seed, 'seed') },
    ...clockOf(flags),
    life: Number(flags.life) > 0 ? { perHour: Number(flags.life) } : false,
    onError: (error) => console.error(error),
  });
  const told = { urls: campus.urls, world: campus.summary() };
  if (flags.json === true) console.log(JSON.stringify(told));
  else console.log(`campus of ${told.world.people} people\n${Object.values(told.urls).join('\n')}`);
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    void campus.close().then(() => process.exit(0));
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const command = new Command('campus')
    .description('A small campus that speaks the upstream protocols over real sockets')
    .requiredOption('--dir <folder>', 'where the world is kept')
    .option('--people <n>', '50 to 1,000,000', '200')
    .option('--seed <n>', 'seed of the world', '7')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--ports <core,access,control>', '0 is a free port', '0,0,0')
    .option('--now <time>', 'clock of a new world, ISO 8601')
    .option('--rate <n>', 'campus seconds for each second, of a new world')
    .option('--life <factor>', 'life by itself: 1 as the README says, 0 only through the control port', '0')
    .option('--json', 'print one JSON line when ready')
    .action(run);
  command.parseAsync().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
