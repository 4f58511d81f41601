/**
 * Who stands on a controller's list: everybody whom the index finds at its doors and whom a decision would let in,
 * now or within the time that the list is for. A decision is asked with the very number that the reader would send,
 * so a number that two cards share stands on no list.
 */
import { encodeCredential, type CompiledProfile } from '../../transforms/card-number.js';
import type { ControllerConfig, ControllerDoor } from '../config/types.js';
import { decide } from '../decide/decide.js';
import type { CardFacts, Decision, DoorFacts } from '../decide/model.js';
import type { Policy } from '../decide/policy.js';
import type { Candidates } from '../search/search.js';
import type { HubView } from '../views/view.js';
import type { DoorTerms, ListEntry } from './allow-list.js';
import { ALWAYS, instantsAt, policyMinutes, windowsOf } from './windows.js';

export interface BuildParts {
  readonly view: HubView;
  readonly candidates: Candidates;
  readonly profile: CompiledProfile;
}

/** Number of a profile for its windows; the same windows keep their number. */
export type ProfileOf = (windows: string) => number;

/** What shadow replay and lists switch off: what the hub knows at the moment of the swipe only. */
const OPTIONS = { ignoreDataAge: true, ignoreAntiPassback: true } as const;

/** Of one controller, at one moment: made anew for each build. */
export class ListBuild {
  /** Streams whose age counts at each door, `{source}/{cards|grants}`, of the entries seen so far. */
  readonly streams = new Map<number, Set<string>>();
  private readonly doors: readonly ControllerDoor[];
  private readonly policy: Policy;
  private readonly always: readonly number[];
  private readonly bySchedule: readonly number[];

  /** @param span epoch ms: the list is worked out from `from` to `until` */
  constructor(
    private readonly controller: ControllerConfig,
    private readonly parts: BuildParts,
    private readonly span: { readonly from: number; readonly until: number },
    private readonly profileOf: ProfileOf,
  ) {
    const { view } = parts;
    const { from, until } = span;
    this.policy = view.policy();
    this.doors = controller.doors.filter((door) => !isFree(view, this.policy, door));
    const ends = view.alerts.list(from).flatMap((alert) => alert.until ?? []);
    this.always = [
      ...instantsAt([0], from, until),
      ...instantsAt(policyMinutes(this.policy.document), from, until),
      ...ends,
    ];
    this.bySchedule = instantsAt(view.grants.scheduleMinutes(), from, until);
  }

  /** Keys of the cards that could stand on the list; the same key may come for each door. */
  *candidates(): Generator<string> {
    for (const door of this.doors) {
      const resource = { type: 'door', id: door.key };
      const query = { kind: 'subject', subjectType: 'card', resource, action: door.action } as const;
      for (const { result } of this.parts.candidates.of(query, undefined, this.span.from)) {
        if ('id' in result) yield result.id;
      }
    }
  }

  /** Whether the index finds the card at one of the doors. */
  reaches(card: string): boolean {
    const { candidates } = this.parts;
    const subject = { type: 'card', id: card } as const;
    return this.doors.some(({ key, action }) => {
      const query = { kind: 'resource', subject, resourceType: 'door', action } as const;
      for (const { result } of candidates.of(query, undefined, this.span.from)) {
        if ('id' in result && result.id === key) return true;
      }
      return false;
    });
  }

  /** The card's numbers as the controller's readers send them. */
  namesOf(key: string): readonly string[] {
    const { view, profile } = this.parts;
    const { scheme } = profile;
    return view.cards
      .numbersOf(key, scheme)
      .flatMap((value) => encodeCredential(profile, { scheme, value }) ?? []);
  }

  /** The entries of a card by their numbers: none where no door would open. */
  entriesOf(key: string): Map<string, ListEntry> {
    const found = new Map<string, ListEntry>();
    const card = this.parts.view.card(key);
    if (card === undefined) return found;
    for (const number of this.namesOf(key)) {
      const doors = this.doors.flatMap((door) => {
        const windows = this.windows(card, number, door);
        if (windows === undefined) return [];
        return windows === ALWAYS ? String(door.number) : `${door.number}:${this.profileOf(windows)}`;
      });
      if (doors.length > 0) found.set(number, { card: key, doors: doors.join(',') });
    }
    return found;
  }

  private windows(card: CardFacts, number: string, door: ControllerDoor): string | undefined {
    const { view } = this.parts;
    const { from, until } = this.span;
    const facts = view.door(door.key);
    if (facts === undefined) return undefined;
    const { instants, scheduled } = view.grants.changes(card, facts, from, until);
    const all = [...this.always, ...instants, ...(scheduled ? this.bySchedule : [])];
    const allows = (at: number): boolean => {
      const decision = this.decide(number, door, at);
      if (decision.decision) this.note(door, facts, decision);
      return decision.decision;
    };
    return windowsOf(allows, all, from, until);
  }

  private decide(number: string, { key, action }: ControllerDoor, at: number): Decision {
    const subject = { type: 'credential', id: number, readerProfile: this.controller.readerProfile } as const;
    return decide(this.parts.view, this.policy, { subject, resource: key, action }, at, OPTIONS);
  }

  private note(door: ControllerDoor, facts: DoorFacts, decision: Decision): void {
    let streams = this.streams.get(door.number);
    if (streams === undefined) this.streams.set(door.number, (streams = new Set()));
    let granted = facts.source;
    for (const { kind, source } of decision.facts) {
      if (kind === 'card') streams.add(`${source}/cards`);
      else if (kind === 'grant') granted = source;
    }
    streams.add(`${granted}/grants`);
  }
}

function isFree(view: HubView, policy: Policy, { key, action }: ControllerDoor): boolean {
  const door = view.door(key);
  if (action !== 'exit' || door === undefined || door.state !== 'ACTIVE') return false;
  const { exit, exitDeniedBy } = policy.doorRules(door.doorClass);
  return exit === 'free' && exitDeniedBy.length === 0;
}

/**
 * What holds for each door beside the entries, as the view stands now.
 * @param streams of `ListBuild.streams`
 */
export function doorTerms(
  controller: ControllerConfig,
  view: HubView,
  streams: ReadonlyMap<number, ReadonlySet<string>>,
): Record<string, DoorTerms> {
  const policy = view.policy();
  return Object.fromEntries(
    controller.doors.map((door): [string, DoorTerms] => {
      if (isFree(view, policy, door)) return [String(door.number), { free: true }];
      const { whenStale, staleAfterMs, antiPassback } = policy.doorRules(
        view.door(door.key)?.doorClass ?? '',
      );
      const oldest = Math.min(
        ...[...(streams.get(door.number) ?? [])].map((stream) => {
          const [source = '', name] = stream.split('/');
          return view.asOf(source, name === 'cards' ? 'cards' : 'grants') ?? 0;
        }),
      );
      const terms: DoorTerms = {
        // Old data opens no such door: so does the list, once the data in it is old.
        ...(whenStale === 'deny' &&
          Number.isFinite(oldest) && { until: Math.floor((oldest + staleAfterMs) / 1_000) }),
        ...(antiPassback !== 'off' && { antiPassback }),
      };
      return [String(door.number), terms];
    }),
  );
}
