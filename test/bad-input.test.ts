/**
 * Bad input as a user meets it: the command line as a process, upstreams over sockets, the facade of a running hub.
 * Each time: a closed code, what was expected, what came, what to do; what was published before stays; mended input
 * goes through; and no secret, id number or full card number is printed anywhere.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import iconv from 'iconv-lite';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startCampus } from '../campus/start.js';
import { writeDemoConfig } from '../hub/demo/campus-config.js';
import { cardhub, printed, runHub, type Said } from './bad-input/cardhub.js';
import { startVendor, type Vendor } from './bad-input/vendor.js';

const SECRETS = {
  pseudonymKey: 'pseudonym-key-that-nobody-may-see',
  apiKey: 'vendor-key-that-nobody-may-see',
  idNumber: '11010519491231002X',
  uid: '5630F009',
  longUid: '04A1B2C3D4E5F6',
};

let dir: string;
const closing: (() => Promise<unknown>)[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cardhub-bad-'));
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  rmSync(dir, { recursive: true, force: true });
});
afterAll(() => {
  const all = printed();
  expect(all.length).toBeGreaterThan(1_000);
  for (const [what, secret] of Object.entries(SECRETS)) {
    expect(all.includes(secret) ? what : null, `printed a secret: ${what}`).toBeNull();
  }
});

/** A card core that drops files. */
async function fileSite(): Promise<void> {
  await mkdir(join(dir, 'in'));
  await writeFile(
    join(dir, 'hub.yaml'),
    `version: 1
tenant: t
data: ./data
log: { engine: embedded }
secrets: { pseudonymKey: ${SECRETS.pseudonymKey} }
sources:
  core:
    connector: card-core/files
    options:
      folder: ./in
      columns: { cardno: 卡号, sno: 学号, name: 姓名, cert: 证件号, cardid: 物理卡号, lostflag: 挂失, expdate: 有效期 }
`,
  );
}

const HEAD = '卡号,学号,姓名,证件号,物理卡号,挂失,有效期';
const row = (n: number, uid = '', lost = 0): string =>
  `${1000 + n},S${n},张三${n},${SECRETS.idNumber},${uid},${lost},20291231`;

async function drop(name: string, content: string | Buffer): Promise<void> {
  await writeFile(join(dir, 'in', name), content);
}

const hub = (...args: string[]): Promise<Said> => cardhub(dir, ...args);
const sync = (): Promise<Said> => hub('sync', '--once', '--json');

/** Newest record of each key of a topic. */
async function topic(name: string): Promise<Map<string, Record<string, unknown>>> {
  const said = await hub('read', name);
  expect(said.exit).toBe(0);
  const found = new Map<string, Record<string, unknown>>();
  for (const line of said.lines as { key: string; value: Record<string, unknown> }[])
    found.set(line.key, line.value);
  return found;
}

const usable = (cards: ReadonlyMap<string, Record<string, unknown>>): string[] =>
  [...cards].filter(([, card]) => card['state'] === 'NORMAL' && card['lost'] === false).map(([key]) => key);

function refused(said: Said, exit: number, code: string, ...words: (string | RegExp)[]): void {
  expect(said.exit, said.text).toBe(exit);
  const { error } = said.document as { error: { code: string; message: string; meaning: { zh: string } } };
  expect(error.code).toBe(code);
  expect(error.meaning.zh).toMatch(/\p{Script=Han}/u);
  for (const word of words) expect(JSON.stringify(error)).toMatch(word);
}

function synced(said: Said, lines: object): void {
  expect(said.exit, said.text).toBe(0);
  const { streams, balanced } = said.document as { streams: object[]; balanced: boolean };
  expect(balanced).toBe(true);
  expect(streams[0]).toMatchObject(lines);
}

describe('a bad configuration', () => {
  it('with a wrong key is refused with file, line and the nearest key, and nothing is opened', async () => {
    await fileSite();
    await writeFile(
      join(dir, 'hub.yaml'),
      'version: 1\ntenant: t\nsources:\n  core:\n    conector: card-core/files\n    options: { folder: ./in }\n',
    );
    const said = await hub('sync', '--once');
    expect(said.exit).toBe(2);
    expect(said.text).toMatch(/hub\.yaml:5:\d+/);
    expect(said.text).toContain('conector');
    expect(said.text).toMatch(/connector/);
    const json = await sync();
    const { error } = json.document as {
      error: { code: string; problems: { line: number; hint?: string }[] };
    };
    expect(json.exit).toBe(2);
    expect(error.problems.some(({ line, hint }) => line === 5 && hint?.includes('connector'))).toBe(true);
  });
});

