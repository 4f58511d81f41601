import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { TOPICS, type TopicName } from '../contracts/types.js';
import type { StateTopic } from './kind.js';
import { eventContent, eventTuple, hasEnded, kindOf, kinds, profileSchema } from './kinds.js';

interface AvroField {
  readonly name: string;
  readonly type: unknown;
}

const fieldsOf = (topic: string): readonly AvroField[] =>
  (
    JSON.parse(readFileSync(new URL(`../contracts/${topic}.avsc`, import.meta.url), 'utf8')) as {
      fields: AvroField[];
    }
  ).fields;
const kindOfTopic = (topic: string) => TOPICS.find(({ name }) => name === topic)?.kind;

describe.each(Object.keys(kinds))('the record kind %s', (name) => {
  const kind = kindOf(name);
  const states = Object.entries(kind.state) as [TopicName, StateTopic][];
  const events = Object.entries(kind.events);

  it('writes topics that have a contract, each of its own sort', () => {
    for (const [topic] of states) expect(kindOfTopic(topic), topic).toBe('state');
    for (const [topic] of events) expect(kindOfTopic(topic), topic).toBe('event');
    expect(Object.keys(kind.state)).toEqual(expect.arrayContaining([...kind.rows]));
  });

  it('ends things in states that their contract has, by a key field that it has', () => {
    for (const [topic, { key, gone, ended = [] }] of states) {
      const fields = fieldsOf(topic);
      const names = fields.map((field) => field.name);
      expect(names, topic).toEqual(expect.arrayContaining([key, 'state', 'stateReason', 'dataQuality']));
      const state = fields.find((field) => field.name === 'state')?.type as { symbols: string[] };
      expect(state.symbols, topic).toEqual(expect.arrayContaining([gone, ...ended, 'REMOVED']));
    }
  });

  it('tells events apart by fields of their contract, their time among them', () => {
    for (const [topic, { says }] of events) {
      expect(
        fieldsOf(topic).map((field) => field.name),
        topic,
      ).toEqual(expect.arrayContaining([...says, 'eventId', 'source', 'dataQuality']));
      expect(says, topic).toContain('occurredAt');
      expect(says, topic).not.toContain('dataQuality');
    }
  });

  it('says of a shared topic what the other kinds say', () => {
    for (const other of Object.values(kinds).map((one): typeof kind => one)) {
      for (const [topic, facts] of states) expect(other.state[topic] ?? facts).toEqual(facts);
    }
  });
});

const swipe = {
  occurredAt: 60_001,
  doorKey: 'gate:1',
  direction: 'ENTER',
  granted: true,
  cardKey: null,
  credentialPseudonym: 'p1',
  dataQuality: ['UNKNOWN_CREDENTIAL'],
};

describe('an event', () => {
  it('is the same whether or not its card was known, and another one through another door', () => {
    const content = eventContent('master.door-event', swipe);
    expect(eventContent('master.door-event', { ...swipe, cardKey: 'core:1', dataQuality: [] })).toBe(content);
    expect(eventContent('master.door-event', { ...swipe, doorKey: 'gate:2' })).not.toBe(content);
    expect(eventContent('master.door-event', { ...swipe, granted: false })).not.toBe(content);
  });

  it('has the tuple that its mapping asked by, where it asks', () => {
    expect(eventTuple('master.door-event', swipe)).toBe('p1|1|gate:1|ENTER');
    expect(eventTuple('master.card-event', {})).toBeNull();
  });

  it('of a topic that no kind declares is a mistake in the code, not a value', () => {
    expect(() => eventContent('master.door', {})).toThrow(/declares/);
  });
});

it('a replaced card, a disabled door and what was removed have ended; a frozen account is none of these', () => {
  expect(hasEnded('master.card', 'REPLACED')).toBe(true);
  expect(hasEnded('master.door', 'REPLACED')).toBe(false);
  expect(hasEnded('master.door', 'DISABLED')).toBe(true);
  expect(hasEnded('master.account', 'REMOVED')).toBe(true);
  expect(hasEnded('master.account', 'OPEN')).toBe(false);
  expect(hasEnded('hub.positions', 'OPEN'), 'nothing ends there').toBe(true);
});

it('streams of one connector share a mapping section that takes what any of them reads', () => {
  const merged = profileSchema(['card', 'swipe'])['properties'] as object;
  expect(Object.keys(merged)).toEqual(expect.arrayContaining(['lossFlag', 'readerProfile']));
  expect(profileSchema(['door', 'swipe'])).toBe(profileSchema(['grant']));
  expect(() => kindOf('nothing')).toThrow('no mapping is called nothing');
});
