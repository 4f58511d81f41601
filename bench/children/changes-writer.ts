/** Another process that appends changes to a log, on a copy of it. `{begin: perSecond}`, then `{end: true}`. */
import { TOPICS } from '../../contracts/types.js';
import { openEmbeddedLog } from '../../hub/log/embedded/index.js';
import { openChangesWriter } from '../changes-writer.js';
import { copyOf } from '../decisions.js';

export interface ChangesWriterArgument {
  /** Copied: that one stays as it is. */
  readonly of: string;
  readonly cards: number;
}
export type ChangesMessage = { readonly begin: number } | { readonly end: true };

const { of, cards } = JSON.parse(process.argv[2] as string) as ChangesWriterArgument;
const dir = await copyOf(of, 'changes');
const log = await openEmbeddedLog({ dir, topics: TOPICS, now: Date.now });
const writer = await openChangesWriter(log, cards);
process.on('message', (message: ChangesMessage) => {
  if ('end' in message) void writer.end().then((written) => process.send?.(written));
  else {
    writer.begin(message.begin);
    process.send?.({});
  }
});
process.on('disconnect', () => process.exit(0));
process.send?.({ dir });
