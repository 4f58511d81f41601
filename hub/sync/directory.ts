import type { Card, Door, Position, RoomXref } from '../../contracts/types.js';
import type { CredentialMatch } from '../../transforms/outcome.js';
import { CARD_TOPICS } from '../../transforms/card.js';
import { aliasesOf, SCHEMES, type CardCredential } from '../../transforms/card-number.js';
import type { Log, ReadBatch } from '../log/log.js';
import { CredentialIndex } from './credentials.js';
import { RoomIndex } from './room-index.js';
import type { RecordCodec } from './rows.js';
import type { Lookups } from './stream.js';

/**
 * What one stream must know of others: who holds a credential, which doors there are, which room a vendor's room is,
 * and how far every
 * stream is recorded. Kept by following the log, since the other stream may run in another process. Before a
 * page is mapped, everything that the streams it comes after have recorded is applied (rule 8).
 */

const CATCH_UP_MS_MAX = 30_000;
/** A view does not tell what it has applied; it is asked this often. */
const LOOK_AGAIN_MS = 10;
const isCardTopic = (topic: string): boolean => (CARD_TOPICS as readonly string[]).includes(topic);

export interface FollowOptions {
  /** False where no stream looks cards up: a million of them need not be held, nor held twice beside a view. */
  readonly cards?: boolean | CardSource;
  /** False where no stream looks rooms up. */
  readonly rooms?: boolean;
  readonly onPosition?: (position: Position) => void;
}

/** Cards that somebody else in this process holds already. */
export interface CardSource {
  /** Cards in use that hold this number, in whatever form a reader may send it. */
  holders(scheme: string, value: string): readonly string[];
  /** Everything before this offset is applied. */
  applied(topic: string, partition: number): number;
}

export class Directory {
  /** By `topic key`: when a card moves, the end on its old topic may be read after its record on the new one. */
  readonly #cards = new CredentialIndex();
  #source: CardSource | null = null;
  readonly #doors = new Set<string>();
  readonly #rooms = new RoomIndex();
  readonly #positions = new Map<string, Position>();
  readonly #applied = new Map<string, number>();
  readonly #followed = new Set<string>();
  readonly #waiting = new Set<() => void>();
  #failure: Error | null = null;

  constructor(
    readonly log: Log,
    readonly codec: RecordCodec,
  ) {}

