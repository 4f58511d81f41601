import { createHash } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import iconv from 'iconv-lite';
import type { ScheduleSpan } from './access-control/types.js';
import type { CardRow } from './world/cards.js';
import * as world from './world/world.js';
import type { World } from './world/world.js';

/**
 * Exports, as schools drop them into a folder: the card list as GBK with Chinese headers (what GBK cannot
 * write becomes `?`, as in real exports), doors, grants and swipes as UTF-8. A file appears whole (written
 * beside, then renamed), or torn on request: straight to its name, ending inside the last line.
 */
export interface ExportOptions {
  readonly torn?: boolean;
}

export interface ExportedFile {
  readonly name: string;
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: string;
}

type Cell = string | number | boolean;
interface Table {
  readonly name: string;
  readonly encoding: 'gbk' | 'utf8';
  readonly header: readonly string[];
  readonly rows: Iterable<readonly Cell[]>;
}

const CHUNK_ROWS = 1000;

const quote = (cell: Cell): string => {
  const text = String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};
const line = (cells: readonly Cell[]): string => cells.map(quote).join(',') + '\r\n';

/** Chinese header → field of the row; the last columns are this simulator's own. */
export const CARD_COLUMNS: readonly (readonly [string, (row: CardRow) => string])[] = [
  ['卡号', (row) => row.cardno],
  ['账号', (row) => row.account],
  ['学工号', (row) => row.sno],
  ['姓名', (row) => row.name],
  ['性别', (row) => ({ '1': '男', '2': '女' })[row.sex] ?? '未知'],
  ['卡类型', (row) => row.cardtype],
  ['卡名称', (row) => row.cardname],
  ['卡状态', (row) => row.status],
  ['版本', (row) => row.cardver],
  ['挂失', (row) => row.lostflag],
  ['冻结', (row) => row.freezeflag],
  ['坏卡', (row) => row.barflag],
  ['锁定', (row) => row.lockflag],
  ['挂失时间', (row) => row.lossdate],
  ['启用日期', (row) => row.indate],
  ['有效期', (row) => row.expdate],
  ['开卡日期', (row) => row.createdate],
  ['物理卡号', (row) => row.cardid],
  ['证件类型', (row) => row.certtype],
  ['证件号码', (row) => row.cert],
  ['身份代码', (row) => row.pidcode],
  ['身份', (row) => row.pidname],
  ['部门代码', (row) => row.deptcode],
  ['部门', (row) => row.deptname],
  ['账户余额', (row) => row.db_balance],
  ['过渡余额', (row) => row.unsettle_amount],
  ['卡片余额', (row) => row.card_balance],
  ['新卡号', (row) => row.replaced_by],
  ['旧卡号', (row) => row.replaces],
];

function* cardRows(from: World): Generator<readonly Cell[]> {
  for (let after = '', more = true; more;) {
    const page = world.cardsAfter(from, after, CHUNK_ROWS);
    for (const card of page.cards) {
      const row = world.rowOf(from, card);
      yield CARD_COLUMNS.map(([, of]) => of(row));
    }
    after = page.cards.at(-1)?.no ?? '';
    more = page.more;
  }
}

function* doorRows(from: World): Generator<readonly Cell[]> {
  for (let index = 0; index < world.doorTotal(from); index += 1) {
    const door = world.doorAt(from, index);
    yield [
      ...[
        door.id,
        door.name,
        door.class,
        door.building,
        door.campus,
        door.groups.join(';'),
        door.readerProfile,
      ],
      ...[door.auditRequired, door.state, door.version],
    ];
  }
}

/** `1,2,3 08:00-22:00`, 1 is Monday. */
const span = (it: ScheduleSpan): string => `${it.days.join(',')} ${it.from}-${it.until}`;

