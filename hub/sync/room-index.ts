import type { RoomXref } from '../../contracts/types.js';
import type { RoomMatch } from '../../transforms/outcome.js';

type Span = Pick<RoomXref, 'roomId' | 'campus' | 'validFrom' | 'validUntil'>;

const placeOf = (codeSystem: string, vendorRoom: string): string => `${codeSystem}\n${vendorRoom}`;

/** The lines of the mapping table in force, by code system and room. */
export class RoomIndex {
  readonly #spans = new Map<string, Map<string, Span>>();
  readonly #places = new Map<string, string>();

  /** @param line null: the record has gone */
  replace(key: string, line: RoomXref | null): void {
    const before = this.#places.get(key);
    if (before !== undefined) {
      this.#places.delete(key);
      const spans = this.#spans.get(before);
      spans?.delete(key);
      if (spans?.size === 0) this.#spans.delete(before);
    }
    if (line === null || line.state !== 'ACTIVE') return;
    const place = placeOf(line.codeSystem, line.vendorRoom);
    const spans = this.#spans.get(place) ?? new Map<string, Span>();
    const { roomId, campus, validFrom, validUntil } = line;
    this.#spans.set(place, spans.set(key, { roomId, campus, validFrom, validUntil }));
    this.#places.set(key, place);
  }

  /** @param day days since 1970-01-01, Asia/Shanghai; both ends of a line count */
  match(codeSystem: string, vendorRoom: string, day: number): RoomMatch {
    const spans = this.#spans.get(placeOf(codeSystem, vendorRoom));
    if (spans === undefined) return { kind: 'none', otherDays: false };
    const found = [...spans.values()].filter(
      ({ validFrom, validUntil }) => (validFrom ?? -Infinity) <= day && day <= (validUntil ?? Infinity),
    );
    // The same room in two lines that overlap is one room.
    const [first, ...others] = new Map(found.map((span) => [span.roomId, span])).values();
    if (first === undefined) return { kind: 'none', otherDays: true };
    if (others.length === 0) return { kind: 'one', roomId: first.roomId, campus: first.campus };
    return { kind: 'many', roomIds: [first, ...others].map(({ roomId }) => roomId).sort() };
  }
}
