/**
 * Last admitted passage of each card through each area, for anti-passback: from door events only, never from
 * our own decisions, since an allow is no proof that somebody went through.
 *
 * Kept for `windowMs` and at most `entriesMax` of them; the one that was written longest ago goes first.
 * Not counted: refused or unknown outcomes, events whose clock is suspect, and those that came too late to be
 * the last one.
 */
import type { DoorEvent } from '../../contracts/types.js';
import type { DoorFacts, Passage } from '../decide/model.js';
import { TextTable } from '../tables/text-table.js';

const AREAS_MAX = 65_536;
const ENTRIES_MAX = 500_000;

export interface PassagesOptions {
  readonly cardKeys: TextTable;
  readonly door: (key: string) => DoorFacts | undefined;
  /** Default 24 h: the longest window that a policy may ask for. */
  readonly windowMs?: number;
  readonly entriesMax?: number;
}

export class PassagesView {
  private readonly areas = new TextTable();
  private readonly last = new Map<number, Passage>();
  private readonly windowMs: number;
  private readonly entriesMax: number;

  constructor(private readonly options: PassagesOptions) {
    this.windowMs = options.windowMs ?? 86_400_000;
    this.entriesMax = options.entriesMax ?? ENTRIES_MAX;
  }

  get size(): number {
    return this.last.size;
  }

  apply(event: DoorEvent, now: number): void {
    const { cardKey, direction, occurredAt } = event;
    if (cardKey === null || event.granted !== true) return;
    if (direction !== 'ENTER' && direction !== 'EXIT') return;
    if (occurredAt > now || now - occurredAt > this.windowMs) return;
    if (event.dataQuality.includes('CLOCK_SUSPECT')) return;
    const passage: Passage = { direction, occurredAt };
    const card = this.options.cardKeys.intern(cardKey);
    this.set(card, `door:${event.doorKey}`, passage);
    const building = this.options.door(event.doorKey)?.building;
    if (building !== undefined) this.set(card, `building:${building}`, passage);
    this.prune(now);
  }

  lastPassage(cardKey: string, area: string, now: number): Passage | undefined {
    const card = this.options.cardKeys.find(cardKey);
    const areaId = this.areas.find(area);
    const passage = card < 0 || areaId < 0 ? undefined : this.last.get(card * AREAS_MAX + areaId);
    return passage === undefined || now - passage.occurredAt > this.windowMs ? undefined : passage;
  }

  private set(card: number, area: string, passage: Passage): void {
    const areaId = this.areas.intern(area);
    if (areaId >= AREAS_MAX) return;
    const key = card * AREAS_MAX + areaId;
    const before = this.last.get(key);
    if (before !== undefined && before.occurredAt > passage.occurredAt) return; // a late upload
    this.last.delete(key); // so that the map stays in the order of writing
    this.last.set(key, passage);
  }

  private prune(now: number): void {
    for (const [key, { occurredAt }] of this.last) {
      if (now - occurredAt <= this.windowMs && this.last.size <= this.entriesMax) break;
      this.last.delete(key);
    }
  }
}
