/**
 * Stored events of a controller as the hub takes them. What they say follows from the controller's own records alone,
 * so an event that is fetched again after a crash says the same again.
 *
 *   swipe, waiting for the host (reason 5)    ─▶ a refused passage: DENY_REMOTE_CONTROL
 *   door opened by the host (reason 44)       ─▶ the passage of the card that waited there within OPENED_MS
 *   button, door contact, alarm               ─▶ an index without a card
 */
import { CODES } from '../../contracts/codes.js';
import type { CompiledProfile } from '../../transforms/card-number.js';
import type { ControllerConfig } from '../config/types.js';
import type { DeviceEvent } from './codec.js';
import type { UploadEvent } from './hub-client.js';

export const SWIPE = 1;
/** Reasons of a swipe that the controller leaves to the host; an unknown card is not even asked about. */
export const WAITS_FOR_HOST = 5;
export const UNKNOWN_CARD = 18;
const OPENED_BY_HOST = 44;
/** A host that decides later than this does not open for that card any more. */
const OPENED_MS = 5_000;

const REASONS: ReadonlyMap<number, string> = new Map(
  CODES['decision-reasons'].flatMap((one) => {
    const { vendors = {} } = one as { vendors?: { uhppoteReason?: readonly number[] } };
    return (vendors.uhppoteReason ?? []).map((reason): [number, string] => [reason, one.code]);
  }),
);

/** The number as the readers of that profile send it. */
export function cardText(card: number, { width }: CompiledProfile): string {
  return String(card).padStart(width, '0');
}

/** The number as the controller keeps it; undefined: it cannot. */
export function cardNumber(text: string): number | undefined {
  const digits = text.replaceAll(/\D/g, '');
  const number = Number(digits);
  return digits !== '' && number > 0 && number < 0xffff_ffff ? number : undefined;
}

/** In the order of their indexes. */
export class EventTaker {
  readonly #waiting = new Map<number, { readonly card: number; readonly at: number }>();

  constructor(
    private readonly controller: ControllerConfig,
    private readonly profile: CompiledProfile,
  ) {}

  /** @returns what is uploaded; a door that hub.yaml does not name stands as an event without a card */
  take(event: DeviceEvent): UploadEvent {
    const { index, type, door: number, direction, card, granted, reason, at } = event;
    const door = this.controller.doors.find((one) => one.number === number) ?? this.controller.doors[0];
    const base = { index, door: door?.number ?? 1, occurredAt: at };
    if (door?.number !== number) return base;
    const passage = { ...base, direction: direction === 2 ? ('exit' as const) : door.action };
    const time = Date.parse(at);
    if (type === SWIPE) {
      const waits = reason === WAITS_FOR_HOST || reason === UNKNOWN_CARD;
      if (waits) this.#waiting.set(number, { card, at: time });
      const said = REASONS.get(reason) ?? `uhppote:${reason}`;
      return { ...passage, card: cardText(card, this.profile), granted, reason: said };
    }
    if (reason !== OPENED_BY_HOST) return base;
    const waiting = this.#waiting.get(number);
    this.#waiting.delete(number);
    if (waiting === undefined || time < waiting.at || time - waiting.at > OPENED_MS) return base;
    const opened = { granted: true, reason: REASONS.get(OPENED_BY_HOST) ?? 'ALLOW_REMOTE_OPEN' };
    return { ...passage, card: cardText(waiting.card, this.profile), ...opened };
  }
}