describe('a bad file', () => {
  beforeEach(async () => {
    await fileSite();
    await drop('cards-1.csv', [HEAD, row(1), row(2), row(3), ''].join('\n'));
    synced(await sync(), { read: 3, published: 3 });
  });

  it('without a column is refused with the columns that it has; the next, whole one goes through', async () => {
    await drop('cards-2.csv', ['卡号,学号,姓名,证件号,物理卡号,挂失', '1004,S4,李四,,,0', ''].join('\n'));
    refused(await sync(), 2, 'connector.FILE', /cards-2\.csv/, /有效期/, /columns\.expdate/, /物理卡号/);
    expect(usable(await topic('master.card'))).toHaveLength(3);
    await drop('cards-3.csv', [HEAD, row(1), row(2), row(3), row(4), ''].join('\n'));
    synced(await sync(), { read: 4, published: 1, unchanged: 3 });
  });

  it('whose first line is a row shows nothing of that row', async () => {
    await drop('cards-2.csv', [row(1), row(2), ''].join('\n'));
    refused(await sync(), 2, 'connector.FILE', /no column/, /look like a row/, /option header/);
  });

  it('with a torn last line loses that line only, closes nothing, and is mended by the whole file', async () => {
    const whole = [HEAD, row(1, '', 1), row(2), row(3), row(4), ''].join('\n');
    await drop('cards-2.csv', whole.slice(0, -12));
    synced(await sync(), { read: 4, published: 1, quarantined: { DAMAGED_ROW: 1 } });
    expect(usable(await topic('master.card'))).toEqual(['core:1002', 'core:1003']);
    const [damaged] = [...(await topic('hub.quarantine')).values()];
    expect(damaged?.['detail']).toMatch(/TORN_LINE: line 5: \d fields, expected 7/);
    await drop('cards-3.csv', whole);
    synced(await sync(), { read: 4, published: 1, unchanged: 3 });
    const states = [...(await topic('hub.quarantine')).entries()].map(([key, { state }]) => [key, state]);
    expect(states).toEqual([['core:cards:line-5', 'REPLAYED']]);
    expect((await hub('reconcile', '--no-upstream', '--json')).exit).toBe(0);
  });

  it('cut exactly at its last delimiter publishes nothing of the row that was cut', async () => {
    const whole = [HEAD, row(1), row(2), row(3), row(4), ''].join('\n');
    await drop('cards-2.csv', whole.slice(0, whole.lastIndexOf(',') + 1));
    synced(await sync(), { read: 4, unchanged: 3, quarantined: { DAMAGED_ROW: 1 } });
    expect(usable(await topic('master.card'))).not.toContain('core:1004');
    await drop('cards-3.csv', whole);
    synced(await sync(), { read: 4, published: 1, unchanged: 3 });
  });

  it('where there is no folder of them is told with the option that names it; a data folder that is a file, too', async () => {
    await rm(join(dir, 'in'), { recursive: true });
    const said = await hub('connector', 'check');
    expect(said.text).toContain('correct sources.core.options.folder in hub.yaml');
    await rm(join(dir, 'data'), { recursive: true });
    await writeFile(join(dir, 'data'), '');
    for (const args of [['sync', '--once'], ['read', 'master.card'], ['status']]) {
      const folder = await hub(...args);
      expect([args[0], folder.exit]).toEqual([args[0], 2]);
      expect(folder.text).toMatch(/ENOTDIR.*`data:` in hub\.yaml or CARDHUB_DATA/);
    }
  });

  it('in another encoding is refused as a whole, with the encoding that would fit', async () => {
    await drop('cards-2.csv', iconv.encode([HEAD, row(1), row(2), row(3), row(4), ''].join('\n'), 'gbk'));
    refused(await sync(), 2, 'connector.FILE', /is not utf-8/, /gb18030 would fit/);
    expect(usable(await topic('master.card'))).toHaveLength(3);
  });

  it('with card numbers of every length from 0 to 40 publishes the sound ones and says what is wrong with each other', async () => {
    const digits = '04A1B2C3D4E5F60718293A4B5C6D7E8F90112233';
    const rows = Array.from({ length: 41 }, (_, length) => row(length, digits.slice(0, length)));
    await drop('cards-2.csv', [HEAD, ...rows, ''].join('\n'));
    const said = await sync();
    // Rows 1 to 3 were published without a number before; now their numbers are too short.
    synced(said, { read: 41, published: 4, unchanged: 0, quarantined: { CARD_NUMBER_INVALID: 37 } });
    const cards = await topic('master.card');
    expect(usable(cards).sort()).toEqual(
      [0, 1, 2, 3, 8, 14, 20].map((length) => `core:${1000 + length}`).sort(),
    );
    const refusedRows = await topic('hub.quarantine');
    expect(refusedRows.size).toBe(37);
    for (const [key, value] of refusedRows) {
      const length = Number(key.split(':').at(-1)) - 1000;
      expect(value['path']).toBe('cardid');
      expect(value['detail']).toMatch(/expected/);
      expect(value['detail'], `of ${length}`).toContain(String(length));
      if (length >= 8) expect(JSON.stringify(value)).not.toContain(digits.slice(0, length));
    }
    expect((await hub('reconcile', '--no-upstream', '--json')).exit).toBe(0);
  });
});

