/**
 * Changes of cards appended at a stated rate through the real writer, encoded, each append with its position, as a
 * stream of the hub does it. Every append also changes one card more, the pulse, by which is seen when a view has got
 * so far.
 */
import type { Log, LogRecord } from '../hub/log/log.js';
import { openCodecs, recordCodec } from '../hub/run/codec.js';
import { emptyBooks } from '../hub/sync/books.js';
import { firstProgress, writePosition } from '../hub/sync/position.js';
import type { HubView } from '../hub/views/view.js';
import { cardKeyOf, cardOf } from './view-log.js';

export const PULSE = 'core:pulse';
const APPEND_EVERY_MS = 50;
/** Far from the order in which the cards were written. */
const STRIDE = 104_729;
/** One change in so many is a loss, or that it is over. */
const LOST_EVERY = 50;

/** By the number of the append; epoch ms with fractions, so that processes can be compared. */
export type Beats = readonly (readonly [beat: number, at: number])[];

export interface Written {
  readonly changes: number;
  readonly ms: number;
  /** When each append was durable. */
  readonly beats: Beats;
}

export interface ChangesWriter {
  begin(perSecond: number): void;
  end(): Promise<Written>;
}

export const clockNow = (): number => performance.timeOrigin + performance.now();

export async function openChangesWriter(log: Log, cards: number): Promise<ChangesWriter> {
  const id = 'bench/core/changes/0';
  const codec = recordCodec(openCodecs(), '/bench/core/changes', Date.now);
  const writer = await log.openWriter(id);
  const progress = firstProgress();
  let made = 0;
  let running: { readonly finished: Promise<Written>; stop: () => void } | undefined;

  const change = (): LogRecord => {
    const n = (made * STRIDE) % cards;
    const turn = Math.floor(made / cards);
    made += 1;
    const isLoss = made % LOST_EVERY === 0 && turn % 2 === 0;
    const value = { ...cardOf(n), version: 2 + turn, lost: isLoss, changedAt: Date.now() };
    return record(cardKeyOf(n), value);
  };
  const record = (key: string, value: ReturnType<typeof cardOf>): LogRecord => {
    const headers = codec.headers('master.card', key, `changes:s1/${made}#0`, Date.now());
    return { topic: 'master.card', key, value: codec.encode('master.card', value), headers };
  };
  const append = async (count: number): Promise<number> => {
    progress.sequence += 1;
    progress.asOf = Date.now();
    const records = Array.from({ length: count }, change);
    records.push(
      record(PULSE, { ...cardOf(cards), cardKey: PULSE, version: progress.sequence, credentials: [] }),
    );
    const position = writePosition(id, progress, 'CHANGES', emptyBooks());
    const headers = codec.headers('hub.positions', id, `${id}@${progress.sequence}`, progress.asOf);
    await writer.append({
      records,
      position: (written) => ({
        topic: 'hub.positions',
        key: id,
        value: codec.encode('hub.positions', position(written)),
        headers,
      }),
    });
    return progress.sequence;
  };
  const run = async (perSecond: number, stopped: () => boolean): Promise<Written> => {
    const beats: [number, number][] = [];
    const from = performance.now();
    let sent = 0;
    while (!stopped()) {
      const due = Math.floor(((performance.now() - from) * perSecond) / 1_000);
      if (due > sent) {
        const beat = await append(due - sent);
        beats.push([beat, clockNow()]);
        sent = due;
      }
      const next = (beats.length + 1) * APPEND_EVERY_MS - (performance.now() - from);
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, next)));
    }
    return { changes: sent, ms: performance.now() - from, beats };
  };
  return {
    begin(perSecond) {
      let stopped = false;
      running = { finished: run(perSecond, () => stopped), stop: () => (stopped = true) };
      running.finished.catch(() => undefined); // told at the end
    },
    async end() {
      if (running === undefined) throw new Error('nothing is written');
      const { finished, stop } = running;
      running = undefined;
      stop();
      return finished;
    },
  };
}

/** The view that also notes when a pulse was applied. */
export function noting(view: HubView, beats: [number, number][]): HubView {
  return {
    ...view,
    apply(topic, key, value) {
      view.apply(topic, key, value);
      if (key === PULSE && topic === 'master.card') {
        beats.push([(value as { version: number } | null)?.version ?? 0, clockNow()]);
      }
    },
  };
}
