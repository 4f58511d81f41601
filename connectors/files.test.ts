import { existsSync } from 'node:fs';
import { appendFile, copyFile, mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import iconv from 'iconv-lite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { accessFiles } from './access-control/files.js';
import { parseSchedule } from './access-control/file-rows.js';
import type { GrantRow, SwipeRow } from './access-control/rows.js';
import { cardFiles } from './card-core/files.js';
import type { CardRow } from './card-core/rows.js';
import { connectorContract, drain } from './connector.contract.js';
import { ConnectorError, type ConnectorContext, type ConnectorFactory } from './sdk.js';

const never = new AbortController().signal;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cardhub-files-'));
});
afterEach(() => rm(folder, { recursive: true }));

const context = (more: Partial<ConnectorContext> = {}): ConnectorContext => ({
  source: 'core',
  now: () => Date.now(),
  random: () => 0.5,
  baseDir: folder,
  once: true,
  note: () => undefined,
  ...more,
});

function openValid(
  factory: ConnectorFactory,
  options: Record<string, unknown>,
  more: Partial<ConnectorContext> = {},
) {
  const validate = new Ajv2020({ strict: false }).compile(factory.spec.options);
  expect(validate(options), JSON.stringify(validate.errors)).toBe(true);
  return factory.open(options, context(more));
}

const write = (name: string, text: string, encoding = 'utf-8') =>
  writeFile(join(folder, name), iconv.encode(text, encoding));
const people = (from: number, to: number): string => {
  let text = '卡号,姓名,门禁号\n';
  for (let i = from; i < to; i++) text += `${100000 + i},"张,${i}",${19762330 + i}\n`;
  return text;
};
const cardOptions = {
  folder: '.',
  pattern: 'cards*.csv',
  encoding: 'gb18030',
  pageRows: 7,
  columns: { cardno: '卡号', name: '姓名' },
  credentials: [{ column: '门禁号', profile: 'wg26-3-5' }],
};
const swipeOptions = {
  swipes: {
    folder: '.',
    pattern: 'swipes*.csv',
    encoding: 'gb18030',
    pageRows: 7,
    columns: { credential: 'no', occurredAt: 'at', door: 'where' },
    address: {
      pattern: '^(?<door>.+)\\[(?<direction>进门|出门)\\]$',
      directions: { 进门: 'enter', 出门: 'exit' },
    },
  },
};
const swipes = (from: number, to: number): string => {
  let text = 'no,at,where\n';
  for (let i = from; i < to; i++) text += `${i % 5},2019/4/1 0:0${i % 3},楼[${i % 2 ? '进' : '出'}门]\n`;
  return text;
};

connectorContract('card-core/files', {
  rows: { cards: 50 },
  pageRowsMax: 7,
  async open() {
    const own = await mkdtemp(join(tmpdir(), 'cardhub-contract-'));
    await writeFile(join(own, 'cards.csv'), iconv.encode(people(0, 50), 'gb18030'));
    return {
      connector: openValid(cardFiles, cardOptions, { baseDir: own }),
      dispose: () => rm(own, { recursive: true }),
    };
  },
});

connectorContract('access-control/files', {
  rows: { doors: 12, grants: 12, swipes: 60 },
  pageRowsMax: 7,
  async open() {
    const own = await mkdtemp(join(tmpdir(), 'cardhub-contract-'));
    const ids = Array.from({ length: 12 }, (_, i) => i + 10);
    await writeFile(join(own, 'doors.csv'), `id,groups,audit\n${ids.map((i) => `D${i},a;b,1\n`).join('')}`);
    const grant =
      'grant_id,subject_type,subject,resource_type,resource,direction,valid_from,valid_until,state,schedule,seen\n';
    await writeFile(
      join(own, 'grants.csv'),
      grant + ids.map((i) => `G${i},card,${i},door,D10,both,,,active,1-5 08:00-22:00,9\n`).join(''),
    );
    await writeFile(join(own, 'swipes-1.csv'), iconv.encode(swipes(0, 30), 'gb18030'));
    await writeFile(join(own, 'swipes-2.csv'), iconv.encode(swipes(100, 130), 'gb18030'));
    const connector = openValid(
      accessFiles,
      {
        doors: {
          folder: '.',
          pattern: 'doors.csv',
          pageRows: 7,
          columns: { id: 'id', groups: 'groups', auditRequired: 'audit' },
        },
        grants: { folder: '.', pattern: 'grants.csv', pageRows: 7 },
        ...swipeOptions,
      },
      { baseDir: own },
    );
    return { connector, dispose: () => rm(own, { recursive: true }) };
  },
});

