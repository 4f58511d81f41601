/** The body of an upload of door events, checked; nothing of a card number stands in a refusal. */
import type { ControllerConfig, ControllerDoor } from '../config/types.js';

/** Events of one upload. */
export const EVENTS_MAX = 500;
const INDEX_MAX = 0xffff_ffff;
const TEXT_MAX = 64;

export interface UploadedEvent {
  /** Running number of the controller, from 1. */
  readonly index: number;
  readonly door: ControllerDoor;
  /** As the reader sent it, in the controller's profile; undefined: an event without a card. */
  readonly card: string | undefined;
  readonly direction: 'enter' | 'exit' | 'unknown';
  readonly granted: boolean | undefined;
  /** A code of `codes/decision-reasons.json`, or the controller's own word. */
  readonly reason: string | undefined;
  /** The controller's clock: ISO 8601 with an offset. */
  readonly occurredAt: string;
}

export interface Upload {
  readonly events: readonly UploadedEvent[];
}

export type ParsedUpload =
  { readonly ok: true; readonly upload: Upload } | { readonly ok: false; readonly error: string };

type Bag = Readonly<Record<string, unknown>>;

export function parseUpload(body: unknown, controller: ControllerConfig): ParsedUpload {
  const { events } = isBag(body) ? body : { events: undefined };
  if (!Array.isArray(events) || events.length === 0 || events.length > EVENTS_MAX) {
    return { ok: false, error: `events: expected 1 to ${EVENTS_MAX} events` };
  }
  const parsed: UploadedEvent[] = [];
  const seen = new Set<number>();
  for (const [i, given] of events.entries()) {
    const event = isBag(given) ? parseEvent(given, controller) : 'an object';
    if (typeof event === 'string') return { ok: false, error: `events.${i}: expected ${event}` };
    if (seen.has(event.index)) return { ok: false, error: `events.${i}.index: expected each index once` };
    seen.add(event.index);
    parsed.push(event);
  }
  return { ok: true, upload: { events: parsed } };
}

/** @returns what was expected, where it is no event */
function parseEvent(given: Bag, { doors }: ControllerConfig): UploadedEvent | string {
  const { index, door: number, card, direction, granted, reason, occurredAt } = given;
  if (typeof index !== 'number' || !Number.isInteger(index) || index < 1 || index > INDEX_MAX) {
    return `index, a whole number from 1 to ${INDEX_MAX}`;
  }
  const door = doors.find((one) => one.number === number);
  if (door === undefined) return `door, one of ${doors.map((one) => one.number).join(', ')}`;
  if (card !== undefined && card !== null && !isText(card))
    return `card, a text of 1 to ${TEXT_MAX} characters`;
  if (direction !== undefined && direction !== 'enter' && direction !== 'exit' && direction !== 'unknown') {
    return 'direction, enter, exit or unknown';
  }
  if (granted !== undefined && granted !== null && typeof granted !== 'boolean')
    return 'granted, true or false';
  if (reason !== undefined && reason !== null && !isText(reason))
    return `reason, a text of 1 to ${TEXT_MAX} characters`;
  if (!isText(occurredAt) || !/^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/.test(occurredAt)) {
    return 'occurredAt, ISO 8601 with an offset';
  }
  return {
    ...{ index, door, occurredAt },
    card: isText(card) ? card : undefined,
    direction: direction ?? door.action,
    granted: typeof granted === 'boolean' ? granted : undefined,
    reason: isText(reason) ? reason : undefined,
  };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= TEXT_MAX;
}

function isBag(value: unknown): value is Bag {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
