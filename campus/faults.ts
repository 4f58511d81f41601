import type { Rng } from './world/prng.js';

/** Fault switches of the upstreams; which target each one can have stands in the campus README. */
export const FAULTS = [
  ...(['timeout', 'status-5xx', 'cut', 'half-page', 'duplicate-page', 'rows-move', 'token-killed'] as const),
  ...([
    'wrong-signature',
    'gbk-garbage',
    'rows-gone-40',
    'slow',
    'clock-skew',
    'busy',
    'rate-limited',
    'field-renamed',
  ] as const),
  // The bank's: its hours, its messages, its files.
  ...(['window-closed', 'expired-certificate', 'wrong-digest', 'wsdl-changed'] as const),
  ...(['entity-bomb', 'external-entity', 'deep-xml', 'huge-body', 'wrapped-signature', 'unsigned'] as const),
  ...(['recon-missing', 'recon-empty', 'recon-truncated', 'recon-total', 'recon-utf8'] as const),
  'recon-duplicate',
  // Of power vendors.
  ...(['vendor-off', 'network-cut', 'no-delivery', 'rooms-renumbered'] as const),
  ...(['meter-not-read', 'meter-trouble', 'unit-confusion'] as const),
] as const;
export type FaultName = (typeof FAULTS)[number];
export const FAULT_TARGETS = [
  'core',
  'access',
  'library',
  'lockers',
  'classrooms',
  'bank',
  'power-cascade',
  'power-form',
] as const;
export type FaultTarget = (typeof FAULT_TARGETS)[number];

export interface FaultSwitch {
  readonly target: FaultTarget;
  readonly fault: FaultName;
  /** Requests it still strikes; absent: until it is cleared. */
  readonly times?: number;
  /** Chance for each request, 0 to 1; absent: 1. */
  readonly rate?: number;
  /** timeout (default 120,000), slow (default 2,000), meter-not-read (default three days). */
  readonly ms?: number;
  /** clock-skew. */
  readonly offsetMs?: number;
  /** Only requests whose method (core) or path (access) contains this. */
  readonly match?: string;
}

/**
 * The faults of one request. A switch is asked only where it can do something (a page fault not at a login),
 * and only then is it counted down; the answer stays the same for the rest of the request.
 */
export interface Struck {
  get(fault: FaultName): FaultSwitch | undefined;
  has(fault: FaultName): boolean;
}

export interface Faults {
  add(fault: FaultSwitch): void;
  clear(target?: FaultTarget): void;
  list(): readonly FaultSwitch[];
  /** The faults of a request to `target` whose method or path is `what`. */
  strike(target: FaultTarget, what: string): Struck;
}

const SWITCHES_MAX = 100;

export function createFaults(rng: Rng): Faults {
  let switches: readonly FaultSwitch[] = [];

  function take(target: FaultTarget, what: string, fault: FaultName): FaultSwitch | undefined {
    const found = switches.find(
      (it) =>
        it.target === target &&
        it.fault === fault &&
        (it.match === undefined || what.includes(it.match)) &&
        (it.rate === undefined || rng.unit() < it.rate),
    );
    if (found?.times !== undefined) {
      const left = { ...found, times: found.times - 1 };
      switches = switches.flatMap((it) => (it !== found ? [it] : left.times > 0 ? [left] : []));
    }
    return found;
  }

  return {
    add(fault) {
      if (switches.length >= SWITCHES_MAX) throw new RangeError(`at most ${SWITCHES_MAX} fault switches`);
      switches = [...switches, fault];
    },
    clear(target) {
      switches = target === undefined ? [] : switches.filter((it) => it.target !== target);
    },
    list: () => switches,
    strike(target, what) {
      const known = new Map<FaultName, FaultSwitch | undefined>();
      const get = (fault: FaultName): FaultSwitch | undefined => {
        if (!known.has(fault)) known.set(fault, take(target, what, fault));
        return known.get(fault);
      };
      return { get, has: (fault) => get(fault) !== undefined };
    },
  };
}