describe('an export folder of cards', () => {
  const cards = (more: Partial<ConnectorContext> = {}) =>
    openValid(cardFiles, cardOptions, more).stream('cards');
  const read = async (stream = cards()) => {
    const pages = await drain((cursor) => stream.snapshotPage(cursor, never), null);
    return { rows: pages.flatMap((page) => page.rows), last: pages.at(-1)! };
  };

  it('turns the named columns into card rows with the reader’s number of the card', async () => {
    await write('cards.csv', people(0, 1), 'gb18030');
    const { rows, last } = await read();
    expect(rows[0]?.data).toEqual({
      cardno: '100000',
      name: '张,0',
      credentials: [{ profile: 'wg26-3-5', value: '19762330' }],
    } satisfies CardRow);
    expect(last.absenceUsable).toBe(true);
  });

  it('takes the newest file as the listing, and names the listing by its content', async () => {
    await write('cards-1.csv', people(0, 3), 'gb18030');
    const stream = cards();
    const before = await stream.listing!(never);
    await write('cards-2.csv', people(0, 2), 'gb18030');
    const { rows, last } = await read(stream);
    expect(rows.length).toBe(2);
    expect(last.listing).not.toBe(before.name);
    await rename(join(folder, 'cards-2.csv'), join(folder, 'cards-3.csv'));
    expect((await stream.listing!(never)).name).toBe(last.listing);
  });

  it('quarantines a torn last line and then believes no absence', async () => {
    await write('cards.csv', people(0, 20) + '100020,"张', 'gb18030');
    const { rows, last } = await read();
    expect(rows.at(-1)?.damage?.code).toBe('TORN_LINE');
    expect(Buffer.from(rows.at(-1)!.raw).toString('latin1')).toContain('100020');
    expect(rows.length).toBe(21);
    expect(last.absenceUsable).toBe(false);
    await write('cards.csv', people(0, 2) + '100020', 'gb18030');
    expect((await read()).rows.at(-1)?.damage?.code).toBe('TORN_LINE');
  });

  it('takes a file that ends exactly at its last delimiter for torn, unless the exporter says that it is whole', async () => {
    const cut = (people(0, 3) + '100003,李四,').replaceAll('"', '');
    for (const encoding of ['gb18030', 'utf-16le']) {
      const open = (more: object) =>
        openValid(cardFiles, { ...cardOptions, ...more, encoding }).stream('cards');
      await write('cards.csv', cut.replaceAll('张,', '张'), encoding);
      await write('cards.csv.done', '');
      const { rows, last } = await read(open({}));
      expect(rows.at(-1)?.damage).toMatchObject({
        code: 'TORN_LINE',
        detail: 'line 5: nothing after the last delimiter; the file ends without a line end',
      });
      expect([rows.length, last.absenceUsable]).toEqual([4, false]);
      expect((await read(open({ complete: 'marker' }))).last.absenceUsable).toBe(true);
      // A field that is empty and written so has not been cut.
      await write('cards.csv', people(0, 3) + '100003,李四,""', encoding);
      expect((await read(open({}))).last.absenceUsable).toBe(true);
    }
  });

  it('takes any last line without a line end for torn where the upstream always writes one', async () => {
    await write('cards.csv', people(0, 3).slice(0, -2), 'gb18030');
    expect((await read()).rows.at(-1)?.damage).toBeUndefined();
    const ended = openValid(cardFiles, { ...cardOptions, lastLine: 'ended' });
    expect((await read(ended.stream('cards'))).rows.at(-1)?.damage?.code).toBe('TORN_LINE');
    await write('cards.csv', people(0, 3), 'gb18030');
    expect((await read(ended.stream('cards'))).last.absenceUsable).toBe(true);
  });

  it('takes a whole last line without a line end as a row', async () => {
    await write('cards.csv', people(0, 2).trimEnd(), 'gb18030');
    const { rows, last } = await read();
    expect([rows.length, last.absenceUsable]).toEqual([2, true]);
  });

  it('begins the listing again when its file changes under the cursor', async () => {
    await write('cards.csv', people(0, 20), 'gb18030');
    const stream = cards();
    const first = await stream.snapshotPage(null, never);
    await appendFile(join(folder, 'cards.csv'), iconv.encode('100099,new,1\n', 'gb18030'));
    const again = await stream.snapshotPage(first.next, never);
    expect(again.rows[0]?.id).toBe('100000');
    expect(again.listing).not.toBe(first.listing);
  });

  it('names the missing column, the option that asked for it, and the columns that are there', async () => {
    await write('cards.csv', '卡号,名字,门禁号\n1,a,2\n', 'gb18030');
    const error: unknown = await cards()
      .snapshotPage(null, never)
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConnectorError);
    expect(error).toMatchObject({ code: 'FILE' });
    expect((error as Error).message).toMatch(
      /cards\.csv: no column "姓名" \(option columns\.name\); columns found: "卡号", "名字", "门禁号"/,
    );
  });

  it('refuses a file in another encoding as a whole, and says which would fit', async () => {
    const utf8 = { ...cardOptions, encoding: 'utf-8', columns: { cardno: '卡号' } };
    await write('cards.csv', people(0, 9), 'gb18030');
    await expect(openValid(cardFiles, utf8).stream('cards').snapshotPage(null, never)).rejects.toThrow(
      /is not utf-8: 10 of 10 lines .* gb18030 would fit/,
    );
    await write('cards.csv', people(0, 9), 'utf-8');
    await expect(cards().snapshotPage(null, never)).rejects.toThrow(
      /is valid UTF-8 .* profile says encoding: gb18030/,
    );
  });

  it('waits until a dropped file has settled, or for its marker', async () => {
    await write('cards.csv', people(0, 1), 'gb18030');
    const settling = cards({ once: false });
    await expect(settling.snapshotPage(null, never)).rejects.toThrow(/no whole file matches cards\*\.csv/);
    const later = cards({ once: false, now: () => Date.now() + 10_000 });
    expect((await later.snapshotPage(null, never)).rows.length).toBe(1);
    const marked = openValid(cardFiles, { ...cardOptions, complete: 'marker' }).stream('cards');
    await expect(marked.snapshotPage(null, never)).rejects.toThrow(/no whole file/);
    await write('cards.csv.done', '');
    expect((await marked.snapshotPage(null, never)).rows.length).toBe(1);
  });
});

