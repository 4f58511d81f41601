import { hash32, oneIn } from './prng.js';

/** Who holds a card: a person of the school, a temporary visitor or a merchant's window. All invented. */
export interface Holder {
  /** School number 学(工)号; empty for visitors and merchants. Students 11 digits, staff 8 with a leading 0. */
  readonly sno: string;
  readonly name: string;
  readonly sex: '1' | '2' | '9';
  /** 01 student, 02 staff, 03 retired, 09 visitor. */
  readonly pidcode: '01' | '02' | '03' | '09';
  readonly pidname: string;
  readonly deptcode: string;
  readonly deptname: string;
  readonly certtype: string;
  /** Identity document, year 2099 (nobody's), with a valid GB 11643 check character. */
  readonly cert: string;
  readonly account: string;
}

/** A yearly intake of students, after the base population. */
export interface Cohort {
  readonly from: number;
  readonly count: number;
  readonly year: number;
}

/** What makes the base population: everything else follows from it. */
export interface Base {
  readonly seed: number;
  readonly people: number;
  /** The campus year when the world was made: entry years and expiry dates hang on it. */
  readonly epochYear: number;
}

const SURNAMES = [...'王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕'];
const GIVEN = [...'伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉萍红玲建国志鹏宇浩然子轩梓涵欣怡雨桐'];
const RARE = ['𠮷田', '李𤩽', '王䶮', '张㛃', '陈𬭎', '𡈽方'];
const DOTTED = ['阿依古丽·买买提', '迪力木拉提·吐尔逊', '古力娜扎·艾合买提', '丹增·次仁'];
const DEPARTMENTS = [
  ...['农学与植保学院', '园艺学院', '动物科技学院', '动物医学院', '资源与环境学院', '生命科学学院', '林学院'],
  ...[
    '食品科学与工程学院',
    '机电工程学院',
    '建筑工程学院',
    '经济管理学院',
    '化学与药学院',
    '理学与信息科学学院',
  ],
  ...[
    '海洋科学与工程学院',
    '人文社会科学学院',
    '外国语学院',
    '艺术学院',
    '马克思主义学院',
    '体育教学部',
    '图书馆',
  ],
];
const AREAS = [
  '370202',
  '370203',
  '370211',
  '370212',
  '370213',
  '370214',
  '370215',
  '370281',
  '370283',
  '370285',
];

const WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];

/** GB 11643 check character of the first 17 digits. */
export function idCheckCharacter(body: string): string {
  let sum = 0;
  for (let i = 0; i < 17; i += 1) sum += (body.charCodeAt(i) - 48) * (WEIGHTS[i] ?? 0);
  return '10X98765432'.charAt(sum % 11);
}

function idDocument(seed: number, index: number, sex: '1' | '2' | '9'): string {
  const day = hash32(seed, 20, index);
  const area = AREAS[index % AREAS.length] ?? '370214';
  const month = String(1 + (day % 12)).padStart(2, '0');
  const date = String(1 + ((day >>> 8) % 28)).padStart(2, '0');
  const order = ((hash32(seed, 21, index) % 499) + 1) * 2 - (sex === '1' ? 1 : 0);
  const body = `${area}2099${month}${date}${String(order).padStart(3, '0')}`;
  return body + idCheckCharacter(body);
}

function pick(list: readonly string[], value: number): string {
  return list[value % list.length] ?? '';
}

/** The first people carry the hard names, so that they occur on the smallest campus too. */
function nameOf(seed: number, index: number): string {
  if (index === 7 || oneIn(400, seed, 30, index)) return pick(RARE, hash32(seed, 31, index));
  if (index === 5 || oneIn(120, seed, 32, index)) return pick(DOTTED, hash32(seed, 33, index));
  const text = hash32(seed, 34, index);
  const second = (text >>> 16) % 3 === 0 ? '' : pick(GIVEN, text >>> 18);
  const name = pick(SURNAMES, text) + pick(GIVEN, text >>> 8) + second;
  // A CHAR(n) column of the core: padded on the right.
  return index === 3 || oneIn(40, seed, 35, index) ? name.padEnd(20, ' ') : name;
}

export function unitCount(people: number): number {
  return Math.max(5, Math.min(DEPARTMENTS.length, Math.floor(people / 50)));
}

export function unitOf(base: Base, unit: number): { code: string; name: string } {
  const index = unit % unitCount(base.people);
  return { code: String(101 + index).padStart(4, '0'), name: pick(DEPARTMENTS, index) };
}

/** 01 student 80 %, 02 staff 15 %, 03 retired 5 %; those who come later are students. */
export function classCode(base: Base, index: number): '01' | '02' | '03' {
  if (index >= base.people) return '01';
  const value = hash32(base.seed, 10, index) % 100;
  return value < 80 ? '01' : value < 95 ? '02' : '03';
}

export function entryYear(base: Base, cohorts: readonly Cohort[], index: number): number {
  const cohort = cohorts.find((c) => index >= c.from && index < c.from + c.count);
  return cohort?.year ?? base.epochYear - (hash32(base.seed, 11, index) % 4);
}

const CLASS_NAMES = { '01': '学生', '02': '教职工', '03': '离退休' } as const;

export function schoolNumber(base: Base, cohorts: readonly Cohort[], index: number): string {
  const tail = String(index).padStart(7, '0');
  const code = classCode(base, index);
  return code === '01' ? `${entryYear(base, cohorts, index)}${tail}` : (code === '02' ? '0' : '9') + tail;
}

/** The person behind a school number, or -1. */
export function personIndexOf(base: Base, cohorts: readonly Cohort[], people: number, sno: string): number {
  if (!/^\d{8}$|^\d{11}$/.test(sno)) return -1;
  const index = Number(sno.slice(-7));
  return index < people && schoolNumber(base, cohorts, index) === sno ? index : -1;
}

export const personAccount = (index: number): string => String(100_000 + index);

export function person(base: Base, cohorts: readonly Cohort[], index: number): Holder {
  const { seed } = base;
  const pidcode = classCode(base, index);
  const sexHash = hash32(seed, 12, index) % 200;
  const sex = sexHash === 0 ? '9' : sexHash % 2 === 0 ? '1' : '2';
  const unit = unitOf(base, hash32(seed, 13, index));
  const noDocument = oneIn(150, seed, 14, index);
  return {
    sno: schoolNumber(base, cohorts, index),
    name: nameOf(seed, index),
    sex,
    pidcode,
    pidname: CLASS_NAMES[pidcode],
    deptcode: unit.code,
    deptname: unit.name,
    certtype: noDocument ? '' : '1',
    cert: noDocument ? '' : idDocument(seed, index, sex),
    account: personAccount(index),
  };
}

const OUTSIDER = {
  sno: '',
  sex: '9',
  pidcode: '09',
  deptcode: '',
  deptname: '',
  certtype: '',
  cert: '',
} as const;

export function temporaryHolder(base: Base, index: number): Holder {
  const text = hash32(base.seed, 40, index);
  const name = pick(SURNAMES, text) + '师傅';
  return { ...OUTSIDER, name, pidname: '临时人员', account: String(7_000_000 + index) };
}

export function merchantHolder(index: number): Holder {
  const name = `第${pick([...'一二三四五'], index)}食堂${1 + Math.floor(index / 5)}号窗口`;
  return { ...OUTSIDER, name, pidname: '商户', account: String(8_000_000 + index) };
}
