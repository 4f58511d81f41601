/**
 * Who asked what for which purpose, and what came of it. The gate notes every call whose scope is listed here, the
 * handler adds what only it knows. Decisions (`decide`) are not doubled: `hub.decision` has each of them with its
 * client, purpose and outcome. What machines ask for all the time (metrics, controllers' lists) is counted.
 */
import type { Context } from 'hono';
import type { Scope } from './caller.js';

export interface AuditCall {
  readonly client: string;
  readonly tenant: string | null;
  readonly scope: Scope;
  readonly action: string;
  readonly status: number;
  readonly note: AuditNote;
}

export interface AuditNote {
  readonly purpose?: string;
  /** Whom or what it was about, `{type}:{id}`; only a commitment to it is kept. */
  readonly about?: string;
  readonly detail?: Readonly<Record<string, string | number | boolean>>;
}

export interface AuditTrail {
  /** There is no room: what must not go unrecorded is not answered. */
  readonly full: boolean;
  call(call: AuditCall): void;
  refused(refused: {
    readonly client: string | undefined;
    readonly scope: Scope;
    readonly action: string;
    readonly code: string;
  }): void;
}

/** `each`: a record a call, and no answer without room for one. `counted`: one a minute. `elsewhere`: hub.decision. */
export const AUDITED: Readonly<Record<Scope, 'each' | 'counted' | 'elsewhere'>> = {
  decide: 'elsewhere',
  search: 'each',
  identity: 'each',
  balance: 'each',
  'bank-signing': 'each',
  explain: 'each',
  library: 'each',
  lockers: 'each',
  classrooms: 'each',
  controller: 'counted',
  operate: 'counted',
  approve: 'each',
  audit: 'each',
};

const notes = new WeakMap<Request, AuditNote>();

/** Told by a handler what its call was about. */
export function auditNote(c: Context, note: AuditNote): void {
  notes.set(c.req.raw, note);
}

const NONE: AuditNote = {};

export function noteOf(c: Context): AuditNote {
  return notes.get(c.req.raw) ?? NONE;
}