describe('a folder of swipes', () => {
  const stream = () => openValid(accessFiles, swipeOptions).stream('swipes');
  const read = (cursor: null | Parameters<ReturnType<typeof stream>['changes']>[0], from = stream()) =>
    drain((at) => from.changes(at, never), cursor);

  it('reads each content once, whatever its name and time', async () => {
    await write('swipes-1.csv', swipes(0, 10), 'gb18030');
    const pages = await read(null);
    expect(pages.flatMap((page) => page.rows).length).toBe(10);
    await copyFile(join(folder, 'swipes-1.csv'), join(folder, 'swipes-9.csv'));
    await utimes(join(folder, 'swipes-1.csv'), 1, 1);
    const again = await read(pages.at(-1)!.next);
    expect(again.flatMap((page) => page.rows)).toEqual([]);
    await write('swipes-0.csv', swipes(20, 22), 'gb18030');
    expect((await read(again.at(-1)!.next)).flatMap((page) => page.rows).length).toBe(2);
  });

  it('tells two equal rows of a file apart, and knows the same row in a later file', async () => {
    await write('swipes-1.csv', `${swipes(0, 1)}${swipes(0, 1).split('\n')[1]}\n`, 'gb18030');
    await write('swipes-2.csv', swipes(0, 2), 'gb18030');
    const ids = (await read(null)).flatMap((page) => page.rows.map((row) => row.id));
    expect(ids.length).toBe(4);
    expect(new Set(ids).size).toBe(3);
    expect(ids[2]).toBe(ids[0]);
  });

  it('names a torn line with its file, and says of the whole file’s line that it was that one', async () => {
    await write('swipes-1.csv', `${swipes(0, 2)}7,2019/4/1 0:02,`, 'gb18030');
    await write('swipes-2.csv', `${swipes(2, 4)}8`, 'gb18030');
    const torn = await read(null);
    const lines = torn.flatMap((page) => page.rows).filter((row) => row.damage !== undefined);
    expect(lines.map((row) => row.id)).toEqual(['swipes-1.csv:line-4', 'swipes-2.csv:line-4']);
    await write('swipes-1.csv', swipes(0, 3), 'gb18030');
    const whole = (await read(torn.at(-1)!.next)).flatMap((page) => page.rows);
    expect(whole.map((row) => row.lineId).at(-1)).toBe('swipes-1.csv:line-4');
  });

  it('takes door and direction out of the address', async () => {
    await write('swipes.csv', 'no,at,where\n7,2019/4/1 0:02,第六教学楼[出门]\n8,x,侧门\n', 'gb18030');
    const rows = (await read(null)).flatMap((page) => page.rows.map((row) => row.data as SwipeRow));
    expect(rows[0]).toMatchObject({ doorId: '第六教学楼', direction: 'exit', occurredAt: '2019/4/1 0:02' });
    expect(rows[1]?.doorId).toBe('侧门');
    expect(rows[1]?.direction).toBeUndefined();
  });
});