async function vendorSite(): Promise<Vendor> {
  const vendor = await startVendor(SECRETS.apiKey);
  closing.push(() => vendor.close());
  await writeFile(
    join(dir, 'hub.yaml'),
    `version: 1
tenant: t
data: ./data
log: { engine: embedded }
facade: { port: 0 }
secrets: { pseudonymKey: ${SECRETS.pseudonymKey} }
sources:
  gate:
    connector: access-control/rest
    options: { url: ${vendor.url}, apiKey: ${SECRETS.apiKey}, http: { attempts: 1, backoffMs: 1 } }
    mapping: { cardSource: gate, personSource: gate }
`,
  );
  return vendor;
}

describe('a bad answer of an upstream', () => {
  const bombs: [string, () => string | Buffer, string, RegExp[]][] = [
    [
      'a page of 50 MB',
      () => `{"items":[],"next":null,"asOf":"${'x'.repeat(50 * 1024 * 1024)}"}`,
      'connector.TOO_LARGE',
      [/larger than 16777216 bytes/, /smaller pages/],
    ],
    ['JSON nested 100,000 deep', () => '['.repeat(100_000), 'connector.TOO_LARGE', [/deeper than 32/]],
    [
      'JSON nested as objects',
      () => '{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000),
      'connector.TOO_LARGE',
      [/deeper than 32/],
    ],
    [
      'JSON of 5 million values',
      () => `[${'0,'.repeat(5_000_000)}0]`,
      'connector.TOO_LARGE',
      [/more than 1000000 values/],
    ],
    [
      'a body that is not JSON',
      () => `{"id":${SECRETS.idNumber} and so on`,
      'connector.PROTOCOL',
      [/\/v1\/doors/, /not JSON/],
    ],
    [
      'JSON of another shape',
      () => `{"items":{"id":"${SECRETS.idNumber}"}}`,
      'connector.PROTOCOL',
      [/was expected/],
    ],
    ['bytes that are no UTF-8', () => Buffer.from([0x7b, 0xff, 0x7d]), 'connector.PROTOCOL', [/not UTF-8/]],
  ];

  it.each(bombs)(
    '%s is refused, what stands stays, and a sound answer goes through',
    async (_, bomb, code, words) => {
      const vendor = await vendorSite();
      vendor.doors.push({ id: 'D1', name: 'North gate', class: 'perimeter' });
      synced(await sync(), { stream: 'doors', read: 1, published: 1 });
      vendor.instead = { path: '/v1/doors', body: bomb() };
      refused(await sync(), 3, code, ...words);
      expect((await topic('master.door')).get('gate:D1')?.['state']).toBe('ACTIVE');
      vendor.instead = null;
      vendor.doors.push({ id: 'D2', name: 'South gate', class: 'perimeter' });
      synced(await sync(), { stream: 'doors', read: 2, published: 1, unchanged: 1 });
    },
  );

  it('marks what a device clock two days off dates, and keeps the event', async () => {
    const vendor = await vendorSite();
    vendor.doors.push({ id: 'D1', name: 'North gate', class: 'perimeter' });
    const uploadedAt = '2026-09-01T10:00:00.000+08:00';
    const event = (seq: number, occurredAt: string): object => ({
      ...{ seq, id: `C1-${seq}`, doorId: 'D1', controllerId: 'C1', index: seq, direction: 'enter' },
      ...{ credential: { profile: 'uid-hex', value: SECRETS.uid }, granted: true, reason: '' },
      ...{ occurredAt, uploadedAt },
    });
    vendor.events.push(
      event(1, '2026-09-01T09:59:58.000+08:00'),
      event(2, '2026-09-03T10:00:00.000+08:00'),
      event(3, '2026-08-30T10:00:00.000+08:00'),
    );
    const said = await sync();
    expect(said.exit, said.text).toBe(0);
    const events = [...(await topic('master.door-event')).values()];
    expect(events).not.toHaveLength(0);
    const { streams } = said.document as { streams: { stream: string; marked: Record<string, number> }[] };
    const swipes = streams.find(({ stream }) => stream === 'swipes');
    expect(swipes).toMatchObject({ read: 3, published: 3, quarantined: {} });
    expect(swipes?.marked).toMatchObject({ CLOCK_SUSPECT: 2, LATE_UPLOAD: 1 });
  });

  it('explains a refusal that comes from clocks two days apart, and goes through when they agree', async () => {
    const campus = await startCampus({ dir: join(dir, 'campus'), seed: 5, people: 60, life: false });
    closing.push(campus.close);
    writeDemoConfig({ dir, campus, port: 0 });
    synced(await sync(), { source: 'core' });
    const before = await topic('master.card');
    campus.faults.add({ target: 'core', fault: 'clock-skew', offsetMs: 2 * 86_400_000 });
    const said = await sync();
    refused(said, 3, 'connector.AUTH', /40018/, /clock/i);
    expect(said.text).toMatch(/set them by NTP/);
    const doctor = await hub('doctor', '--json');
    expect(doctor.exit).toBe(1);
    expect(doctor.text).toMatch(/clock/i);
    expect(await topic('master.card')).toEqual(before);
    campus.faults.clear();
    synced(await sync(), { source: 'core', published: 0 });
    for (const secret of [campus.credentials.core.privateKeyPem, campus.credentials.core.tripleDesKeyHex])
      expect(printed()).not.toContain(secret.slice(0, 40));
  });
});

