import type { ValidateFunction } from 'ajv/dist/2020.js';
import type { SourceRow } from '../../connectors/sdk.js';
import type { Card, Quarantine } from '../../contracts/types.js';
import type { ContractRecord, MapContext, Mapped, Mark, RejectReason } from '../../transforms/outcome.js';
import {
  closeMoved,
  otherCardTopic,
  withLoss,
  withMark,
  withoutMark,
  type Loss,
  type StateValue,
} from '../../transforms/absence.js';
import { CARD_TOPICS, type CardTopic } from '../../transforms/card.js';
import { eventContent } from '../../transforms/kinds.js';
import { RULES_VERSION } from '../../transforms/outcome.js';
import type { LogRecord } from '../log/log.js';
import { enterLateMark, enterRecord, enterRow, type BookLines, type RowOutcome } from './books.js';
import { ENDED_CARD_STATES } from '../../transforms/codes.js';
import type { CredentialIndex } from './credentials.js';
import { digestOf, type TopicDigest } from './position.js';
import type { Published } from './published.js';

/**
 * Source rows → records and outcomes. It changes `published`, `credentials` and `digests` as it goes: when
 * the append of what it gave fails, all three are thrown away and rebuilt from the log.
 */

export interface RecordCodec {
  encode(topic: string, value: object): Uint8Array;
  decode(topic: string, bytes: Uint8Array): object;
  /** The field `version` of an encoded value, without decoding the rest; 0 where the topic has none. */
  version(topic: string, bytes: Uint8Array): number;
  headers(topic: string, key: string, id: string, timeMs: number): Readonly<Record<string, string>>;
}

export interface SealedRaw {
  readonly algorithm: string;
  readonly keyId: string;
  readonly nonce: Uint8Array;
  readonly data: Uint8Array;
}

/** Bytes of a refused row that are kept; more would not fit into a record, and shows nothing more. */
const RAW_BYTES_MAX = 256 * 1024;
/** Bytes of a row's id that its key in quarantine takes over; keys have at most 512. */
const ROW_ID_BYTES_MAX = 200;

export interface RowDeps {
  readonly source: string;
  readonly stream: string;
  readonly codec: RecordCodec;
  readonly mapping: (row: unknown, context: MapContext) => Mapped;
  readonly validate: ValidateFunction;
  readonly published: Published;
  readonly credentials: CredentialIndex;
  readonly digests: Map<string, TopicDigest>;
  readonly eventTopics: ReadonlySet<string>;
  readonly pseudonym: (text: string) => string;
  readonly seal: (raw: Uint8Array, id: string) => SealedRaw;
  /** The loss that a refused row reports all the same. */
  readonly lossOf: (row: unknown) => Loss | null;
}

export interface PageFacts {
  /** `s12/` for rows of the twelfth listing, `` for a feed: part of every record's id. */
  readonly place: string;
  readonly context: MapContext;
}

export interface RowBatch {
  readonly records: LogRecord[];
  readonly books: BookLines;
}

const isCardTopic = (topic: string): topic is CardTopic => (CARD_TOPICS as readonly string[]).includes(topic);

type Reject = { reason: RejectReason; path: string; detail: string };

export class RowMapper {
  constructor(readonly deps: RowDeps) {}

  /** Enters one row into the batch. Never throws for what an upstream sent. */
  enter(row: SourceRow, page: PageFacts, batch: RowBatch): RowOutcome {
    const marks = new Set<Mark>();
    const outcome = this.#outcome(row, page, batch, marks);
    enterRow(batch.books, outcome, marks);
    return outcome;
  }

  /** A record that stands for no row of this page: an absent row's end. */
  add(record: ContractRecord, id: string, batch: RowBatch): boolean {
    return this.#apply(record, id, batch, new Set()) === 'new';
  }

  /** An operator gives a refused row up. */
  discard(row: Quarantine, batch: RowBatch): void {
    this.#pushQuarantine({ ...row, state: 'DISCARDED' }, `${row.at}#d`, batch);
  }

  /** Its retention has ended: first the record that says so, then the tombstone (rule 6). */
  expire(row: Quarantine, batch: RowBatch): void {
    if (row.state === 'OPEN') this.discard(row, batch);
    const id = `${this.#prefix()}${row.at}#x`;
    this.#push(batch, 'hub.quarantine', row.rowKey, null, id, row.asOf);
  }

