import type { Database, RootDatabase } from 'lmdb';
import type { Swipe } from '../classrooms/types.js';
import type { LockerEvent } from '../lockers/types.js';

/** What library, bag lockers and classrooms keep on disk: only what life has changed. */

export interface PatronState {
  readonly cardnumber: string;
  readonly lost: boolean;
  /** Deleted by the library. */
  readonly gone: boolean;
  /** Epoch ms, whole seconds. */
  readonly updatedAt: number;
}

export interface LoanState {
  readonly id: number;
  readonly patron: number;
  readonly item: number;
  readonly branch: string;
  readonly outAt: number;
  readonly dueAt: number;
  /** 0: never. */
  readonly renewedAt: number;
  readonly renewals: number;
  /** 0: still out. */
  readonly inAt: number;
  readonly updatedAt: number;
}

export interface BoxState {
  readonly version: number;
  readonly broken: boolean;
  readonly session: string;
  /** Card that opened it; empty: free. */
  readonly card: string;
  readonly since: number;
  readonly told: boolean;
}

export interface ConsoleState {
  readonly index: number;
  /** Epoch ms at which the timer switches off; 0: off. */
  readonly offAt: number;
}

export interface DeskTables {
  readonly patrons: Database<PatronState, number>;
  /** Changed patrons by [updatedAt, patron id]. */
  readonly patronsByChange: Database<1, [number, number]>;
  readonly loans: Database<LoanState, number>;
  /** [`out` or `in`, updatedAt, loan id] */
  readonly loansByChange: Database<1, [string, number, number]>;
  readonly openLoans: Database<1, number>;
  /** Item → the loan that it is out with. */
  readonly itemsOut: Database<number, number>;
  readonly boxes: Database<BoxState, string>;
  /** [since, box id] of boxes in use. */
  readonly boxesInUse: Database<1, [number, string]>;
  readonly boxesOfCard: Database<string, string>;
  readonly lockerEvents: Database<LockerEvent, number>;
  readonly consoles: Database<ConsoleState, number>;
  /** [off at, room] of consoles that are on. */
  readonly consolesOn: Database<1, [number, number]>;
  readonly classroomSwipes: Database<Swipe, number>;
  readonly counters: Database<number, string>;
}

export function openDeskTables(root: RootDatabase): DeskTables {
  return {
    patrons: root.openDB({ name: 'library-patrons' }),
    patronsByChange: root.openDB({ name: 'library-patrons-by-change' }),
    loans: root.openDB({ name: 'library-loans' }),
    loansByChange: root.openDB({ name: 'library-loans-by-change' }),
    openLoans: root.openDB({ name: 'library-open-loans' }),
    itemsOut: root.openDB({ name: 'library-items-out' }),
    boxes: root.openDB({ name: 'locker-boxes' }),
    boxesInUse: root.openDB({ name: 'locker-boxes-in-use' }),
    boxesOfCard: root.openDB({ name: 'locker-boxes-of-card' }),
    lockerEvents: root.openDB({ name: 'locker-events' }),
    consoles: root.openDB({ name: 'classroom-consoles' }),
    consolesOn: root.openDB({ name: 'classroom-consoles-on' }),
    classroomSwipes: root.openDB({ name: 'classroom-swipes' }),
    counters: root.openDB({ name: 'desk-counters' }),
  };
}

/** The next number of a counter, from 1. */
export function nextOf(tables: DeskTables, counter: string): number {
  const next = (tables.counters.get(counter) ?? 0) + 1;
  tables.counters.putSync(counter, next);
  return next;
}

export const countOf = (tables: DeskTables, counter: string): number => tables.counters.get(counter) ?? 0;
