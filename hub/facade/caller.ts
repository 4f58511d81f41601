/**
 * Who calls, and what it may ask: what every handler behind the facade asks before it answers. Where no clients are
 * configured the facade is open, and every request comes from `OPEN`.
 */
import type { Context } from 'hono';
import { purposeName } from '../decide/evaluate.js';

/** What a client may be allowed to do; one route asks for one of them. */
export const SCOPES = [
  /** AuthZEN evaluation and evaluations. */
  'decide',
  /** AuthZEN search. */
  'search',
  /** Identity check: match or not, card state, person class, masked name. */
  'identity',
  /** Money of a card, beside an identity check. */
  'balance',
  /** Whether a bank has signed a person, beside an identity check. */
  'bank-signing',
  /** Decisions explained. */
  'explain',
  /** Desk of the library: authentication, checkout, checkin. */
  'library',
  'lockers',
  'classrooms',
  /** A door controller's own list, its events, its confirmations. */
  'controller',
  /** Metrics and state for those who run the hub. */
  'operate',
  /** Approving what operators ask for: policies, held absences, clients switched on again. */
  'approve',
  /** The audit trail. */
  'audit',
] as const;
export type Scope = (typeof SCOPES)[number];

export interface Caller {
  /** Id of the client; `anonymous` where the facade is open. */
  readonly client: string;
  readonly tenant: string | null;
  may(scope: Scope): boolean;
  /** Purposes of its sharing agreement (door, library, locker, classroom, identity). */
  mayFor(purpose: string): boolean;
  /** @param door key of `master.door`, `{source}:{id}` */
  seesDoor(door: string): boolean;
  /** @param field name of a field of an answer, e.g. `name`, `personClass` */
  seesField(field: string): boolean;
}

const yes = (): boolean => true;
/**
 * What no open facade answers: money, banks, and a controller's list, which has the chip numbers of everybody whom its
 * doors let in, are for those with an agreement.
 */
const AGREED_ONLY: ReadonlySet<Scope> = new Set(['balance', 'bank-signing', 'controller']);

export const OPEN: Caller = {
  client: 'anonymous',
  tenant: null,
  may: (scope) => !AGREED_ONLY.has(scope),
  mayFor: yes,
  seesDoor: yes,
  seesField: yes,
};

const callers = new WeakMap<Request, Caller>();

/** Told once by whoever has checked the credential, before the handler runs. */
export function setCaller(c: Context, caller: Caller): void {
  callers.set(c.req.raw, caller);
}

export function callerOf(c: Context): Caller {
  return callers.get(c.req.raw) ?? OPEN;
}

/** Id of the client for the decision log; undefined: nobody had to say who they are. */
export function clientOf(caller: Caller): string | undefined {
  return caller === OPEN ? undefined : caller.client;
}

/** The part of a question that the caller's sharing agreement does not cover; undefined: it covers it. */
export function uncovered(
  caller: Caller,
  resourceType: string,
  resource: string | undefined,
): 'purpose' | 'resource' | undefined {
  if (caller === OPEN) return undefined;
  if (!caller.mayFor(purposeName(resourceType))) return 'purpose';
  if (resourceType !== 'door' || resource === undefined || caller.seesDoor(resource)) return undefined;
  return 'resource';
}

/** What an agreement calls the purpose of a decision or of an identity check: `library_borrow` is library. */
export function agreedPurpose(purpose: string): string {
  return purpose.split('_', 1)[0] ?? purpose;
}

/** The sentence of a 403. It is the same for a door that there is and for one that there is not. */
export function outsideAgreement(what: 'purpose' | 'resource'): string {
  return `the sharing agreement of this client does not cover this ${what}`;
}