describe('a bad request', () => {
  it('is refused with what was expected, by status and code, and the next question is answered', async () => {
    await vendorSite();
    const running = await runHub(dir);
    closing.push(running.stop);
    const ask = async (path: string, body: string, type = 'application/json') => {
      const headers = { 'content-type': type };
      const response = await fetch(running.url + path, { method: 'POST', headers, body });
      return { status: response.status, text: await response.text() };
    };
    const good = JSON.stringify({
      subject: { type: 'card', id: 'core:1' },
      action: { name: 'enter' },
      resource: { type: 'door', id: 'gate:D1' },
    });
    for (const path of ['/access/v1/evaluation', '/v1/identity/check']) {
      const notJson = await ask(path, `id=${SECRETS.idNumber}&x`);
      expect(notJson.status).toBe(400);
      expect(notJson.text).toMatch(/expected a JSON body, came something that is none/);
      expect(notJson.text).not.toContain(SECRETS.idNumber);
      const text = await ask(path, good, 'text/plain');
      expect([400, 415]).toContain(text.status);
      expect(text.text).toMatch(/expected Content-Type application\/json/);
      // The hub does not read 50 MB to say no: the sender may find its connection closed instead.
      const tooLarge = await ask(path, `"${'x'.repeat(50 * 1024 * 1024)}"`).catch(() => null);
      if (tooLarge !== null) {
        expect(tooLarge.status).toBe(413);
        expect(tooLarge.text).toMatch(/expected at most 65536 bytes/);
      }
      for (const deep of ['['.repeat(60_000), '{"a":'.repeat(10_000) + '1' + '}'.repeat(10_000)]) {
        const answer = await ask(path, deep);
        expect(answer.status).toBe(400);
        expect(answer.text).toMatch(/at most 32 levels/);
      }
      for (const odd of ['null', '[]', '1', '"x"', '{}', '{"subject":null}', '{"__proto__":{"subject":1}}']) {
        const answer = await ask(path, odd);
        expect(answer.status, odd).toBe(400);
        expect(answer.text, odd).toMatch(/expected/);
      }
    }
    expect(JSON.parse((await ask('/access/v1/evaluation', good)).text)).toMatchObject({ decision: false });
  });
});

describe('a log cut in half', () => {
  it('is refused as damaged by every command, with what to do, and a new store reads all again', async () => {
    await fileSite();
    await drop('cards-1.csv', [HEAD, row(1), row(2, SECRETS.longUid), ''].join('\n'));
    synced(await sync(), { published: 2 });
    const file = join(dir, 'data', 'log', 'log.mdb');
    expect((await hub('doctor')).text).toMatch(/ok {4}store .*: every batch is as it was written/);
    await truncate(file, 4096 * 8);
    const unfit = await hub('doctor');
    expect([unfit.exit, unfit.text]).toEqual([1, expect.stringMatching(/fail {2}store .*cut short/)]);
    refused(await sync(), 4, 'log.DAMAGED', /cut short/, /expected|of \d+/, /backup/);
    refused(await hub('read', 'master.card', '--json'), 4, 'log.DAMAGED');
    refused(await hub('reconcile', '--no-upstream', '--json'), 4, 'log.DAMAGED');
    rmSync(join(dir, 'data'), { recursive: true });
    synced(await sync(), { read: 2, published: 2 });
  });
});
