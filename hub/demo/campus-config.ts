import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Campus } from '../../campus/main.js';
import { roomMapCsv } from '../../campus/power/room-map.js';
import { campusBanks, campusSources, doorSources } from './campus-sources.js';
import { demoClients } from './clients.js';

export interface DemoConfigOptions {
  readonly dir: string;
  readonly campus: Campus;
  /** Default `doors`: card core and access control alone. */
  readonly systems?: 'all' | 'doors';
  /** Absent: the embedded log. */
  readonly brokers?: string;
  readonly port: number;
  /** The `sip2` section; absent: no library desk. */
  readonly desk?: object;
  /** Clients and a controller beside whoever brings no credential (`clients.ts`); needs a port that is known. */
  readonly clients?: boolean;
  /** UDP port of a UHPPOTE controller on the loopback, which comes with `clients`; absent: there is none. */
  readonly uhppotePort?: number;
}

/**
 * Writes the hub.yaml of the demo, so that every command works on it with `-c`. The keys in it are the
 * simulated campus's own and open nothing else, so they stand in the file; a real one takes them from the
 * environment. Secrets of the demo's clients do not: it has their digests.
 */
export function writeDemoConfig(options: DemoConfigOptions): string {
  const { campus, dir } = options;
  const config = {
    version: 1,
    tenant: 'demo',
    data: options.brokers === undefined ? './hub' : './hub-kafka',
    log:
      options.brokers === undefined
        ? { engine: 'embedded' }
        : { engine: 'kafka', brokers: [options.brokers], prefix: 'demo.' },
    facade: {
      ...{ host: '127.0.0.1', port: options.port },
      ...(options.clients === true && { publicUrl: `http://127.0.0.1:${options.port}`, open: true }),
    },
    ...(options.clients === true && demoClients(dir, options.uhppotePort)),
    ...(options.desk === undefined ? {} : { sip2: options.desk }),
    sources: options.systems === 'all' ? campusSources(campus) : doorSources(campus),
    ...(options.systems === 'all' && { banks: campusBanks() }),
  };
  if (options.systems === 'all') writeRoomMap(dir, roomMapCsv(campus.world));
  const path = join(dir, 'hub.yaml');
  const head =
    '# Written by `cardhub demo` at each start: the ports of the simulated campus change.\n' +
    '# 由 cardhub demo 每次启动时生成；其中的密钥只属于模拟校园。\n';
  writeFileSync(path, head + stringify(config), { mode: 0o600 });
  return path;
}

/** The dormitory office's table. An unchanged one is left alone: its time is the age of what it says. */
function writeRoomMap(dir: string, table: string): void {
  const path = join(dir, 'rooms', 'rooms.csv');
  mkdirSync(join(dir, 'rooms'), { recursive: true, mode: 0o700 });
  if (textOf(path) !== table) writeFileSync(path, table);
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
