import { rmSync } from 'node:fs';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DecisionLog } from '../hub/facade/decision-log.js';
import { createPseudonym } from '../hub/operate/secrets.js';
import { openCodecs, recordCodec } from '../hub/run/codec.js';
import { decisionSink } from '../hub/run/decision-sink.js';
import { openJournal } from '../hub/run/journal.js';
import { CACHE } from './campus-files.js';
import { openView, type OpenView } from './view-log.js';

/** A view that is ready, and the log of its decisions. As in production both are on one log: on a copy of `of`. */
export async function openDeciding(
  of: string,
): Promise<Pick<OpenView, 'view' | 'follower'> & { decisions: DecisionLog }> {
  const dir = join(CACHE, `decisions-${process.pid}`);
  await rm(dir, { recursive: true, force: true });
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
  await cp(of, dir, { recursive: true });
  const { log, view, follower } = await openView(dir, false);
  const codec = recordCodec(openCodecs(), '/bench/hub', Date.now);
  const journal = await openJournal(log, codec, 'bench/hub/r1/0', Date.now);
  await follower.whenReady;
  const decisions = new DecisionLog({
    replica: 'r1',
    pseudonym: createPseudonym('a key for benchmarks only'),
    now: Date.now,
    sink: decisionSink(journal, codec),
  });
  return { view, follower, decisions };
}
