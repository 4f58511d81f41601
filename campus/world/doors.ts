import type { Door, Grant, ScheduleSpan } from '../access-control/types.js';
import type { Base, Cohort } from './people.js';
import { classCode, schoolNumber, unitCount, unitOf } from './people.js';
import { hash32 } from './prng.js';
import { isoShanghai } from './time.js';
import { READER_PROFILES } from './uid.js';
import type { ReaderProfile } from './uid.js';

/**
 * Doors and rights of the base population, as functions of the seed. Most rights are grants to groups
 * (`class:…`, `unit:…`, the vendor's own `group:…`); some are to persons and to cards.
 */

/** One in fifty people, at least 5, at most 2,000. */
export const doorCount = (people: number): number => Math.max(5, Math.min(2000, Math.round(people / 50)));

type DoorClass = Door['class'];
const FIRST_DOORS: readonly DoorClass[] = [
  'perimeter',
  'dormitory',
  'laboratory',
  'classroom',
  'office',
  'library',
];
const DOORS_OF_TEN: readonly DoorClass[] = [
  ...(['dormitory', 'dormitory', 'dormitory', 'classroom', 'classroom'] as const),
  ...(['laboratory', 'laboratory', 'office', 'library', 'perimeter'] as const),
];
const CLASS_NAMES: Readonly<Record<DoorClass, string>> = {
  perimeter: '校门',
  dormitory: '学生公寓',
  laboratory: '实验室',
  classroom: '教学楼',
  office: '办公楼',
  library: '图书馆',
  turnstile: '闸机',
};
const CAMPUSES = ['城阳校区', '平度校区', '蓝谷校区'];

export const doorId = (index: number): string => `D-${String(index).padStart(5, '0')}`;
/** One controller for four doors. */
export const controllerOf = (index: number): number => Math.floor(index / 4);
export const controllerId = (controller: number): string => `C-${String(controller).padStart(4, '0')}`;

export function doorIndexOf(people: number, id: string): number {
  const index = /^D-\d{5}$/.test(id) ? Number(id.slice(2)) : -1;
  return index >= 0 && index < doorCount(people) ? index : -1;
}

export function doorClass(seed: number, index: number): DoorClass {
  return FIRST_DOORS[index] ?? DOORS_OF_TEN[hash32(seed, 60, index) % DOORS_OF_TEN.length] ?? 'classroom';
}

export function doorProfile(seed: number, index: number): ReaderProfile {
  const profile = READER_PROFILES[index < 3 ? index : hash32(seed, 61, index) % READER_PROFILES.length];
  return profile ?? 'uid-hex';
}

export function door(base: Base, index: number): Door {
  const kind = doorClass(base.seed, index);
  const building = `${CLASS_NAMES[kind]}${1 + Math.floor(index / 6)}`;
  return {
    id: doorId(index),
    name: `${building} ${1 + (index % 6)}号门`,
    class: kind,
    building,
    campus: CAMPUSES[hash32(base.seed, 62, index) % 10 < 7 ? 0 : 1 + (index % 2)] ?? '城阳校区',
    groups: [`all-${kind}`, `building-${1 + Math.floor(index / 6)}`],
    readerProfile: doorProfile(base.seed, index),
    auditRequired: kind === 'laboratory' && index % 3 === 2,
    state: index > 5 && hash32(base.seed, 63, index) % 100 === 0 ? 'disabled' : 'active',
    version: 1,
  };
}

/** The unit that owns a laboratory or office; its members may enter. */
const ownerUnit = (base: Base, index: number): string =>
  unitOf(base, hash32(base.seed, 64, index) % unitCount(base.people)).code;

const DAYTIME: ScheduleSpan[] = [{ days: [1, 2, 3, 4, 5, 6, 7], from: '06:00', until: '23:00' }];
const WORKDAYS: ScheduleSpan[] = [{ days: [1, 2, 3, 4, 5], from: '07:00', until: '22:30' }];
const NIGHT: ScheduleSpan[] = [{ days: [1, 2, 3, 4, 5, 6, 7], from: '22:00', until: '06:00' }];

/** Class rights on groups of doors; the tail of the list is two grants for each door. */
const CLASS_GRANTS: readonly (readonly [subject: string, doors: string, schedule: ScheduleSpan[]])[] = [
  ['class:STUDENT', 'all-perimeter', []],
  ['class:STAFF', 'all-perimeter', []],
  ['class:RETIRED', 'all-perimeter', DAYTIME],
  ['class:STUDENT', 'all-library', DAYTIME],
  ['class:STAFF', 'all-library', DAYTIME],
  ['class:STUDENT', 'all-classroom', DAYTIME],
  ['class:STAFF', 'all-classroom', DAYTIME],
  ['class:STUDENT', 'all-dormitory', [{ days: [1, 2, 3, 4, 5, 6, 7], from: '05:00', until: '24:00' }]],
  ['class:STAFF', 'all-office', WORKDAYS],
  ['group:security', 'all-perimeter', NIGHT],
];

