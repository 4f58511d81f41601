import type { Holding } from '../../hub/tables/holding.js';

/** What the processes of the ten days tell each other. */
export interface CampusArgument {
  readonly dir: string;
  readonly seed: number;
  readonly people: number;
  /** Epoch ms at which it begins. */
  readonly now: number;
  /** Factor of the rates of its life. */
  readonly life: number;
}

export interface CampusTold {
  readonly now: number;
  /** How long the step took. */
  readonly ms: number;
  readonly rssMiB: number;
  /** The first time: path of hub.yaml. */
  readonly config?: string;
  readonly events?: number;
  readonly skippedSeconds?: number;
}

export interface HubTold {
  /** How long it took to read what had happened. */
  readonly ms: number;
  readonly rssMiB: number;
  /** Without the pages of the store, which the system maps and takes back as it likes. */
  readonly anonMiB: number;
  readonly heapMiB: number;
  /** At a day's end. */
  readonly held?: Held;
  /** Source rows read and records published so far, by stream. */
  readonly streams: Readonly<Record<string, readonly [rows: number, records: number]>>;
  readonly troubles: number;
}

/** Bytes after full collections: what is held, and what of it the hub can name. */
export interface Held {
  readonly heap: number;
  /** Beside the heap: tables, buffers. */
  readonly external: number;
  /** RssAnon. */
  readonly own: number;
  /** What grows with records, by what is held (`hub/tables/holding.ts`). */
  readonly known: Readonly<Record<string, Omit<Holding, 'what'>>>;
  /** Keys of topics that the streams have to know, as the books say. */
  readonly keys: Readonly<Record<string, number>>;
}

/** What the hub is asked: to read until then, and at a day's end to look at what it holds. */
export interface HubAsked {
  readonly now: number;
  readonly endOfDay: boolean;
  /** The campus lives no longer: everything is listed once more, so that it can be compared. */
  readonly last: boolean;
}

export interface ReconcileTold {
  /** Topics that do not balance with the books. */
  readonly topics: readonly string[];
  readonly records: number;
  readonly streams: readonly {
    readonly stream: string;
    readonly outcome: string;
    readonly remark: string | null;
    readonly rows: number;
    readonly differs: number;
    readonly missing: number;
    readonly twice: number;
    readonly refused: number;
    readonly hash: string;
  }[];
}
