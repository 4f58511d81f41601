/**
 * Which rights the recorded swipes show: a proposal that a person reviews before anything is granted.
 *
 *   door events of some days ─ observe ─▶ (card, door): allowed, refused, first, last ─ propose ─▶ grants ─▶ CSV
 *
 * Only what the access system said counts as evidence. A number that no card has, or that several have, is
 * never proposed: it is counted, so that the reviewer sees how many people the proposal would leave outside.
 */
import { createHash } from 'node:crypto';
import { proposedGrantColumns } from '../../connectors/access-control/file-rows.js';
import type { DoorEvent } from '../../contracts/types.js';
import { SHANGHAI_OFFSET_MS } from '../../transforms/time.js';

/** Days in Asia/Shanghai since 1970-01-01, both inclusive. */
export interface DayRange {
  readonly from: number;
  readonly until: number;
}

/** What the access system did with one card at one door. Times in epoch ms. */
export interface ObservedUse {
  readonly cardKey: string;
  readonly doorKey: string;
  readonly allowed: number;
  readonly refused: number;
  readonly firstAt: number;
  readonly lastAt: number;
}

/** Numbers without exactly one card, at one door. */
export interface UnknownUse {
  readonly doorKey: string;
  /** `ambiguous`: the number belongs to several cards. */
  readonly kind: 'unknown' | 'ambiguous';
  readonly swipes: number;
  readonly allowed: number;
  readonly refused: number;
  /** Different numbers, by their pseudonyms. */
  readonly credentials: number;
}