/** How many base grants there are, by kind; they are numbered in this order. */
export function grantCounts(base: Base, temporaryCards: number) {
  const groups = CLASS_GRANTS.length + 2 * doorCount(base.people);
  const persons = Math.ceil(base.people / 20);
  const cards = Math.ceil(base.people / 50);
  const memberships = Math.ceil(base.people / 10);
  const total = groups + persons + cards + temporaryCards + memberships;
  return { groups, persons, cards, temporaryCards, memberships, total };
}

export const grantId = (index: number): string => `G-${String(index).padStart(8, '0')}`;

const always = { direction: 'both', schedule: [] as ScheduleSpan[], state: 'active', version: 1 } as const;

function groupGrant(base: Base, index: number): Grant {
  const row = CLASS_GRANTS[index];
  const id = grantId(index);
  if (row !== undefined) {
    const [subject, doors, schedule] = row;
    return {
      ...always,
      id,
      subject: { type: 'group', id: subject },
      resource: { type: 'doorGroup', id: doors },
      schedule,
    };
  }
  const index2 = index - CLASS_GRANTS.length;
  const at = Math.floor(index2 / 2);
  const subject = index2 % 2 === 0 ? `unit:${ownerUnit(base, at)}` : `group:lab-${at % 50}`;
  const closed = ['laboratory', 'office'].includes(doorClass(base.seed, at));
  return {
    ...always,
    id,
    subject: { type: 'group', id: subject },
    resource: { type: 'door', id: doorId(at) },
    schedule: closed ? WORKDAYS : [],
  };
}

/** A right for one person or card on one door, half of them for a term only, a few suspended or revoked. */
function personalGrant(base: Base, index: number, subject: Grant['subject']): Grant {
  const value = hash32(base.seed, 65, index);
  const limited = value % 2 === 0;
  const year = base.epochYear + ((value >>> 4) % 3) - 1;
  const state = value % 50 === 1 ? 'suspended' : value % 50 === 3 ? 'revoked' : 'active';
  return {
    id: grantId(index),
    subject,
    resource: { type: 'door', id: doorId((value >>> 8) % doorCount(base.people)) },
    direction: value % 17 === 0 ? 'enter' : 'both',
    ...(limited && {
      validFrom: isoShanghai(Date.UTC(year, 1, 0, 16)),
      validUntil: isoShanghai(Date.UTC(year + 1, 1, 0, 16)),
    }),
    schedule: value % 3 === 0 ? DAYTIME : value % 7 === 0 ? NIGHT : [],
    state,
    version: state === 'active' ? 1 : 2,
  };
}

export function grant(base: Base, cohorts: readonly Cohort[], temporaryCards: number, index: number): Grant {
  const counts = grantCounts(base, temporaryCards);
  const someone = hash32(base.seed, 66, index) % base.people;
  let at = index;
  if (at < counts.groups) return groupGrant(base, at);
  at -= counts.groups;
  if (at < counts.persons) {
    return personalGrant(base, index, { type: 'person', id: schoolNumber(base, cohorts, someone) });
  }
  at -= counts.persons;
  if (at < counts.cards) return personalGrant(base, index, { type: 'card', id: baseCardNumber(someone, 0) });
  at -= counts.cards;
  if (at < temporaryCards) {
    const gates = { type: 'doorGroup', id: 'all-perimeter' } as const;
    return {
      ...always,
      id: grantId(index),
      subject: { type: 'card', id: temporaryCardNumber(at) },
      resource: gates,
    };
  }
  at -= temporaryCards;
  const group = at % 9 === 0 ? 'group:security' : `group:lab-${at % Math.min(50, doorCount(base.people))}`;
  return {
    ...always,
    id: grantId(index),
    subject: { type: 'person', id: schoolNumber(base, cohorts, someone) },
    resource: { type: 'group', id: group },
  };
}

export const baseCardNumber = (person: number, slot: number): string =>
  `1${String(person).padStart(8, '0')}${slot}`;
export const temporaryCardNumber = (index: number): string => `2${String(index).padStart(9, '0')}`;

/** Whether the door lets a person of the school in by class or unit (what the simulated controllers know). */
export function admits(base: Base, personIndex: number, deptcode: string, index: number): boolean {
  const kind = doorClass(base.seed, index);
  if (ownerUnit(base, index) === deptcode) return true;
  const staff = classCode(base, personIndex) === '02';
  switch (kind) {
    case 'perimeter':
      return true;
    case 'library':
    case 'classroom':
      return classCode(base, personIndex) !== '03';
    case 'dormitory':
      return classCode(base, personIndex) === '01';
    case 'office':
      return staff;
    case 'laboratory':
    case 'turnstile':
      return false;
  }
}
