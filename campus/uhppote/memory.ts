/**
 * What a controller keeps without power, in a file: its cards by slot, its events and their running index. Listener and
 * PC control are not among it.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';

export interface StoredCard {
  /** `YYYY-MM-DD`; so is `to`. */
  readonly from: string;
  readonly to: string;
  /** Of the doors 1 to 4: 1 is a right at any time. */
  readonly doors: readonly number[];
}

export interface StoredEvent {
  readonly index: number;
  readonly type: number;
  readonly granted: boolean;
  readonly door: number;
  readonly direction: number;
  readonly card: number;
  /** Epoch ms of the controller's clock. */
  readonly at: number;
  readonly reason: number;
}

export interface Memory {
  /** Null: a slot whose card was deleted. */
  readonly slots: readonly ({ readonly card: number; readonly of: StoredCard } | null)[];
  /** Oldest first; indices without a gap. */
  readonly events: readonly StoredEvent[];
  /** Of the newest event; 0: there was none. */
  readonly index: number;
}

const EMPTY: Memory = { slots: [], events: [], index: 0 };
/** Many put-card commands in a row are one write. */
const WRITE_AFTER_MS = 100;

export class MemoryFile {
  #timer: NodeJS.Timeout | undefined;

  /** @param current what to write when the time has come */
  constructor(
    readonly path: string,
    readonly serial: number,
    readonly current: () => Memory,
  ) {}

  changed(): void {
    this.#timer ??= setTimeout(() => this.#write(), WRITE_AFTER_MS).unref();
  }

  close(): void {
    if (this.#timer !== undefined) this.#write();
  }

  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { slots, events, index } = this.current();
    const lines = events.map((one) => JSON.stringify(rowOf(one))).join(',\n');
    const text = `{"serial":${this.serial},"index":${index},"slots":${JSON.stringify(slots)},"events":[\n${lines}\n]}\n`;
    writeFileSync(`${this.path}.new`, text, { mode: 0o600 });
    renameSync(`${this.path}.new`, this.path);
  }
}

/** A file that is missing, damaged or another controller's: a new controller, so that nothing half-read is told. */
export function readMemory(path: string, serial: number): Memory {
  try {
    const kept = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    const { slots, events: rows, index } = kept;
    if (kept['serial'] !== serial || !isWhole(index) || !Array.isArray(slots) || !Array.isArray(rows))
      return EMPTY;
    const events = rows.map(eventOf);
    const first = index - events.length + 1;
    const isSound = first >= 1 && events.every((one, i) => one?.index === first + i) && slots.every(isSlot);
    return isSound ? { slots: slots as Memory['slots'], events: events as StoredEvent[], index } : EMPTY;
  } catch {
    return EMPTY;
  }
}

type Row = readonly [number, number, number, number, number, number, number, number];

const rowOf = ({ index, type, granted, door, direction, card, at, reason }: StoredEvent): Row => [
  ...([index, type, granted ? 1 : 0, door] as const),
  ...([direction, card, at, reason] as const),
];

function eventOf(row: unknown): StoredEvent | null {
  if (!Array.isArray(row) || row.length !== 8 || !row.every(isWhole)) return null;
  const [index, type, granted, door, direction, card, at, reason] = row as unknown as Row;
  if (Math.max(type, granted, door, direction, reason) > 0xff || Math.max(index, card) > 0xffff_ffff)
    return null;
  return { index, type, granted: granted === 1, door, direction, card, at, reason };
}

function isSlot(slot: unknown): boolean {
  if (slot === null) return true;
  const { card, of } = slot as Partial<NonNullable<Memory['slots'][number]>>;
  if (!isWhole(card) || card > 0xffff_ffff || of === undefined || !isDate(of.from) || !isDate(of.to))
    return false;
  return (
    Array.isArray(of.doors) && of.doors.length === 4 && of.doors.every((door) => isWhole(door) && door <= 255)
  );
}

const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isDate = (value: unknown): boolean => typeof value === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(value);
