import { describe, expect, it } from 'vitest';
import type { Alert } from '../../contracts/types.js';
import { decide } from '../decide/decide.js';
import { DEFAULT_POLICY_DOCUMENT } from '../decide/default-policy.js';
import { compilePolicy } from '../decide/policy.js';
import type { Policy } from '../decide/policy.js';
import { card, door, fixtureView, NOW } from './view.fixture.js';
import type { HubView } from './view.js';

function set(view: HubView, scope: string, change: Partial<Alert>): void {
  const alert: Alert = {
    ...{ alertKey: `qau:${scope}`, tenant: 'qau', scope, version: 1, state: 'FIRE', level: 0 },
    ...{ since: NOW, until: null, by: 'guard', reason: null },
    ...change,
  };
  view.apply('hub.alert', `qau:${scope}`, alert);
}

function ask(view: HubView, action: 'enter' | 'exit', now = NOW, policy: Policy = view.policy()) {
  const request = { subject: { type: 'card', id: 'core:1' } as const, resource: 'gate:d1', action };
  return decide(view, policy, request, now);
}

const over = (view: HubView) => view.alert?.(view.door('gate:d1')!, NOW);

/** The policy of the hub with other rules for the class of the fixture's door. */
function policyWith(rules: object): Policy {
  const { doors } = DEFAULT_POLICY_DOCUMENT;
  return compilePolicy({
    ...DEFAULT_POLICY_DOCUMENT,
    doors: { ...doors, classes: { [door().doorClass]: rules } },
  });
}

describe('alarms over a door', () => {
  it('are those of the campus, of its building and its own, and of no other', () => {
    const view = fixtureView();
    view.apply('master.door', 'gate:d1', door({ building: 'L1' }));
    const decides = (scope: string) => {
      set(view, scope, { state: 'FIRE' });
      const { reason } = ask(view, 'enter');
      set(view, scope, { state: 'NONE', version: 2 });
      expect(ask(view, 'enter').reason).toBe('ALLOW');
      return reason;
    };
    expect(['campus', 'building:L1', 'door:gate:d1'].map(decides)).toEqual(
      Array<string>(3).fill('DENY_EMERGENCY'),
    );
    expect(['building:L2', 'door:gate:d2'].map(decides)).toEqual(['ALLOW', 'ALLOW']);
  });

  it('give the gravest: fire, then evacuation, then the highest level of lockdown', () => {
    const view = fixtureView();
    set(view, 'campus', { state: 'LOCKDOWN', level: 1 });
    set(view, 'door:gate:d1', { state: 'LOCKDOWN', level: 3 });
    expect(over(view)).toMatchObject({ state: 'LOCKDOWN', level: 3 });
    set(view, 'door:gate:d1', { state: 'EVACUATION', version: 2 });
    expect(over(view)).toMatchObject({ state: 'EVACUATION', key: 'qau:door:gate:d1' });
    set(view, 'campus', { state: 'FIRE', version: 2 });
    expect(over(view)).toMatchObject({ state: 'FIRE', key: 'qau:campus', version: 2 });
    expect(view.alerts.list(NOW).map(({ state }) => state)).toEqual(['FIRE', 'EVACUATION']);
  });

  it('end by themselves at their time, and an answer is kept no longer than that', () => {
    const view = fixtureView();
    set(view, 'campus', { state: 'FIRE', until: NOW + 400 });
    expect(ask(view, 'exit')).toMatchObject({ reason: 'ALLOW_EMERGENCY', ttlMs: 400 });
    expect(ask(view, 'enter').reason).toBe('DENY_EMERGENCY');
    expect(ask(view, 'enter', NOW + 400).reason).toBe('ALLOW');
    expect(view.alerts.list(NOW + 400)).toEqual([]);
  });

  it('of another tenant, or of a state that this hub does not know, change nothing', () => {
    const view = fixtureView();
    view.apply('hub.alert', 'other:campus', { ...({ state: 'FIRE' } as Alert), tenant: 'other' });
    set(view, 'campus', { state: 'UNKNOWN' });
    expect(ask(view, 'enter').reason).toBe('ALLOW');
    expect(view.alerts.version('campus')).toBe(1);
  });

  it('are gone with their tombstone', () => {
    const view = fixtureView();
    set(view, 'campus', {});
    view.apply('hub.alert', 'qau:campus', null);
    expect(ask(view, 'enter').reason).toBe('ALLOW');
    expect(view.alerts.version('campus')).toBe(0);
  });
});

describe('an exit', () => {
  it('is denied by a lockdown only where the class of door says so, and never in a fire', () => {
    const view = fixtureView();
    const lockdown = () => set(view, 'campus', { state: 'LOCKDOWN', level: 9 });
    for (const rules of [{}, { exit: 'as-entry' }]) {
      lockdown();
      expect(ask(view, 'exit', NOW, policyWith(rules)).reason).toBe('ALLOW');
      expect(ask(view, 'enter', NOW, policyWith(rules)).reason).toBe('DENY_LOCKDOWN');
    }
    const closed = policyWith({ exitDeniedBy: ['DENY_LOCKDOWN', 'DENY_LOST'] });
    lockdown();
    expect(ask(view, 'exit', NOW, closed).reason).toBe('DENY_LOCKDOWN');
    view.apply('master.card', 'core:1', card({ lost: true, version: 2 }));
    expect(ask(view, 'exit', NOW, closed).reason).toBe('DENY_LOST');
    set(view, 'campus', { state: 'FIRE', version: 2 });
    expect(ask(view, 'exit', NOW, closed)).toMatchObject({ reason: 'ALLOW_EMERGENCY', warning: 'DENY_LOST' });
  });

  it('that is denied is asked again within moments: a fire is no fact of that answer', () => {
    const view = fixtureView();
    const closed = policyWith({ exit: 'as-entry' });
    view.apply('master.card', 'core:1', card({ lost: true, version: 2 }));
    expect(ask(view, 'exit', NOW, closed)).toMatchObject({ reason: 'DENY_LOST', ttlMs: 1_000 });
    expect(ask(view, 'enter', NOW, closed)).toMatchObject({ reason: 'DENY_LOST', ttlMs: null });
  });
});