  #outcome(row: SourceRow, page: PageFacts, batch: RowBatch, marks: Set<Mark>): RowOutcome {
    const refused = this.#refuse(row);
    if (refused !== null) return this.#quarantine(row, page, refused, batch);
    const mapped = this.deps.mapping(row.data, page.context);
    if (mapped.kind === 'reject') return this.#quarantine(row, page, mapped, batch);
    const clash = mapped.records.find((record) => this.#clashes(record));
    if (clash !== undefined) {
      const detail = `an event with the id ${clash.eventId ?? ''} and other content was published before`;
      return this.#quarantine(row, page, { reason: 'DUPLICATE_KEY_DIFFERENT', path: '/', detail }, batch);
    }
    for (const mark of mapped.marks) marks.add(mark);
    let fresh = 0;
    let older = 0;
    mapped.records.forEach((record, i) => {
      const applied = this.#apply(record, `${page.place}${row.at}#${i}`, batch, marks);
      if (applied === 'new') fresh += 1;
      if (applied === 'older') older += 1;
    });
    this.#endQuarantine(row, page, batch);
    if (mapped.filtered !== undefined) return { kind: 'filtered', reason: mapped.filtered };
    if (fresh > 0) return { kind: 'published' };
    return older > 0 ? { kind: 'filtered', reason: 'OLDER_THAN_PUBLISHED' } : { kind: 'unchanged' };
  }

