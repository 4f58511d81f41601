import type { Campus } from '../../campus/main.js';
import type { Card, Door } from '../../contracts/types.js';
import type { Runtime } from '../run/runtime.js';

/**
 * What the demo shows once the topics have filled: a card that opens a door is reported lost in the card
 * core, and the facade denies it, with the time that took. Every answer comes over HTTP.
 */

export interface OpenDoor {
  readonly cardKey: string;
  readonly doorKey: string;
}

export interface LossStory extends OpenDoor {
  readonly deniedAfterMs: number;
  readonly reason: string;
}

/** The card of the examples: the story leaves it alone at every start, so that they go on as written. */
export const EXAMPLE_CARD = 'core:1000000220';
const CARDS_TRIED_MAX = 30;
const DENIED_WITHIN_MS = 15_000;

/** One evaluation through the facade, with its reason. */
export async function ask(
  url: string,
  { cardKey, doorKey }: OpenDoor,
): Promise<{ decision: boolean; reason: string }> {
  const response = await fetch(`${url}/access/v1/evaluation`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      subject: { type: 'card', id: cardKey },
      action: { name: 'enter' },
      resource: { type: 'door', id: doorKey },
      context: { reasons: true },
    }),
    signal: AbortSignal.timeout(5_000),
  });
  const answer = (await response.json()) as { decision: boolean; context?: { reason?: string } };
  return { decision: answer.decision, reason: answer.context?.reason ?? '' };
}

/** A card that is fine, and a door that it opens now. */
export async function findOpenDoor(runtime: Runtime): Promise<OpenDoor | null> {
  const doors = (await sample<Door>(runtime, 'master.door', 200, ({ state }) => state === 'ACTIVE')).map(
    ({ doorKey }) => doorKey,
  );
  const usable = ({ cardKey, state, lost, frozen }: Card): boolean =>
    state === 'NORMAL' && !lost && !frozen && cardKey !== EXAMPLE_CARD;
  const cards = await sample<Card>(runtime, 'master.card', CARDS_TRIED_MAX, usable);
  for (const { cardKey } of cards) {
    for (const doorKey of doors) {
      const pair = { cardKey, doorKey };
      if ((await ask(runtime.facade.url, pair)).decision) return pair;
    }
  }
  return null;
}

/** Loses the card upstream, and asks until the facade denies. */
export async function loseCard(runtime: Runtime, campus: Campus, pair: OpenDoor): Promise<LossStory | null> {
  const card = pair.cardKey.slice(pair.cardKey.indexOf(':') + 1);
  const started = performance.now();
  campus.life({ event: 'lose', card, channel: 'wechat' });
  while (performance.now() - started < DENIED_WITHIN_MS) {
    const { decision, reason } = await ask(runtime.facade.url, pair);
    if (!decision) return { ...pair, deniedAfterMs: Math.round(performance.now() - started), reason };
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return null;
}

async function sample<T>(
  runtime: Runtime,
  topic: 'master.card' | 'master.door',
  max: number,
  fits: (value: T) => boolean,
): Promise<T[]> {
  const found = new Map<string, T>();
  const codec = runtime.hub.codecs.codecFor(topic);
  for await (const batch of runtime.hub.log.read({ topic, until: 'end' })) {
    for (const { key, value } of batch.records) {
      found.delete(key);
      if (value === null || found.size >= max) continue;
      const decoded = codec.decode(value) as unknown as T;
      if (fits(decoded)) found.set(key, decoded);
    }
  }
  return [...found.values()];
}

/**
 * Settles when every stream has read all that its upstream had, or stands still with a reason, and the view has it.
 */
export async function filled(runtime: Runtime, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    const { view, streams } = runtime.status();
    const isRead = streams.every(
      // Nobody's yet, while a group shares out, or another hub's: then what is on record tells.
      ({ owned, asOf, caughtUpAt, trouble }) =>
        owned === false ? asOf > 0 : caughtUpAt !== null || trouble !== null,
    );
    if (view?.ready === true && view.lag === 0 && isRead) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
