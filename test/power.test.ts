import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { AIDS } from '../campus/power/cascade.js';
import { FORM_SYSTEM } from '../campus/power/form.js';
import { CODE_SYSTEMS, roomMapCsv } from '../campus/power/room-map.js';
import { startCampus, type Campus } from '../campus/start.js';
import { groupSize } from '../campus/world/dorms.js';
import type { PowerPurchase, PowerRoom, PowerVendor } from '../contracts/types.js';
import { cardhub, cardhubLines } from './cardhub.js';

/** Dormitory power from both vendors to the topics, over sockets, through the command line. */

let dir: string;
let campus: Campus;
let path: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cardhub-power-line-'));
  campus = await startCampus({
    dir: join(dir, 'campus'),
    seed: 5,
    people: 300,
    life: false,
    // Stands still between two calls of pass(): a meter that is read meanwhile would be a difference in reconcile.
    clock: { now: Date.now(), rate: 0 },
    timestampToleranceMs: null,
  });
  path = join(dir, 'hub.yaml');
  writeFileSync(path, stringify(configuration()));
  mkdirSync(join(dir, 'rooms'));
});
afterAll(async () => {
  await campus.close();
  rmSync(dir, { recursive: true, force: true });
});
beforeEach(() => campus.faults.clear());

function configuration(): object {
  const { core, power } = campus.credentials;
  const streams = {
    vendors: {},
    rooms: { after: ['rooms/rooms'] },
    purchases: { after: ['rooms/rooms'] },
  };
  const cascade = (group: 'east' | 'west') => ({
    connector: 'power/cascade',
    options: {
      url: campus.urls.powerCascade,
      aid: AIDS[group],
      appKey: power.appKeys[group],
      tripleDesKey: core.tripleDesKeyHex,
      privateKey: core.privateKeyPem,
      corePublicKey: core.corePublicKeyPem,
      http: { attempts: 2, backoffMs: 5 },
    },
    mapping: { roomSystem: CODE_SYSTEMS[group], cardSource: 'core', decimals: 2 },
    streams,
  });
  return {
    version: 1,
    tenant: 'qau',
    data: './hub',
    log: { engine: 'embedded' },
    sources: {
      // Whose numbers the vendors speak in; nothing is read of it here.
      core: {
        connector: 'card-core/files',
        options: { folder: '.', columns: { cardno: 'cardno' } },
        streams: { cards: { enabled: false } },
      },
      rooms: { connector: 'power/room-map', options: { folder: './rooms', complete: 'always' } },
      'power-east': cascade('east'),
      'power-west': cascade('west'),
      'power-pingdu': {
        connector: 'power/http-form',
        options: {
          url: campus.urls.powerForm,
          system: FORM_SYSTEM,
          apiKey: campus.credentials.power.formApiKey,
          http: { attempts: 2, backoffMs: 5 },
        },
        mapping: { roomSystem: CODE_SYSTEMS.north, cardSource: 'core' },
        streams,
      },
    },
  };
}

const run = (...args: string[]) => cardhub({}, ...args, '-c', path);

/** The newest record of each key, or every event. */
async function topic<T>(name: string): Promise<T[]> {
  const records = (await cardhubLines({}, 'read', name, '-c', path)) as { key: string; value: T }[];
  const keys =
    name === 'master.power-purchase' ? records.map((_, i) => String(i)) : records.map(({ key }) => key);
  return [...new Map(records.map(({ value }, i) => [keys[i], value])).values()];
}

/** Lets minutes of campus time go by. */
function pass(minutes: number): void {
  campus.clock.set({ advanceMs: minutes * 60_000 });
  campus.advance();
}

interface Report {
  readonly lines: number;
  readonly mapped: number;
  readonly unmapped: readonly { codeSystem: string; vendorRoom: string; stream: string }[];
  readonly mappedTwice: readonly unknown[];
  readonly sharedRooms: readonly unknown[];
  readonly gone: readonly { codeSystem: string; roomId: string }[];
}
const report = async (): Promise<Report> => (await run('rooms', 'report')).document as Report;