  /** Follows the topics until aborted. `failed` settles only when the following ended with an error. */
  follow(signal: AbortSignal, options: FollowOptions = {}): void {
    const { cards = true, rooms = true, onPosition } = options;
    if (typeof cards === 'object') this.#source = cards;
    for (const topic of cards === true ? CARD_TOPICS : [])
      this.#follow(topic, signal, (key, value) => this.#card(topic, key, value));
    this.#follow('master.door', signal, (key, value) => {
      if (value === null || (this.codec.decode('master.door', value) as Door).state === 'REMOVED')
        this.#doors.delete(key);
      else this.#doors.add(key);
    });
    if (rooms) {
      this.#follow('master.room-xref', signal, (key, value) => {
        const line = value === null ? null : (this.codec.decode('master.room-xref', value) as RoomXref);
        this.#rooms.replace(key, line);
      });
    }
    this.#follow('hub.positions', signal, (key, value) => {
      if (value === null) return;
      const position = this.codec.decode('hub.positions', value) as Position;
      this.#positions.set(key, position);
      onPosition?.(position);
    });
  }

  position(sourcePartition: string): Position | undefined {
    return this.#positions.get(sourcePartition);
  }

  positions(): ReadonlyMap<string, Position> {
    return this.#positions;
  }

  /** Settles when these streams have a complete listing (or a drained feed) on record. */
  async recorded(sourcePartitions: readonly string[], signal: AbortSignal): Promise<void> {
    const isRecorded = (id: string): boolean => {
      const position = this.#positions.get(id);
      return position !== undefined && (position.snapshotCompletedAt !== null || position.asOf > 0);
    };
    while (!sourcePartitions.every(isRecorded)) {
      signal.throwIfAborted();
      await this.#change(1_000);
    }
  }

  /** Settles when this position, or a later one of the same stream, has been read. */
  async reached(sourcePartition: string, sequence: number, signal: AbortSignal): Promise<void> {
    while ((this.#positions.get(sourcePartition)?.sequence ?? -1) < sequence) {
      signal.throwIfAborted();
      await this.#change(1_000);
    }
  }

  /** Look-ups that include everything that these streams have recorded by now. */
  async lookups(after: readonly string[]): Promise<Lookups> {
    const deadline = Date.now() + CATCH_UP_MS_MAX;
    while (!after.every((id) => this.#hasApplied(id))) {
      if (Date.now() > deadline)
        throw new Error('the topics that are looked up could not be followed up to their positions');
      await this.#change(this.#source === null ? 200 : LOOK_AGAIN_MS);
    }
    const source = this.#source;
    const holders =
      source === null
        ? (scheme: string, value: string) => cardKeys(this.#cards.holders(scheme, value))
        : (scheme: string, value: string) => source.holders(scheme, value);
    return {
      cardsByCredential: (scheme, value) => matchOf(holders(scheme, value)),
      doorKnown: (doorKey) => this.#doors.has(doorKey),
      roomOf: (codeSystem, vendorRoom, day) => this.#rooms.match(codeSystem, vendorRoom, day),
    };
  }

  #hasApplied(id: string): boolean {
    const position = this.#positions.get(id);
    if (position === undefined) return true;
    return position.written.every(({ topic, partition, offset }) => {
      if (this.#source !== null && isCardTopic(topic)) return this.#source.applied(topic, partition) > offset;
      if (!this.#followed.has(topic)) return true;
      return (this.#applied.get(`${topic}/${partition}`) ?? -1) >= offset;
    });
  }

  #card(topic: string, cardKey: string, value: Uint8Array | null): void {
    const key = `${topic} ${cardKey}`;
    const decoded = value === null ? null : (this.codec.decode(topic, value) as Card);
    // A reader may send any truncated form of the number: all of them lead to the card.
    const names = (decoded?.credentials ?? []) as readonly CardCredential[];
    const credentials = names.flatMap((credential) => aliasesOf(credential, SCHEMES));
    const after = decoded === null ? null : { state: decoded.state, credentials };
    this.#cards.replace(key, after);
  }

  #follow(topic: string, signal: AbortSignal, apply: (key: string, value: Uint8Array | null) => void): void {
    this.#followed.add(topic);
    const run = async (): Promise<void> => {
      for await (const batch of this.log.read({ topic, until: 'follow', signal })) this.#apply(batch, apply);
    };
    run().catch((error: unknown) => {
      if (!signal.aborted) this.#failure = error instanceof Error ? error : new Error(String(error));
      this.#wake();
    });
  }

  #apply(batch: ReadBatch, apply: (key: string, value: Uint8Array | null) => void): void {
    for (const record of batch.records) apply(record.key, record.value);
    this.#applied.set(`${batch.topic}/${batch.partition}`, batch.next - 1);
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  /** The next news, or the time limit; throws when the following has ended. */
  async #change(ms: number): Promise<void> {
    this.#throwIfEnded();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#waiting.add(() => {
        clearTimeout(timer);
        resolve();
      });
    });
    this.#throwIfEnded();
  }

  #throwIfEnded(): void {
    if (this.#failure !== null) throw this.#failure;
  }
}

/** `topic key` → key, once where both topics still have it. */
function cardKeys(holders: readonly string[]): readonly string[] {
  const keys = holders.map((holder) => holder.slice(holder.indexOf(' ') + 1));
  return keys.length < 2 ? keys : [...new Set(keys)];
}

function matchOf(holders: readonly string[]): CredentialMatch {
  if (holders.length === 0) return { kind: 'none' };
  if (holders.length === 1) return { kind: 'one', cardKey: holders[0] as string };
  return { kind: 'many', cardKeys: holders };
}
