import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packagePath } from '../hub/package-root.js';

/** What operators do, through the compiled command line, on a folder of card exports. */

const run = promisify(execFile);
let dir: string;

/** What the commands print that is looked at here. */
interface Printed {
  readonly streams: readonly object[];
  readonly rows: readonly object[];
  readonly held: readonly object[];
  readonly outcome: string;
}

interface Ran {
  readonly code: number;
  readonly out: Printed;
  readonly text: string;
}

async function cardhub(...args: string[]): Promise<Ran> {
  const command = [
    packagePath('dist', 'hub', 'cli', 'main.js'),
    ...args,
    '-c',
    join(dir, 'hub.yaml'),
    '--json',
  ];
  const env = { ...process.env, CARDHUB_DATA: join(dir, 'data') };
  const { stdout, code } = await run(process.execPath, command, { env }).then(
    (ran) => ({ ...ran, code: 0 }),
    (error: { stdout: string; code: number }) => error,
  );
  return { code, out: JSON.parse(stdout.trim() || '{}') as Printed, text: stdout };
}

function hubYaml(dateColumn: string): void {
  writeFileSync(
    join(dir, 'hub.yaml'),
    `version: 1
tenant: desk
log: { engine: embedded }
sources:
  core:
    connector: card-core/files
    options:
      folder: .
      pattern: cards.csv
      columns: { cardno: no, name: name, ${dateColumn}: until }
`,
  );
}

const cards = (count: number, bad = -1): string =>
  'no,name,until\n' +
  Array.from({ length: count }, (_, i) => `${1000 + i},王小明,${i === bad ? '20992399' : '20991231'}\n`).join(
    '',
  );

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cardhub-desk-'));
  hubYaml('expdate');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('quarantine', () => {
  it('lists a refused row, shows it masked, and publishes it once the configuration is mended and it is replayed', async () => {
    writeFileSync(join(dir, 'cards.csv'), cards(5, 2));
    const first = await cardhub('sync', '--once');
    expect(first.out.streams[0]).toMatchObject({ read: 5, published: 4, quarantined: { DATE_INVALID: 1 } });
    const listed = await cardhub('quarantine', 'list');
    expect(listed.out.rows[0]).toMatchObject({
      rowKey: 'core:cards:1002',
      reason: 'DATE_INVALID',
      state: 'OPEN',
    });
    const shown = await cardhub('quarantine', 'show', 'core:cards:1002');
    expect(shown.text).toContain('####,□□□,########');
    expect(shown.text).not.toContain('王');
    // The school finds that the column is no date of this kind at all, and takes it out of the profile.
    writeFileSync(
      join(dir, 'hub.yaml'),
      readFileSync(join(dir, 'hub.yaml'), 'utf8').replace(', expdate: until', ''),
    );
    expect((await cardhub('quarantine', 'replay', 'core/cards')).out).toEqual({ outcome: 'waiting' });
    await cardhub('sync', '--once');
    expect((await cardhub('quarantine', 'list')).out.rows).toEqual([]);
    expect((await cardhub('reconcile')).code).toBe(0);
  });

  it('gives a row up on request, and does not open it again when it comes the same', async () => {
    writeFileSync(join(dir, 'cards.csv'), cards(3, 1));
    await cardhub('sync', '--once');
    await cardhub('quarantine', 'replay', 'core/cards', '--discard');
    await cardhub('sync', '--once');
    expect((await cardhub('quarantine', 'list')).out.rows).toEqual([]);
    await cardhub('sync', '--once');
    expect((await cardhub('quarantine', 'list')).out.rows).toEqual([]);
  });
});

describe('absences', () => {
  it('are held when many, and closed after an operator accepted them', async () => {
    writeFileSync(join(dir, 'cards.csv'), cards(50));
    await cardhub('sync', '--once');
    writeFileSync(join(dir, 'cards.csv'), cards(30));
    await cardhub('sync', '--once');
    writeFileSync(join(dir, 'cards.csv'), cards(30) + '2000,新卡,20991231\n');
    const held = await cardhub('sync', '--once');
    expect(held.out.streams[0]).toMatchObject({ published: 1, held: 20 });
    expect((await cardhub('snapshot', 'list')).out.held[0]).toMatchObject({ count: 20 });
    await cardhub('snapshot', 'accept', 'core/cards');
    const after = await cardhub('sync', '--once');
    expect(after.out.streams[0]).toMatchObject({ held: 0, records: { 'master.card': 20 } });
    expect(await cardhub('snapshot', 'accept', 'core/cards')).toMatchObject({ code: 2 });
    expect((await cardhub('reconcile', '--upstream')).code).toBe(0);
  });

  it('pass at once when the batch was announced', async () => {
    writeFileSync(join(dir, 'cards.csv'), cards(50));
    await cardhub('sync', '--once');
    await cardhub('batch', 'announce', 'core/cards', '--count', '20', '--until', '2099-07-05');
    writeFileSync(join(dir, 'cards.csv'), cards(30));
    const after = await cardhub('sync', '--once');
    expect(after.out.streams[0]).toMatchObject({ held: 0, records: { 'master.card': 20 } });
  });
});

describe('several instances of one connector', () => {
  it('stand side by side: two cores with the same card numbers, two vendors with the same door names', async () => {
    for (const name of ['east', 'west']) {
      mkdirSync(join(dir, name));
      writeFileSync(join(dir, name, 'cards.csv'), cards(4));
      writeFileSync(join(dir, name, 'doors.csv'), `id,name\nD1,${name} gate\n`);
    }
    const source = (name: string): string => `
  core-${name}:
    connector: card-core/files
    options: { folder: ${name}, pattern: cards.csv, columns: { cardno: no, name: name } }
  gate-${name}:
    connector: access-control/files
    options: { doors: { folder: ${name}, pattern: doors.csv, columns: { id: id, name: name } } }
    streams: { grants: { enabled: false }, swipes: { enabled: false } }`;
    writeFileSync(
      join(dir, 'hub.yaml'),
      `version: 1\ntenant: desk\nlog: { engine: embedded }\nsources:${source('east')}${source('west')}\n`,
    );
    const { out } = await cardhub('sync', '--once');
    expect(out.streams).toHaveLength(4);
    const proof = (await cardhub('reconcile')).out as unknown as {
      topics: { topic: string; count: number }[];
    };
    const counts = Object.fromEntries(proof.topics.map(({ topic, count }) => [topic, count]));
    expect(counts).toMatchObject({ 'master.card': 8, 'master.door': 2 });
    // One of them fails: the run says which one it was.
    rmSync(join(dir, 'east', 'cards.csv'));
    const failed = await cardhub('sync', '--once');
    expect(failed.code).toBe(3);
    expect(failed.text).toContain('east');
  });
});