export interface Observation {
  add(event: DoorEvent): void;
  /** Events of these days. */
  readonly swipes: number;
  /** Events of which the access system does not say whether it let the card through: no evidence. */
  readonly unstated: number;
  use(cardKey: string, doorKey: string): ObservedUse | undefined;
  /** Doors at which the card was seen. */
  doorsOf(cardKey: string): readonly ObservedUse[];
  uses(): readonly ObservedUse[];
  unknown(): readonly UnknownUse[];
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Counts the door events of these days; events of other days are passed over. The order does not matter. */
export function observeSwipes(range: DayRange): Observation {
  const cards = new Map<string, Map<string, Mutable<ObservedUse>>>();
  const unknowns = new Map<string, Mutable<UnknownUse> & { seen: Set<string> }>();
  let swipes = 0;
  let unstated = 0;

  const addKnown = (event: DoorEvent, cardKey: string): void => {
    const { doorKey, occurredAt } = event;
    let doors = cards.get(cardKey);
    if (doors === undefined) cards.set(cardKey, (doors = new Map<string, Mutable<ObservedUse>>()));
    let use = doors.get(doorKey);
    if (use === undefined) {
      use = { cardKey, doorKey, allowed: 0, refused: 0, firstAt: occurredAt, lastAt: occurredAt };
      doors.set(doorKey, use);
    }
    use.firstAt = Math.min(use.firstAt, occurredAt);
    use.lastAt = Math.max(use.lastAt, occurredAt);
    if (event.granted) use.allowed += 1;
    else use.refused += 1;
  };
  const addUnknown = (event: DoorEvent): void => {
    const { doorKey } = event;
    const kind = isAmbiguous(event) ? 'ambiguous' : 'unknown';
    const name = `${kind} ${doorKey}`;
    let use = unknowns.get(name);
    if (use === undefined) {
      use = { doorKey, kind, swipes: 0, allowed: 0, refused: 0, credentials: 0, seen: new Set() };
      unknowns.set(name, use);
    }
    use.swipes += 1;
    if (event.granted) use.allowed += 1;
    else use.refused += 1;
    if (event.credentialPseudonym !== null) use.seen.add(event.credentialPseudonym);
  };

  return {
    add(event) {
      if (event.businessDate < range.from || event.businessDate > range.until) return;
      swipes += 1;
      if (event.granted === null) unstated += 1;
      else if (event.cardKey === null) addUnknown(event);
      else addKnown(event, event.cardKey);
    },
    get swipes() {
      return swipes;
    },
    get unstated() {
      return unstated;
    },
    use: (cardKey, doorKey) => cards.get(cardKey)?.get(doorKey),
    doorsOf: (cardKey) => [...(cards.get(cardKey)?.values() ?? [])],
    uses: () =>
      [...cards.values()]
        .flatMap((doors) => [...doors.values()])
        .sort((a, b) => compare(a.doorKey, b.doorKey) || compare(a.cardKey, b.cardKey)),
    unknown: () =>
      [...unknowns.values()]
        .map(({ seen, ...use }) => ({ ...use, credentials: seen.size }))
        .sort((a, b) => compare(a.kind, b.kind) * -1 || compare(a.doorKey, b.doorKey)),
  };
}

/** The number belongs to several cards: nobody can say whose swipe it was. */
export function isAmbiguous(event: Pick<DoorEvent, 'dataQuality'>): boolean {
  return event.dataQuality.includes('AMBIGUOUS_CREDENTIAL');
}

export interface ProposeOptions {
  /** Access-control instance whose doors are proposed: a file belongs to one. */
  readonly source: string;
  /** Instance whose card numbers it uses (`mapping.cardSource`); the file holds them without this prefix. */
  readonly cardSource: string;
  /** Fewer allowed swipes than this are no evidence; at least 1. */
  readonly minAllowed: number;
}

export interface ProposedGrant extends ObservedUse {
  /** The same card at the same door always gives the same id, so that a later proposal renews the grant. */
  readonly grantId: string;
  readonly cardId: string;
  readonly doorId: string;
}

export interface Proposal {
  readonly grants: readonly ProposedGrant[];
  /** Pairs of card and door that are not proposed, by reason. */
  readonly left: {
    /** Seen, never let through. */
    readonly refusedOnly: number;
    /** Let through, less often than `minAllowed`. */
    readonly tooFew: number;
    /** The card belongs to another core than `cardSource`, which the file cannot name. */
    readonly otherCore: number;
  };
}

export function proposeGrants(uses: readonly ObservedUse[], options: ProposeOptions): Proposal {
  const grants: ProposedGrant[] = [];
  const left = { refusedOnly: 0, tooFew: 0, otherCore: 0 };
  for (const use of uses) {
    const doorId = withoutPrefix(use.doorKey, options.source);
    if (doorId === undefined) continue;
    const cardId = withoutPrefix(use.cardKey, options.cardSource);
    if (use.allowed === 0) left.refusedOnly += 1;
    else if (use.allowed < options.minAllowed) left.tooFew += 1;
    else if (cardId === undefined) left.otherCore += 1;
    else grants.push({ ...use, grantId: grantIdOf(use), cardId, doorId });
  }
  return { grants, left };
}

function withoutPrefix(key: string, source: string): string | undefined {
  return key.startsWith(`${source}:`) ? key.slice(source.length + 1) : undefined;
}

function grantIdOf({ cardKey, doorKey }: ObservedUse): string {
  return `observed-${createHash('sha256').update(`${cardKey}\n${doorKey}`).digest('hex').slice(0, 24)}`;
}

type Cell = (grant: ProposedGrant) => string;

const EVIDENCE: readonly (readonly [header: string, cell: Cell])[] = [
  ['allowed', ({ allowed }) => String(allowed)],
  ['refused', ({ refused }) => String(refused)],
  ['first_seen', ({ firstAt }) => shanghaiTime(firstAt)],
  ['last_seen', ({ lastAt }) => shanghaiTime(lastAt)],
];
const CELLS: Readonly<Record<string, Cell>> = {
  id: ({ grantId }) => grantId,
  subjectType: () => 'card',
  subject: ({ cardId }) => cardId,
  resourceType: () => 'door',
  resource: ({ doorId }) => doorId,
  direction: () => 'both',
  state: () => 'active',
};

/**
 * The file as the access-control file connector reads it with its default columns, the evidence beside them.
 * UTF-8 with the mark that spreadsheets need to read Chinese.
 */
export function proposalCsv(grants: readonly ProposedGrant[]): string {
  const columns = [
    ...Object.entries(proposedGrantColumns).map(([name, header]) => [header, CELLS[name]] as const),
    ...EVIDENCE,
  ];
  const lines = [columns.map(([header]) => header)];
  for (const grant of grants) lines.push(columns.map(([, cell]) => cell?.(grant) ?? ''));
  return `\uFEFF${csvText(lines)}`;
}

/** Rows as CSV (RFC 4180), each ended by CR LF. */
export function csvText(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => `${row.map(csvField).join(',')}\r\n`).join('');
}

function csvField(text: string): string {
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** `2019-04-01T00:02:00+08:00` */
export function shanghaiTime(ms: number): string {
  return `${new Date(ms + SHANGHAI_OFFSET_MS).toISOString().slice(0, 19)}+08:00`;
}

/** By code unit, so that the order is the same on every machine. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