describe('dormitory power', () => {
  const rooms = () =>
    (['east', 'west', 'north'] as const).reduce((sum, group) => sum + groupSize(campus.world.base, group), 0);

  it('refuses a mapping table with two rooms for one code, and takes a sound one', async () => {
    const csv = roomMapCsv(campus.world);
    const table = join(dir, 'table.csv');
    const [head, first = '', ...rest] = csv.trimEnd().split('\n');
    const twice = first.replace('CY-E1-101', 'CY-E9-999');
    writeFileSync(table, [head, first, twice, ...rest, ''].join('\n'));
    expect(await run('rooms', 'import', table)).toMatchObject({
      exit: 1,
      document: { imported: null, mappedTwice: [{ roomIds: ['CY-E1-101', 'CY-E9-999'] }] },
    });
    expect(readdirSync(join(dir, 'rooms'))).toEqual([]);
    // One room is left out: the vendor's first.
    writeFileSync(table, [head, ...rest, ''].join('\n'));
    expect(await run('rooms', 'import', table)).toMatchObject({ exit: 0, document: { lines: rooms() - 1 } });
  });

  it('publishes the rooms of both vendors, each with its own unit, and refuses the one without a line', async () => {
    for (let i = 0; i < 6; i++) campus.life({ event: 'buy-power', dormRoom: 1 + i });
    pass(20);
    expect((await run('sync', '--once')).exit).toBe(0);
    const all = await topic<PowerRoom>('master.power-room');
    expect(all.length).toBe(rooms() - 1);
    for (const { source, remainingEnergyWh, remainingFen, meterReadAt, campus: where } of all) {
      expect(where).toBe(source === 'power-pingdu' ? '平度校区' : '城阳校区');
      expect([remainingEnergyWh !== null, remainingFen !== null, meterReadAt !== null]).toEqual(
        { 'power-east': [true, false, false], 'power-west': [false, true, false] }[source] ?? [
          true,
          true,
          true,
        ],
      );
    }
    expect(await report()).toMatchObject({
      mapped: rooms() - 1,
      unmapped: expect.arrayContaining([
        expect.objectContaining({ codeSystem: 'chengyang-east' }),
      ]) as unknown,
      mappedTwice: [],
      gone: [],
    });
    const orders = await topic<PowerPurchase>('master.power-purchase');
    expect(orders.length).toBeGreaterThan(3);
    for (const order of orders) expect(order.payerAccountKey).toMatch(/^core:\d+$/);
    expect((await run('reconcile')).exit).toBe(0);
  });

  it('tells which vendor is off, while the others go on, and recovers by itself', async () => {
    campus.faults.add({ target: 'power-cascade', fault: 'vendor-off', match: 'west' });
    expect((await run('sync', '--once')).exit).toBe(3);
    const health = async () =>
      Object.fromEntries(
        (await topic<PowerVendor>('master.power-vendor')).map(({ source, health: is, reason }) => [
          source,
          [is, reason],
        ]),
      );
    expect(await health()).toEqual({
      'power-east': ['UP', null],
      'power-west': ['DOWN', 'VENDOR_OFF'],
      'power-pingdu': ['UP', null],
    });
    campus.faults.clear();
    expect((await run('sync', '--once')).exit).toBe(0);
    expect((await health())['power-west']).toEqual(['UP', null]);
    expect((await run('reconcile')).exit).toBe(0);
  });

  it('takes a renumbered building for other rooms, and none of them for the old ones', async () => {
    const before = await topic<PowerRoom>('master.power-room');
    campus.faults.add({ target: 'power-form', fault: 'rooms-renumbered' });
    // Absence needs two whole listings, and more than a handful of absences needs an operator's word.
    expect((await run('sync', '--once')).exit).toBe(0);
    const { unmapped, gone } = await report();
    const renumbered = unmapped.filter(({ codeSystem }) => codeSystem === 'pingdu');
    expect(renumbered.length).toBeGreaterThan(0);
    expect(gone.filter(({ codeSystem }) => codeSystem === 'pingdu').length).toBe(0);
    const known = new Set(before.map(({ vendorRoom }) => vendorRoom));
    for (const { vendorRoom } of renumbered) expect(known.has(vendorRoom)).toBe(false);
  });

  it('believes no reading in a wrong unit', async () => {
    const before = await topic<PowerRoom>('master.power-room');
    campus.faults.add({ target: 'power-cascade', fault: 'unit-confusion' });
    campus.faults.add({ target: 'power-form', fault: 'unit-confusion' });
    await run('sync', '--once');
    const key = ({ powerRoomKey, remainingEnergyWh, remainingFen }: PowerRoom) => [
      powerRoomKey,
      remainingEnergyWh,
      remainingFen,
    ];
    expect((await topic<PowerRoom>('master.power-room')).map(key)).toEqual(before.map(key));
    campus.faults.clear();
    await run('sync', '--once');
    expect((await run('reconcile')).exit).toBe(0);
  });
});
