import type { TopicName } from '../../contracts/types.js';
import type { ReadBatch } from '../log/log.js';
import { createProjection } from '../log/projection.js';
import {
  BALANCE_PROJECTED,
  BALANCE_TOPICS,
  BalancesView,
  type Balance,
  type BalanceTopic,
  type BalanceValue,
} from '../views/balances.js';
import type { HubView } from '../views/view.js';
import type { HubParts } from './hub.js';
import { followBatches } from './topics.js';

/**
 * Holds balances from the moment in which a client may ask for them, and never where none may: a million accounts cost
 * memory, and their records time at the start. Read after the view is ready, so that decisions do not wait for money.
 */
export interface Balances {
  /** Begins to hold them; again: nothing. */
  want(): void;
  /** Undefined: not known (yet). */
  of(cardKey: string, now: number): Balance | undefined;
  close(): void;
}

export interface BalancesOptions {
  readonly view: Pick<HubView, 'cards'>;
  /** Settles when the view has caught up. */
  readonly ready: Promise<unknown>;
  readonly onProblem: (what: string, error: unknown) => void;
}

/** Records between two turns of others. */
const SLICE_RECORDS = 256;

type Decode = (bytes: Uint8Array) => unknown;
type BalanceHub = Pick<HubParts, 'log' | 'codecs' | 'now'>;

export function openBalances(hub: BalanceHub, options: BalancesOptions): Balances {
  const stop = new AbortController();
  let view: BalancesView | undefined;
  return {
    want() {
      if (view !== undefined) return;
      const wanted = (view = new BalancesView(options.view.cards.keys, hub.now));
      void options.ready.then(
        () => {
          for (const topic of BALANCE_TOPICS) void follow(hub, topic, wanted, stop.signal, options);
        },
        () => undefined, // closed before it was ready
      );
    },
    of: (cardKey, now) => view?.of(cardKey, now),
    close: () => stop.abort(),
  };
}

function decoder({ codecs }: BalanceHub, topic: BalanceTopic): Decode {
  if (topic === 'hub.positions') {
    const codec = codecs.codecFor(topic satisfies TopicName);
    return (bytes) => codec.decode(bytes);
  }
  return createProjection(codecs.catalogue, topic, BALANCE_PROJECTED[topic]);
}

function follow(
  hub: BalanceHub,
  topic: BalanceTopic,
  view: BalancesView,
  signal: AbortSignal,
  { onProblem }: BalancesOptions,
): Promise<void> {
  const decode = decoder(hub, topic);
  const problem = (error: unknown): void => onProblem(`balances ${topic}`, error);
  const apply = (key: string, value: Uint8Array | null): void => {
    try {
      view.apply(topic, key, value === null ? null : (decode(value) as BalanceValue[BalanceTopic]));
    } catch (error) {
      view.break(topic);
      problem(error);
    }
  };
  const applyAll = async ({ records, partition, next }: ReadBatch): Promise<void> => {
    let count = 0;
    for (const { key, value } of records) {
      apply(key, value);
      if (++count % SLICE_RECORDS === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    view.advance(topic, partition, next);
  };
  return followBatches(hub.log, topic, applyAll, { signal, onProblem: problem });
}
