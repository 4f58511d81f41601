import { setTimeout as sleep } from 'node:timers/promises';
import { systemsOf, type Remarks, type SystemState } from '../demo/systems.js';
import type { Runtime } from '../run/runtime.js';
import type { Output } from './output.js';
import { remarksOf, showSystems, stateWord } from './systems-table.js';

export interface Watch {
  readonly runtime: Runtime;
  readonly remarks: Remarks;
  readonly out: Output;
  readonly now: () => number;
  readonly signal: AbortSignal;
}

const LOOK_EVERY_MS = 1_000;
const ROWS_EVERY_MS = 10_000;
const TABLE_EVERY_MS = 60_000;

/**
 * Until the end: a line as soon as a system fails or is well again, a line of what was published every ten seconds,
 * the whole table every minute.
 */
export async function watchSystems({ runtime, remarks, out, now, signal }: Watch): Promise<void> {
  let before = systemsOf(runtime, remarks);
  let rows = published(before);
  let rowsAt = now();
  let tableAt = now();
  const time = (): string => new Date(now()).toISOString().slice(11, 19);
  while (!signal.aborted) {
    await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    const after = systemsOf(runtime, remarks);
    for (const system of changed(before, after)) {
      out.line(`${time()}  ${system.source} ${system.title.zh}: ${stateWord(out, system.state)}`);
      for (const line of remarksOf(system)) out.line(line);
    }
    before = after;
    if (now() - rowsAt >= ROWS_EVERY_MS) {
      const more = published(after) - rows;
      if (more > 0) out.line(`${time()}  ${more} rows published 行已发布`);
      rows += more;
      rowsAt = now();
    }
    if (now() - tableAt >= TABLE_EVERY_MS) {
      out.line();
      showSystems(out, after);
      out.line();
      tableAt = now();
    }
  }
}

/** Systems whose state is another one, or that now suffer from something else. */
export function changed(
  before: readonly SystemState[],
  after: readonly SystemState[],
): readonly SystemState[] {
  const causes = ({ state, troubles }: SystemState): string =>
    [state, ...troubles.map(({ stream, trouble }) => `${stream} ${trouble.code} ${trouble.reason}`)].join(
      '\n',
    );
  const known = new Map(before.map((system) => [system.source, causes(system)]));
  return after.filter((system) => known.get(system.source) !== causes(system));
}

const published = (systems: readonly SystemState[]): number =>
  systems.reduce((sum, { records }) => sum + records, 0);
