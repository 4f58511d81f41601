import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packagePath } from '../../package-root.js';
import type { LogHarness } from '../log.contract.js';
import { logContract } from '../log.contract.js';
import type { Log } from '../log.js';
import { EVENT } from '../log.workload.js';
import { openEmbeddedLog } from './index.js';
import type { EmbeddedLogOptions } from './index.js';

const folders: string[] = [];
const opened: Log[] = [];
const optionsOf = new WeakMap<Log, EmbeddedLogOptions>();

async function openAt(options: EmbeddedLogOptions): Promise<Log> {
  const log = await openEmbeddedLog(options);
  optionsOf.set(log, options);
  opened.push(log);
  return log;
}

function freshFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'cardhub-log-'));
  folders.push(dir);
  return dir;
}

const dirOf = (log: Log): string => optionsOf.get(log)!.dir;

async function reopen(log: Log): Promise<Log> {
  await log.close();
  return openAt(optionsOf.get(log)!);
}

const CHILD = [
  '--import',
  packagePath('hub', 'log', 'child-hook.mjs'),
  packagePath('hub', 'log', 'embedded', 'crash-child.ts'),
];

const harness: LogHarness = {
  engine: 'embedded',
  runs: 30,
  open: (topics) => openAt({ dir: freshFolder(), topics }),
  reopen,
  reader: (log) => openAt({ dir: dirOf(log), readOnly: true }),
  rival: async (log) => log,
  async cleanUp() {
    for (const log of opened.splice(0)) await log.close();
    for (const dir of folders.splice(0)) rmSync(dir, { recursive: true, force: true });
  },

  async crash(log, id) {
    await log.close();
    const child = spawn(process.execPath, [...CHILD, dirOf(log), id], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'close');
    let acknowledged = 0;
    child.stdout.on(
      'data',
      (data: Buffer) => (acknowledged += data.toString('latin1').split('\n').length - 1),
    );
    return {
      acknowledged: () => acknowledged,
      async kill() {
        child.kill('SIGKILL');
        await ended;
        return { log: await openAt(optionsOf.get(log)!), acknowledged };
      },
    };
  },
  async settle(log, aheadMs) {
    for (;;) {
      const { compacted, expired } = await log.maintain(Date.now() + aheadMs);
      if (compacted + expired === 0) return;
    }
  },
  openTransaction: { missing: 'one process writes, and no transaction outlives a turn of its commit queue' },
  async openTwice(log) {
    await openAt({ dir: dirOf(log) });
  },
  openSmall: (topics) => openAt({ dir: freshFolder(), topics, mapSizeBytes: 8 * 1024 * 1024 }),
  async damage(log, how) {
    const file = join(dirOf(log), 'log.mdb');
    await log.close();
    const { size } = statSync(file);
    if (how === 'cut') truncateSync(file, Math.floor(size / 2));
    else flipRecords(file);
    const again = await openAt(optionsOf.get(log)!);
    for await (const _ of again.read({ topic: EVENT, until: 'end' }));
  },
};

/** Flips a bit in what surely is the bytes of records: every place where a value of the suite stands. */
function flipRecords(file: string): void {
  const bytes = readFileSync(file);
  for (let at = bytes.indexOf('core:'); at >= 0; at = bytes.indexOf('core:', at + 1)) bytes[at]! ^= 0x01;
  writeFileSync(file, bytes);
}

logContract('embedded', harness);