function* grantRows(from: World): Generator<readonly Cell[]> {
  for (let after = '', more = true; more;) {
    const page = world.grantsAfter(from, after, CHUNK_ROWS);
    for (const grant of page.grants) {
      yield [
        ...[
          grant.id,
          grant.subject.type,
          grant.subject.id,
          grant.resource.type,
          grant.resource.id,
          grant.direction,
        ],
        ...[grant.validFrom ?? '', grant.validUntil ?? ''],
        ...[grant.schedule.map(span).join('; '), grant.state, grant.version],
      ];
    }
    after = page.grants.at(-1)?.id ?? '';
    more = page.more;
  }
}

function* swipeRows(from: World): Generator<readonly Cell[]> {
  for (let after = from.store.meta.eventFloor; after < from.store.meta.eventSeq;) {
    const events = world.eventsAfter(from, after, CHUNK_ROWS) ?? [];
    for (const it of events) {
      yield [
        ...[it.seq, it.id, it.doorId, it.controllerId, it.index, it.credential.profile, it.credential.value],
        ...[it.direction, it.granted ? 1 : 0, it.reason, it.occurredAt, it.uploadedAt],
      ];
    }
    const last = events.at(-1)?.seq;
    if (last === undefined) return;
    after = last;
  }
}

const DOOR_HEADER = 'id,name,class,building,campus,groups,readerProfile,auditRequired,state,version'.split(
  ',',
);
const GRANT_HEADER =
  'id,subjectType,subject,resourceType,resource,direction,validFrom,validUntil,schedule,state,version'.split(
    ',',
  );
const SWIPE_HEADER =
  'seq,id,doorId,controllerId,index,profile,value,direction,granted,reason,occurredAt,uploadedAt'.split(',');

const tables = (from: World): readonly Table[] => [
  { name: 'cards.csv', encoding: 'gbk', header: CARD_COLUMNS.map(([title]) => title), rows: cardRows(from) },
  { name: 'doors.csv', encoding: 'utf8', header: DOOR_HEADER, rows: doorRows(from) },
  { name: 'grants.csv', encoding: 'utf8', header: GRANT_HEADER, rows: grantRows(from) },
  { name: 'swipes.csv', encoding: 'utf8', header: SWIPE_HEADER, rows: swipeRows(from) },
];

function* chunks(table: Table): Generator<{ bytes: Buffer; rows: number }> {
  let text = line(table.header);
  let rows = 0;
  for (const row of table.rows) {
    text += line(row);
    rows += 1;
    if (rows % CHUNK_ROWS === 0) {
      yield { bytes: iconv.encode(text, table.encoding), rows };
      text = '';
    }
  }
  yield { bytes: iconv.encode(text, table.encoding), rows };
}

async function writeTable(folder: string, table: Table, torn: boolean): Promise<ExportedFile> {
  const path = join(folder, table.name);
  const target = torn ? path : path + '.part';
  const hash = createHash('sha256');
  const file = await open(target, 'w');
  let bytes = 0;
  let rows = 0;
  try {
    for (const chunk of chunks(table)) {
      await file.write(chunk.bytes);
      hash.update(chunk.bytes);
      bytes += chunk.bytes.length;
      rows = chunk.rows;
    }
    if (torn) await file.truncate(bytes - 9);
    await file.sync();
  } finally {
    await file.close();
  }
  if (torn) await rm(path + '.part', { force: true });
  else await rename(target, path);
  return { name: table.name, rows, bytes: torn ? bytes - 9 : bytes, sha256: hash.digest('hex') };
}

/**
 * Writes `cards.csv`, `doors.csv`, `grants.csv` and `swipes.csv`. The hash is that of the whole file, also
 * when a torn one was asked for.
 */
export async function writeExports(
  from: World,
  folder: string,
  options: ExportOptions = {},
): Promise<readonly ExportedFile[]> {
  await mkdir(folder, { recursive: true });
  const written: ExportedFile[] = [];
  for (const table of tables(from)) written.push(await writeTable(folder, table, options.torn === true));
  return written;
}
