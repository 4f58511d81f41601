import { rmSync } from 'node:fs';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DecisionLog } from '../hub/facade/decision-log.js';
import { createPseudonym } from '../hub/operate/secrets.js';
import { openCodecs, recordCodec } from '../hub/run/codec.js';
import { decisionSink } from '../hub/run/decision-sink.js';
import { openJournal } from '../hub/run/journal.js';
import type { Log } from '../hub/log/log.js';
import type { HubView } from '../hub/views/view.js';
import { CACHE } from './campus-files.js';
import { openView, type OpenView } from './view-log.js';

/** A view that is ready, and the log of its decisions. As in production both are on one log: on a copy of `of`. */
export async function openDeciding(
  of: string,
  before?: (view: HubView) => HubView,
): Promise<OpenView & { decisions: DecisionLog }> {
  const opened = await openView(await copyOf(of, 'decisions'), false, before);
  await opened.follower.whenReady;
  return { ...opened, decisions: await openDecisions(opened.log) };
}

/** A copy that goes with the process. @returns its folder */
export async function copyOf(of: string, name: string): Promise<string> {
  const dir = join(CACHE, `${name}-${process.pid}`);
  await rm(dir, { recursive: true, force: true });
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
  await cp(of, dir, { recursive: true });
  return dir;
}

export async function openDecisions(log: Log): Promise<DecisionLog> {
  const codec = recordCodec(openCodecs(), '/bench/hub', Date.now);
  const journal = await openJournal(log, codec, 'bench/hub/r1/0', Date.now);
  return new DecisionLog({
    replica: 'r1',
    pseudonym: createPseudonym('a key for benchmarks only'),
    now: Date.now,
    sink: decisionSink(journal, codec),
  });
}
