import { writeSync } from 'node:fs';
import type { Position } from '../../contracts/types.js';
import type { HubParts } from '../../hub/run/hub.js';
import type { PlannedStream } from '../../hub/run/sources.js';
import type { AppendBatch, AppendResult, LogWriter } from '../../hub/log/log.js';

/**
 * Lets a parent process watch a hub write, so that it can kill it at chosen instants. A line each on stdout:
 *
 *   `w id`            a writer is open (its predecessors are fenced)
 *   `s id`            an append starts
 *   `d id seq rows`   it is done: sequence of its position, rows published by the stream since it began
 *
 * Each appended record carries in its headers which writer of which process wrote it (headers take no part in
 * comparisons). Appends with news wait `paceMs` first.
 */
export function spiedStreams(hub: HubParts, paceMs: number): PlannedStream[] {
  return hub.streams.map((planned) => ({
    ...planned,
    deps: { ...planned.deps, log: spiedLog(hub, paceMs) },
  }));
}

/** Written at once: the parent must not learn of an instant when it has passed. */
export function say(line: string): void {
  writeSync(1, `${line}\n`);
}

let writers = 0;

function spiedLog(hub: HubParts, paceMs: number): HubParts['log'] {
  const openWriter = async (id: string): Promise<LogWriter> => {
    const writer = await hub.log.openWriter(id);
    const name = `${process.pid}/${(writers += 1)}`;
    say(`w ${id}`);
    const append = async (batch: AppendBatch): Promise<AppendResult> => {
      if (batch.records.length > 0 && paceMs > 0) await new Promise((resolve) => setTimeout(resolve, paceMs));
      let place = '';
      const mark = <R extends { headers: object }>(record: R): R => ({
        ...record,
        headers: { ...record.headers, writer: name },
      });
      say(`s ${id}`);
      const result = await writer.append({
        records: batch.records.map(mark),
        position: (written) => {
          const record = batch.position(written);
          const position = hub.codec.decode('hub.positions', record.value ?? new Uint8Array()) as Position;
          place = `${position.sequence} ${position.books.total.published}`;
          return mark(record);
        },
      });
      say(`d ${id} ${place}`);
      return result;
    };
    return { id, position: writer.position, append, close: () => writer.close() };
  };
  return new Proxy(hub.log, {
    get: (log, name) => {
      if (name === 'openWriter') return openWriter;
      const value: unknown = Reflect.get(log, name, log);
      return typeof value === 'function' ? (value as () => unknown).bind(log) : value;
    },
  });
}
