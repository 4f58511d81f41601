/**
 * What the hub must know of a kind of source row beside its mapping. A new kind is a contract in `contracts/`, a
 * mapping here that exports a `RecordKind`, and a line in `kinds.ts`; nothing in `hub/` names it.
 */
import type { TopicName, TopicValue } from '../contracts/types.js';
import type { Loss } from './absence.js';
import type { MapContext, Mapped } from './outcome.js';

export type Mapping = (row: unknown, context: MapContext) => Mapped;
/** JSON Schema as data. */
export type ProfileSchema = Readonly<Record<string, unknown>>;
/** The `mapping` section of an instance in hub.yaml, already checked. */
export type Profile = Readonly<Record<string, unknown>>;

type Field<T extends TopicName> = keyof TopicValue[T] & string;
type StateOf<T extends TopicName> = TopicValue[T] extends { readonly state: infer S } ? S : never;

/** How a thing on a state topic ends. Its values have `state`, `stateReason` and `dataQuality`. */
export interface StateTopic<T extends TopicName = TopicName> {
  /** The field that holds the record's key. */
  readonly key: Field<T>;
  /** The state of a thing that is gone upstream. */
  readonly gone: StateOf<T>;
  /** Other states in which its absence is no news; `REMOVED` always is one. */
  readonly ended?: readonly StateOf<T>[];
  /**
   * The value without what only the course of the readings decides (that a file came late): a comparison with a later
   * reading leaves it out. Values of such a topic are few: all of them are held while they are compared.
   */
  readonly told?: (value: TopicValue[T]) => object;
}

export interface EventTopic<T extends TopicName = TopicName> {
  /**
   * The fields that the source row alone decides and that make it this event. Two rows with one id that differ here
   * are a fault of the upstream (`DUPLICATE_KEY_DIFFERENT`). What another stream decides, such as whether the card
   * was known when the row was read, is not among them; nor is what a later version of the mapping may read better.
   */
  readonly says: readonly Field<T>[];
  /** The tuple by which the mapping asks `seenBefore`, read back from a published event; null where there is none. */
  readonly tuple?: (event: TopicValue[T]) => string | null;
  /**
   * Where an upstream that is asked again tells only the newest form of a thing (a loan, a bank's file): the thing, and
   * the form that the event belongs to. Events of an earlier form are then no longer told, and nothing is missing.
   */
  readonly retold?: (event: TopicValue[T]) => readonly [thing: string, form: string];
}

export interface RecordKind {
  readonly map: Mapping;
  /** JSON Schema of the profile. */
  readonly profile: ProfileSchema;
  /** The state topics that it writes; every stream writes `hub.quarantine` as well. */
  readonly state: { readonly [T in TopicName]?: StateTopic<T> };
  /**
   * Those of them whose records stand for the row itself, under the key `{source}:{row id}`: a row that is missing
   * from a listing ends them.
   */
  readonly rows: readonly TopicName[];
  readonly events: { readonly [T in TopicName]?: EventTopic<T> };
  /** It asks `cardsByCredential`; without such a stream the hub need not hold the cards' numbers. */
  readonly looksUpCards?: boolean;
  /** It asks `roomOf`. */
  readonly looksUpRooms?: boolean;
  /** The loss that a row reports although it was refused. */
  readonly lossOf?: (row: unknown, profile: Profile) => Loss | null;
}