  #refuse(row: SourceRow): Reject | null {
    if (row.damage !== undefined) {
      const { code, path, detail } = row.damage;
      return { reason: 'DAMAGED_ROW', path, detail: `${code}: ${detail}` };
    }
    if (this.deps.validate(row.data)) return null;
    const error = this.deps.validate.errors?.[0];
    return { reason: 'SCHEMA', path: error?.instancePath || '/', detail: error?.message ?? 'wrong shape' };
  }

  #clashes(record: ContractRecord): boolean {
    if (record.eventId === undefined) return false;
    const content = eventContent(record.topic, record.value);
    return this.deps.published.events.compare(record.eventId, content) === 'other';
  }

  #apply(record: ContractRecord, id: string, batch: RowBatch, marks: Set<Mark>): 'new' | 'same' | 'older' {
    if (record.eventId !== undefined) return this.#applyEvent(record, record.eventId, batch);
    if (!isCardTopic(record.topic)) return this.#applyState(record, record.value, id, batch);
    const moved = this.#leaveOtherTopic(record, otherCardTopic(record.topic), id, batch);
    if (moved === 'older') return 'older';
    const shared = this.deps.credentials.isShared(record.key, record.value as Card);
    if (shared) marks.add('AMBIGUOUS_CREDENTIAL');
    const marked = shared ? markOf(withMark, record.topic, record.value as Card, record.time) : null;
    const value = marked ?? record.value;
    const applied = this.#applyState(record, value, id, batch);
    if (applied === 'new' || moved === 'moved') this.#spreadMark(record, id, batch);
    return applied;
  }

  /**
   * A card lives on one of two topics. When its type moves it to the other, its record here ends in the same
   * batch.
   */
  #leaveOtherTopic(
    record: ContractRecord,
    topic: CardTopic,
    id: string,
    batch: RowBatch,
  ): 'moved' | 'older' | null {
    const bytes = this.deps.published.value(topic, record.key);
    if (bytes === undefined) return null;
    const before = this.deps.codec.decode(topic, bytes) as Card;
    if (record.version > 0 && record.version < before.version) return 'older';
    const end = closeMoved(topic, before as unknown as StateValue, { asOf: record.time });
    if (end === null) return null;
    const encoded = this.deps.codec.encode(topic, end.value);
    this.#push(batch, topic, record.key, encoded, `${this.#prefix()}${id}~moved`, record.time);
    return 'moved';
  }

  #applyEvent(record: ContractRecord, eventId: string, batch: RowBatch): 'new' | 'same' {
    const { events } = this.deps.published;
    const content = eventContent(record.topic, record.value);
    if (events.compare(eventId, content) !== 'absent') return 'same';
    events.add(eventId, content);
    const value = this.deps.codec.encode(record.topic, record.value);
    this.#push(batch, record.topic, record.key, value, eventId, record.time);
    return 'new';
  }

  #applyState(record: ContractRecord, value: object, id: string, batch: RowBatch): 'new' | 'same' | 'older' {
    const { published } = this.deps;
    const bytes = this.deps.codec.encode(record.topic, value);
    const compared = published.compare(record.topic, record.key, bytes);
    if (compared === 'same') return 'same';
    if (compared === 'other' && record.version > 0) {
      if (record.version < published.version(record.topic, record.key)) return 'older';
    }
    this.#push(batch, record.topic, record.key, bytes, `${this.#prefix()}${id}`, record.time);
    return 'new';
  }

  /** A card's numbers changed: those who share or shared one are republished with or without the mark. */
  #spreadMark(record: ContractRecord, id: string, batch: RowBatch): void {
    const others = this.deps.credentials.replace(record.key, record.value as Card);
    let n = 0;
    for (const key of others) {
      const found = this.#holder(key);
      if (found === null) continue;
      const { topic, card } = found;
      const shared = this.deps.credentials.isShared(key, card);
      const value = markOf(shared ? withMark : withoutMark, topic, card, record.time);
      if (value === null) continue;
      const encoded = this.deps.codec.encode(topic, value);
      this.#push(batch, topic, key, encoded, `${this.#prefix()}${id}~${n++}`, record.time);
      if (shared) enterLateMark(batch.books, 'AMBIGUOUS_CREDENTIAL');
    }
  }

  /** The card that holds a number, on whichever topic it lives. */
  #holder(key: string): { topic: CardTopic; card: Card } | null {
    const found = CARD_TOPICS.flatMap((topic) => {
      const bytes = this.deps.published.value(topic, key);
      return bytes === undefined ? [] : { topic, card: this.deps.codec.decode(topic, bytes) as Card };
    });
    return found.find(({ card }) => !ENDED_CARD_STATES.has(card.state)) ?? found[0] ?? null;
  }

  /** A loss takes effect even when its row is refused for another field: the card is published again as lost. */
  #believeLoss(row: SourceRow, page: PageFacts, batch: RowBatch): void {
    const loss = this.deps.lossOf(row.data);
    if (loss === null) return;
    const key = `${this.deps.source}:${loss.cardId}`;
    const found = this.#holder(key);
    if (found === null) return;
    const { topic, card } = found;
    const lost = withLoss(topic, card as unknown as StateValue, loss, page.context);
    if (lost === null) return;
    const encoded = this.deps.codec.encode(topic, lost.value);
    this.#push(batch, topic, key, encoded, `${this.#prefix()}${page.place}${row.at}#lost`, lost.time);
  }

  #quarantine(row: SourceRow, page: PageFacts, reject: Reject, batch: RowBatch): RowOutcome {
    this.#believeLoss(row, page, batch);
    const key = this.#rowKey(row.id);
    const rawDigest = this.deps.pseudonym(`raw:${Buffer.from(row.raw).toString('base64')}`);
    const bytes = this.deps.published.value('hub.quarantine', key);
    const before =
      bytes === undefined ? null : (this.deps.codec.decode('hub.quarantine', bytes) as Quarantine);
    const repeated =
      before !== null &&
      before.state !== 'REPLAYED' &&
      before.rawDigest === rawDigest &&
      before.reason === reject.reason &&
      before.path === reject.path &&
      before.rulesVersion === RULES_VERSION;
    if (!repeated) {
      const value: Quarantine = {
        rowKey: key,
        source: this.deps.source,
        stream: this.deps.stream,
        rowId: row.id,
        at: `${page.place}${row.at}`,
        reason: reject.reason,
        path: reject.path,
        detail: reject.detail,
        rulesVersion: RULES_VERSION,
        state: 'OPEN',
        asOf: page.context.asOf,
        rawDigest,
        raw: { ...this.deps.seal(row.raw.subarray(0, RAW_BYTES_MAX), key) },
      };
      this.#pushQuarantine(value, `${page.place}${row.at}#q`, batch);
    }
    return { kind: 'quarantined', reason: reject.reason };
  }

  /** A later, sound form of the row ends its stay in quarantine. */
  #endQuarantine(row: SourceRow, page: PageFacts, batch: RowBatch): void {
    if (this.deps.published.isEmpty('hub.quarantine')) return;
    const ids = row.lineId === undefined || row.lineId === row.id ? [row.id] : [row.id, row.lineId];
    ids.forEach((id, i) => {
      const bytes = this.deps.published.value('hub.quarantine', this.#rowKey(id));
      if (bytes === undefined) return;
      const value = this.deps.codec.decode('hub.quarantine', bytes) as Quarantine;
      if (value.state !== 'OPEN') return;
      this.#pushQuarantine({ ...value, state: 'REPLAYED' }, `${page.place}${row.at}#r${i || ''}`, batch);
    });
  }

  #pushQuarantine(value: Quarantine, id: string, batch: RowBatch): void {
    const bytes = this.deps.codec.encode('hub.quarantine', value);
    this.#push(batch, 'hub.quarantine', value.rowKey, bytes, `${this.#prefix()}${id}`, value.asOf);
  }

  #push(
    batch: RowBatch,
    topic: string,
    key: string,
    value: Uint8Array | null,
    id: string,
    time: number,
  ): void {
    batch.records.push({ topic, key, value, headers: this.deps.codec.headers(topic, key, id, time) });
    enterRecord(batch.books, topic);
    const digest = digestOf(this.deps.digests, topic);
    digest.records += 1;
    if (this.deps.eventTopics.has(topic)) {
      digest.sum.addRecord(key, value);
      digest.keys += 1;
    } else digest.keys += this.deps.published.replace(topic, key, value, digest.sum);
  }

  #rowKey(rowId: string): string {
    // An id may be anything, since the row was refused: a long one gets a name that fits into a key.
    const id = Buffer.byteLength(rowId) <= ROW_ID_BYTES_MAX ? rowId : this.deps.pseudonym(`row:${rowId}`);
    return `${this.deps.source}:${this.deps.stream}:${id}`;
  }

  #prefix(): string {
    return `${this.deps.source}:${this.deps.stream}:`;
  }
}

/** The card with, or without, the mark of a shared number; null when that is how it stands. */
function markOf(change: typeof withMark, topic: string, card: Card, asOf: number): object | null {
  return change(topic, card as unknown as StateValue, 'AMBIGUOUS_CREDENTIAL', { asOf })?.value ?? null;
}
