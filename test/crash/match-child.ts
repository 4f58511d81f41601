/**
 * Matches the books of banks until it is done or killed: `match-child <folder of the log>`. A line `d` for each day
 * whose cases are durable, `end` when nothing is left.
 */
import { TOPICS } from '../../contracts/types.js';
import { BankMatching, matchingId } from '../../hub/desk/bank-recon.js';
import { openCaseWriter } from '../../hub/desk/case-writer.js';
import { openEmbeddedLog } from '../../hub/log/embedded/index.js';
import { openCodecs, recordCodec } from '../../hub/run/codec.js';
import { say } from './spied-streams.js';

const PACE_MS = 10;
const [dir, bank] = process.argv.slice(2) as [string, string];
const log = await openEmbeddedLog({ dir, topics: TOPICS, now: Date.now, readOnly: false });
const codec = recordCodec(openCodecs(), '/demo/hub', Date.now);
const writer = await openCaseWriter(log, codec, matchingId('demo'));
const spied = {
  ...writer,
  append: async (...given: Parameters<typeof writer.append>): Promise<number> => {
    await new Promise((resolve) => setTimeout(resolve, PACE_MS));
    const count = await writer.append(...given);
    if (count > 0) say('d');
    return count;
  },
};
const banks = [JSON.parse(bank) as never];
await new BankMatching({ log, codec, tenant: 'demo', banks }).run(spied, true);
await writer.close();
await log.close();
say('end');
