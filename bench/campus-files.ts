/** A card list and a swipe list as a school exports them, made once and kept in `.cache/bench`. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startCampus } from '../campus/start.js';
import { packagePath } from '../hub/package-root.js';

export const CACHE = packagePath('.cache', 'bench');
const FROM = Date.UTC(2026, 8, 1, 0);

export interface CampusFiles {
  readonly dir: string;
  readonly people: number;
  readonly swipes: number;
}

/** `cards.csv` (GBK, 29 columns) and `doors.csv` as the campus simulator exports them, `swipes.csv` (UTF-8, 9 columns). */
export async function campusFiles(people: number, swipes: number): Promise<CampusFiles> {
  const dir = join(CACHE, `files-${people}-${swipes}`);
  if (existsSync(dir)) return { dir, people, swipes };
  const making = `${dir}.making`;
  await rm(making, { recursive: true, force: true });
  await mkdir(making, { recursive: true });
  const world = join(CACHE, 'files-world');
  await rm(world, { recursive: true, force: true });
  const campus = await startCampus({
    dir: world,
    seed: 7,
    people,
    clock: { now: FROM, rate: 0 },
    exportsDir: making,
  });
  try {
    await campus.exports();
  } finally {
    await campus.close();
    await rm(world, { recursive: true, force: true });
  }
  const text = new TextDecoder('gb18030').decode(await readFile(join(making, 'cards.csv')));
  const [header = '', ...lines] = text.split('\r\n');
  const at = header.split(',').indexOf('物理卡号');
  const chips = lines.filter((row) => row !== '').map((row) => row.split(',')[at] as string);
  const doors = (await readFile(join(making, 'doors.csv'), 'utf8')).split('\n').length - 2;
  await writeFile(join(making, 'swipes.csv'), swipeText(chips, doors, swipes));
  await rename(making, dir);
  return { dir, people, swipes };
}

/** One in ten by a card that nobody knows; two swipes of a card in one minute are rare. */
function swipeText(chips: readonly string[], doors: number, count: number): string {
  const lines = ['id,door,controller,index,value,direction,granted,occurred,uploaded'];
  let seed = 7;
  const draw = (below: number): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  for (let i = 0; i < count; i++) {
    const door = draw(doors);
    const known = draw(10) > 0;
    const chip = known
      ? (chips[draw(chips.length)] as string)
      : `A${draw(2 ** 28)
          .toString(16)
          .toUpperCase()
          .padStart(7, '0')}`;
    const time = stamp(FROM + Math.floor((i * 86_400_000) / count));
    lines.push(
      `E-${String(i).padStart(9, '0')},D-${String(door).padStart(5, '0')},C-${door >> 2},${i},${chip},` +
        `${draw(2) === 0 ? 'enter' : 'exit'},${known ? 1 : 0},${time},${time}`,
    );
  }
  return `${lines.join('\r\n')}\r\n`;
}

function stamp(ms: number): string {
  return new Date(ms + 8 * 3_600_000).toISOString().slice(0, 19).replace('T', ' ');
}

/** hub.yaml that reads these files. */
export function filesYaml(dir: string): string {
  return `version: 1
tenant: bench
data: ./data
secrets: { pseudonymKey: 'a key for benchmarks only' }
sources:
  core:
    connector: card-core/files
    options:
      folder: ${JSON.stringify(dir)}
      pattern: cards.csv
      encoding: gb18030
      complete: always
      columns:
        { cardno: 卡号, account: 账号, sno: 学工号, name: 姓名, sex: 性别, cardtype: 卡类型, status: 卡状态,
          cardver: 版本, lostflag: 挂失, freezeflag: 冻结, barflag: 坏卡, lockflag: 锁定, lossdate: 挂失时间,
          indate: 启用日期, expdate: 有效期, createdate: 开卡日期, cardid: 物理卡号, certtype: 证件类型,
          cert: 证件号码, pidcode: 身份代码, deptcode: 部门代码, deptname: 部门, db_balance: 账户余额,
          unsettle_amount: 过渡余额, card_balance: 卡片余额, replaced_by: 新卡号, replaces: 旧卡号 }
  gate:
    connector: access-control/files
    options:
      doors:
        folder: ${JSON.stringify(dir)}
        pattern: doors.csv
        complete: always
        columns: { id: id, name: name, class: class, building: building, campus: campus, groups: groups,
          readerProfile: readerProfile, auditRequired: auditRequired, state: state, version: version }
      swipes:
        folder: ${JSON.stringify(dir)}
        pattern: swipes.csv
        complete: always
        columns: { id: id, door: door, controllerId: controller, index: index, credential: value,
          direction: direction, granted: granted, occurredAt: occurred, uploadedAt: uploaded }
        constants: { credentialProfile: uid-hex }
    streams:
      grants: { enabled: false }
      swipes: { after: [core/cards] }
    mapping: { cardSource: core, personSource: core }
`;
}
