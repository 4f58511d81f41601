/**
 * Code sets of upstreams and what they mean here. The tables are data; an instance's mapping profile adds to
 * them or overrides them. An unknown code gives undefined: the mapping then marks (CODE_UNMAPPED) where the
 * record stays usable without it, and rejects (CODE_UNKNOWN) where it does not.
 */
import { foldWidth } from './text.js';

export type CodeTable<T> = Readonly<Record<string, T>>;

/** Synjones writes code and name in one text: `800#正式卡`. */
export function splitCode(text: string): { readonly code: string; readonly name: string } {
  const clean = foldWidth(text);
  const at = clean.indexOf('#');
  return at < 0
    ? { code: clean, name: '' }
    : { code: clean.slice(0, at).trim(), name: clean.slice(at + 1).trim() };
}

/** The profile's own table first, then the built-in one. Own properties only: `constructor` is no code. */
export function lookUp<T>(code: string, builtIn: CodeTable<T>, own?: CodeTable<T>): T | undefined {
  if (own !== undefined && Object.hasOwn(own, code)) return own[code];
  return Object.hasOwn(builtIn, code) ? builtIn[code] : undefined;
}

/** To GB/T 2261.1-2003: 0 unknown, 1 male, 2 female, 9 not stated. Synjones' 9 means unknown. */
export const SEX: CodeTable<string> = {
  '0': '0',
  '1': '1',
  '2': '2',
  '9': '0',
  男: '1',
  女: '2',
  男性: '1',
  女性: '2',
  未知: '0',
  未说明: '9',
  M: '1',
  F: '2',
};

export type PersonClass = 'STUDENT' | 'STAFF' | 'RETIRED' | 'VISITOR' | 'OTHER';
/** `pidcode`, and the words that file exports have. */
export const PERSON_CLASS: CodeTable<PersonClass> = {
  '01': 'STUDENT',
  '02': 'STAFF',
  '03': 'RETIRED',
  '09': 'VISITOR',
  学生: 'STUDENT',
  教职工: 'STAFF',
  教工: 'STAFF',
  离退休: 'RETIRED',
  退休: 'RETIRED',
  访客: 'VISITOR',
};

/** SFZJLXM (JY/T 1001): the code itself, since the contract carries that code set. */
export const ID_DOCUMENT_TYPE: CodeTable<string> = Object.fromEntries(
  Array.from('123456789ABCZ', (code) => [code, code]),
);

export type CardScope = 'FORMAL' | 'TEMPORARY' | 'MERCHANT';
/** Synjones' `cardtype`. Temporary and merchant holders are outside the university's shared data. */
export const CARD_TYPE: CodeTable<CardScope> = { '800': 'FORMAL', '801': 'TEMPORARY', '802': 'MERCHANT' };

export type CardStateCode = 'NORMAL' | 'NOT_ISSUED' | 'EXPIRED' | 'REPLACED' | 'CLOSED';
export interface CardStatus {
  readonly state: CardStateCode;
  readonly reason: string | null;
}
/** States of `master.card` in which a card no longer answers to its number. */
export const ENDED_CARD_STATES: ReadonlySet<string> = new Set(['CLOSED', 'REPLACED', 'REMOVED']);

/** Status of a card (domain.md 1.4); awaiting a renewal or a swap does not yet take anything away. */
export const CARD_STATUS: CodeTable<CardStatus> = {
  '1': { state: 'NORMAL', reason: null },
  '2': { state: 'CLOSED', reason: 'DELETED_UPSTREAM' },
  '3': { state: 'NORMAL', reason: 'RENEWAL_UNCONFIRMED' },
  '4': { state: 'NORMAL', reason: 'AWAITING_RENEWAL' },
  '5': { state: 'NORMAL', reason: 'AWAITING_SWAP' },
  '6': { state: 'REPLACED', reason: 'REPLACED_UPSTREAM' },
};

export const FLAG: CodeTable<boolean> = { '': false, '0': false, '1': true };

/** Why a card was frozen (the page names three causes). */
export const FROZEN_CAUSE: CodeTable<string> = {
  '1': 'LIFTED_TOO_FAST_PAY',
  '2': 'LIFTED_TOO_FAST_TOPUP',
  '3': 'POS_OFFLINE_NETWORK',
};

export type CardEventKind =
  'OPENED' | 'CLOSED' | 'LOST' | 'FROZEN' | 'REPLACED_NEW' | 'UN_LOST' | 'UNFROZEN' | 'REPLACED_OLD';
/** Kinds of card version in the change feed (domain.md 1.4). */
export const CARD_EVENT: CodeTable<CardEventKind> = {
  '1': 'OPENED',
  '2': 'CLOSED',
  '3': 'LOST',
  '4': 'FROZEN',
  '5': 'REPLACED_NEW',
  '6': 'UN_LOST',
  '7': 'UNFROZEN',
  '8': 'REPLACED_OLD',
};

export type DoorClass =
  'PERIMETER' | 'DORMITORY' | 'LABORATORY' | 'CLASSROOM' | 'OFFICE' | 'LIBRARY' | 'TURNSTILE' | 'UNKNOWN';
export const DOOR_CLASS: CodeTable<DoorClass> = {
  PERIMETER: 'PERIMETER',
  DORMITORY: 'DORMITORY',
  LABORATORY: 'LABORATORY',
  CLASSROOM: 'CLASSROOM',
  OFFICE: 'OFFICE',
  LIBRARY: 'LIBRARY',
  TURNSTILE: 'TURNSTILE',
};

export type DirectionCode = 'ENTER' | 'EXIT' | 'BOTH' | 'UNKNOWN';
export const DIRECTION: CodeTable<DirectionCode> = {
  enter: 'ENTER',
  exit: 'EXIT',
  both: 'BOTH',
  unknown: 'UNKNOWN',
  in: 'ENTER',
  out: 'EXIT',
  进门: 'ENTER',
  出门: 'EXIT',
  进: 'ENTER',
  出: 'EXIT',
};

/** Whether a swipe was let through, as files print it. */
export const GRANTED: CodeTable<boolean> = {
  '1': true,
  '0': false,
  true: true,
  false: false,
  是: true,
  否: false,
};
