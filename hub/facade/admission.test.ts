import { expect, it } from 'vitest';
import { createAdmission, kindOf } from './admission.js';
import type { Pausable, RequestKind } from './admission.js';

function client(): Pausable & { paused: boolean } {
  const it = { paused: false, pause: () => (it.paused = true), resume: () => (it.paused = false) };
  return it;
}

/** A loop whose turns and clock the test moves. */
function loop() {
  let now = 0;
  let ends: (() => void)[] = [];
  const shed: RequestKind[] = [];
  const steps: (() => void)[] = [];
  const clients = Array.from({ length: 2_000 }, client);
  const admission = createAdmission({
    clock: () => now,
    atTurnEnd: (end) => ends.push(end),
    after: (_ms, step) => steps.push(step),
    onShed: (kind) => shed.push(kind),
  });
  /** Asks `count` times, each answer taking `ms`; gives how many were answered. */
  const ask = (kind: RequestKind, count: number, ms: number): number => {
    let answered = 0;
    for (let i = 0; i < count; i++) {
      if (admission.admit(kind, clients[i]!) !== 'answer') continue;
      answered += 1;
      now += ms;
    }
    return answered;
  };
  const turn = (): void => {
    const ending = ends;
    ends = [];
    for (const end of ending) end();
  };
  const step = (): void => steps.shift()?.();
  const listening = (): number => clients.filter(({ paused }) => !paused).length;
  return { admission, ask, turn, step, listening, clients, shed, pass: (ms: number) => void (now += ms) };
}

it('answers decisions for 10 ms of a turn, and all of them again in the next', () => {
  const { ask, turn, shed } = loop();
  expect(ask('decision', 1_000, 0.125)).toBe(80);
  expect(shed).toHaveLength(920);
  turn();
  expect(ask('decision', 100, 0.1)).toBe(100);
});

it('does not listen for a moment to those whom it told to come again, and refuses what they sent meanwhile', () => {
  const { admission, ask, turn, step, listening, clients } = loop();
  ask('decision', 280, 0.125);
  expect(listening()).toBe(2_000);
  turn();
  expect(listening()).toBe(2_000 - 200);
  step();
  expect(listening()).toBe(2_000 - 200 + 32);
  const early = clients[80]!;
  const late = clients[81]!;
  expect(admission.admit('decision', early)).toBe('shed');
  turn();
  expect(admission.admit('decision', early)).toBe('answer');
  expect(admission.admit('decision', late)).toBe('answer');
  // Nobody was shed since: all are listened to soon.
  step();
  expect(listening()).toBe(2_000 - 200 + 32 + 128);
  step();
  expect(listening()).toBe(2_000);
  step();
});

it('cuts a connection that asks many times without waiting', () => {
  const { admission, turn, clients } = loop();
  const one = clients[0]!;
  for (let i = 0; i < 16; i++) expect(admission.admit('probe', one)).toBe('answer');
  expect(admission.admit('probe', one)).toBe('cut');
  expect(admission.admit('probe', clients[1]!)).toBe('answer');
  turn();
  expect(admission.admit('probe', one)).toBe('answer');
});

it('sheds everything else first, but for two of each turn: lists of controllers among them', () => {
  const { ask, turn } = loop();
  expect(ask('decision', 60, 0.125)).toBe(60);
  expect(ask('other', 10, 0.125)).toBe(2);
  expect(ask('decision', 18, 0.125)).toBe(18);
  turn();
  expect(ask('decision', 1_000, 0.125)).toBe(80);
  expect(ask('other', 10, 0.125)).toBe(2);
});

it('does not refuse the few that waited for a process that stood still', () => {
  const { ask, pass } = loop();
  expect(ask('decision', 1, 0.1)).toBe(1);
  pass(500);
  expect(ask('decision', 40, 0.1)).toBe(40);
  expect(ask('decision', 40, 0.1)).toBe(7);
});

it('never refuses whoever looks after the hub', () => {
  const { ask } = loop();
  ask('decision', 1_000, 0.1);
  expect(ask('probe', 10, 0.1)).toBe(10);
});

it('holds no more than 256 requests that wait for something, while decisions go on', () => {
  const { admission, ask, turn } = loop();
  expect(ask('other', 300, 0)).toBe(256);
  turn();
  expect(ask('other', 1, 0)).toBe(0);
  expect(ask('decision', 1, 0)).toBe(1);
  admission.ended();
  expect(ask('other', 2, 0)).toBe(1);
});

it.each([
  ['/access/v1/evaluation', 'decision'],
  ['/access/v1/evaluations?x', 'decision'],
  ['/tenants/lab/access/v1/evaluation', 'decision'],
  ['/access/v1/search/subject', 'other'],
  ['/v1/identity/check', 'other'],
  ['/livez', 'probe'],
])('%s is %s', (url, kind) => expect(kindOf(url)).toBe(kind));
