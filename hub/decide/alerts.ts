/** Who is kept out by an alarm. Exits are not asked here: fire and evacuation release them all (decide.ts). */
import type { AlertFacts, CardFacts, DecisionView, DoorFacts, PersonFacts } from './model.js';
import type { AlertRule, Policy } from './policy.js';
import type { DenyReason } from './reasons.js';

const CLOSED: AlertRule = { enter: 'deny' };

export function alertRule(policy: Policy, { state, level }: AlertFacts): AlertRule {
  const alerts = policy.document.alerts;
  switch (state) {
    case 'FIRE':
      return alerts?.fire ?? CLOSED;
    case 'EVACUATION':
      return alerts?.evacuation ?? CLOSED;
    case 'LOCKDOWN':
      return alerts?.lockdown?.[String(level)] ?? CLOSED;
  }
}

/** An exit is denied by a lockdown only where the door's `exitDeniedBy` says so; that is asked later. */
export function alarmDeny(
  policy: Policy,
  alert: AlertFacts,
  { view, door }: { readonly view: DecisionView; readonly door: DoorFacts },
  card: CardFacts,
  holder: PersonFacts | undefined,
): DenyReason | undefined {
  const rule = alertRule(policy, alert);
  if (rule.enter === 'normal') return undefined;
  if (rule.doorClasses !== undefined && !rule.doorClasses.includes(door.doorClass)) return undefined;
  const { except } = rule;
  if (except?.cards?.includes(card.key) === true) return undefined;
  if (holder !== undefined) {
    if (except?.people?.includes(holder.key) === true) return undefined;
    const personClass = except?.personClasses && view.personClass?.(holder.key);
    if (personClass !== undefined && except?.personClasses?.includes(personClass) === true) return undefined;
  }
  return alert.state === 'LOCKDOWN' ? 'DENY_LOCKDOWN' : 'DENY_EMERGENCY';
}
