/** Records that come not from a row but from a later fact about an earlier record: its absence, or a collision. */
import type { CardTopic } from './card.js';
import { hasEnded, stateTopic } from './kinds.js';
import type { ContractRecord, Mark } from './outcome.js';

/** Reason on a record that a listing no longer has. */
export const ABSENT = 'ABSENT_FROM_LISTING';
/** Reason on a card's record whose type now puts it on the other of the two card topics. */
export const MOVED = 'MOVED_TOPIC';

/** A decoded value of a state topic. */
export type StateValue = Readonly<Record<string, unknown>>;

/**
 * The record of a thing whose absence is proven: the previous value with its closing state. A function of that value
 * and of the snapshot's `asOf` alone; the version stays, so that the thing may come back in a later listing. Null when
 * it already has an end state, or when nothing ends on that topic.
 */
export function closeAbsent(
  topic: string,
  previous: StateValue,
  snapshot: { readonly asOf: number },
): ContractRecord | null {
  return close(topic, previous, ABSENT, snapshot.asOf);
}

export function otherCardTopic(topic: CardTopic): CardTopic {
  return topic === 'master.card' ? 'hub.out-of-scope-card' : 'master.card';
}

/**
 * The end of a card's record on the topic that it has left, because its type went in or out of the shared data. As
 * `closeAbsent`: null when it has ended already. A reader of both topics lets such an end touch no record of the other.
 */
export function closeMoved(
  topic: CardTopic,
  previous: StateValue,
  position: { readonly asOf: number },
): ContractRecord | null {
  return close(topic, previous, MOVED, position.asOf);
}

function close(topic: string, previous: StateValue, stateReason: string, time: number) {
  const facts = stateTopic(topic);
  if (facts === undefined || hasEnded(topic, String(previous['state']))) return null;
  return again(topic, { ...previous, state: facts.gone, stateReason }, time);
}

/** What a row that cannot be mapped still says of its card: that it is lost. See `lossOf` in `card.ts`. */
export interface Loss {
  readonly cardId: string;
  /** 0: the row gives none that can be read. */
  readonly version: number;
  readonly lostAt: number | null;
  readonly marks: readonly Mark[];
}

/**
 * The published record of a card with the loss that a quarantined row reports; null when it is lost already, or newer
 * than the row. It takes the row's version, so that an older row cannot take the loss back.
 */
export function withLoss(
  topic: CardTopic,
  previous: StateValue,
  loss: Loss,
  position: { readonly asOf: number },
): ContractRecord | null {
  const published = Number(previous['version']);
  if (previous['lost'] === true || (loss.version > 0 && loss.version < published)) return null;
  const value = { ...previous, lost: true, version: Math.max(published, loss.version) };
  if (topic !== 'master.card') return again(topic, value, position.asOf);
  const marks = new Set([...(previous['dataQuality'] as readonly string[]), ...loss.marks]);
  const timed = { ...value, lostAt: loss.lostAt, dataQuality: [...marks].sort() };
  return again(topic, timed, position.asOf);
}

/** An earlier record with one more mark (a collision seen later, rule 8); null when it has the mark already. */
export function withMark(
  topic: string,
  previous: StateValue,
  mark: Mark,
  position: { readonly asOf: number },
): ContractRecord | null {
  const marks = previous['dataQuality'] as readonly string[];
  if (marks.includes(mark)) return null;
  return again(topic, { ...previous, dataQuality: [...marks, mark].sort() }, position.asOf);
}

/** The reverse, when the other card of a collision has given the number up; null when there is no such mark. */
export function withoutMark(
  topic: string,
  previous: StateValue,
  mark: Mark,
  position: { readonly asOf: number },
): ContractRecord | null {
  const marks = previous['dataQuality'] as readonly string[];
  if (!marks.includes(mark)) return null;
  const dataQuality = marks.filter((other) => other !== mark);
  return again(topic, { ...previous, dataQuality }, position.asOf);
}

function again(topic: string, value: StateValue, time: number): ContractRecord {
  const keyField = stateTopic(topic)?.key ?? '';
  return { topic, key: String(value[keyField]), version: Number(value['version'] ?? 0), value, time };
}
