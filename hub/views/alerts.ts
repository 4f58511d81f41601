import type { Alert } from '../../contracts/types.js';
import type { AlertFacts, DoorFacts, EpochMs } from '../decide/model.js';

/** An alert that was set and neither cleared nor replaced; it may have run out by now. */
export interface StandingAlert extends AlertFacts {
  /** `campus`, `building:{building}` or `door:{door key}`. */
  readonly scope: string;
  readonly since: EpochMs;
}

/** The gravest last. */
export const ALERT_STATES = ['LOCKDOWN', 'EVACUATION', 'FIRE'] as const;

const GRAVITY = { LOCKDOWN: 1, EVACUATION: 2, FIRE: 3 } as const;

/** States of alarm by scope. A handful at most, none on most days: the empty case costs one comparison. */
export class AlertsView {
  private readonly standing = new Map<string, StandingAlert>();
  private readonly versions = new Map<string, number>();

  constructor(private readonly tenant: string) {}

  apply(key: string, value: Alert | null): void {
    const prefix = `${this.tenant}:`;
    if (!key.startsWith(prefix)) return;
    const scope = key.slice(prefix.length);
    if (value === null) {
      this.standing.delete(scope);
      this.versions.delete(scope);
      return;
    }
    const { state, level, version, since, until } = value;
    this.versions.set(scope, version);
    // A state that this hub does not know changes nothing: neither does it guess who may pass.
    if (state === 'NONE' || state === 'UNKNOWN') this.standing.delete(scope);
    else {
      const alert = { key, scope, source: 'hub', version, state, level, since };
      this.standing.set(scope, until === null ? alert : { ...alert, until });
    }
  }

  /** Version of the last record of that scope; 0: never set. */
  version(scope: string): number {
    return this.versions.get(scope) ?? 0;
  }

  /** The gravest one over the door: fire before evacuation before lockdown, a higher level before a lower one. */
  over(door: DoorFacts, now: EpochMs): AlertFacts | undefined {
    if (this.standing.size === 0) return undefined;
    let gravest = this.inForce('campus', undefined, now);
    if (door.building !== undefined) gravest = this.inForce(`building:${door.building}`, gravest, now);
    return this.inForce(`door:${door.key}`, gravest, now);
  }

  /** What is in force, the gravest first. */
  list(now: EpochMs): readonly StandingAlert[] {
    const found = [...this.standing.values()].filter((one) => lasts(one, now));
    return found.sort((a, b) => (graver(a, b) ? -1 : graver(b, a) ? 1 : a.since - b.since));
  }

  private inForce(scope: string, other: StandingAlert | undefined, now: EpochMs): StandingAlert | undefined {
    const one = this.standing.get(scope);
    if (one === undefined || !lasts(one, now)) return other;
    return other === undefined || graver(one, other) ? one : other;
  }
}

/** `since` is not asked: a hub whose clock is behind would open its doors late in a fire. */
function lasts({ until }: AlertFacts, now: EpochMs): boolean {
  return until === undefined || now < until;
}

function graver(a: AlertFacts, b: AlertFacts): boolean {
  return a.state === b.state ? a.level > b.level : GRAVITY[a.state] > GRAVITY[b.state];
}