describe('grants in a file', () => {
  it('are read from what `grants propose` writes, with the schedule in one cell', async () => {
    await write(
      'grants.csv',
      'grant_id,subject_type,subject,resource_type,resource,direction,valid_from,valid_until,state,schedule,allowed\n' +
        'g1,card,180001,door,第六教学楼,both,2019-04-01,,active,"1-5 08:00-22:00; 6,7 22:00-02:00",12\n',
    );
    const grants = openValid(accessFiles, { grants: { folder: '.' } }).stream('grants');
    const row = (await grants.snapshotPage(null, never)).rows[0];
    expect(row?.data).toEqual({
      id: 'g1',
      subject: { type: 'card', id: '180001' },
      resource: { type: 'door', id: '第六教学楼' },
      direction: 'both',
      validFrom: '2019-04-01',
      state: 'active',
      schedule: [
        { days: [1, 2, 3, 4, 5], from: '08:00', until: '22:00' },
        { days: [6, 7], from: '22:00', until: '02:00' },
      ],
    } satisfies GrantRow);
    expect(parseSchedule('weekdays')).toBe('weekdays');
  });
});

const campus2019 =
  process.env['CAMPUS_2019_DIR'] ?? join(import.meta.dirname, '../../shared/data/campus-2019');

describe.skipIf(!existsSync(campus2019))(
  'the real campus of 2019 (its data is not part of this repository)',
  () => {
    it('is read whole by a profile', async () => {
      const core = openValid(cardFiles, {
        folder: campus2019,
        pattern: 'cards.csv',
        encoding: 'gb18030',
        columns: { cardno: 'CardNo', sno: 'CardNo', sex: 'Sex', deptname: 'Major' },
        credentials: [{ column: 'AccessCardNo', profile: 'wg26-3-5' }],
      }).stream('cards');
      const cards = await drain((cursor) => core.snapshotPage(cursor, never), null);
      expect(cards.flatMap((page) => page.rows).length).toBe(4341);
      expect(cards.at(-1)?.absenceUsable).toBe(true);

      const files = { folder: campus2019, pattern: 'door-swipes.csv', encoding: 'gb18030' };
      const address = { ...swipeOptions.swipes.address };
      const gate = openValid(accessFiles, {
        doors: {
          ...files,
          distinct: true,
          columns: { id: 'Address' },
          constants: { class: 'turnstile' },
          address,
        },
        swipes: {
          ...files,
          key: ['Index'],
          columns: {
            credential: 'AccessCardNo',
            occurredAt: 'Date',
            door: 'Address',
            granted: 'Access',
            reason: 'Describe',
          },
          constants: { credentialProfile: 'wg26-3-5' },
          address,
        },
      });
      const rows = (await drain((cursor) => gate.stream('swipes').changes(cursor, never), null)).flatMap(
        (page) => page.rows,
      );
      expect(rows.length).toBe(22_391);
      expect(rows.filter((row) => row.damage).length).toBe(0);
      expect(new Set(rows.map((row) => row.id)).size).toBe(22_391);
      const directions = new Set(rows.map((row) => (row.data as SwipeRow).direction));
      expect([...directions].sort()).toEqual(['enter', 'exit']);
      const doors = await gate.stream('doors').snapshotPage(null, never);
      expect(doors.rows.length).toBe(new Set(rows.map((row) => (row.data as SwipeRow).doorId)).size);
    });
  },
);
