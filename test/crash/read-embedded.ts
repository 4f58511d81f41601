/** A fresh process that reads an embedded log and prints its records: `read-embedded <log folder>`. */
import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { TOPICS } from '../../contracts/types.js';
import { openEmbeddedLog } from '../../hub/log/embedded/index.js';
import { digestValue, type Seen } from './contents.js';

const [dir] = process.argv.slice(2) as [string];
// Opened as the writer would: that verifies every checksum, counts and ends (rule 12).
const log = await openEmbeddedLog({ dir, topics: TOPICS });
const out = createWriteStream('', { fd: 1 });
for (const { name: topic } of TOPICS) {
  for await (const batch of log.read({ topic, until: 'end' })) {
    const lines = batch.records.map(({ key, value, headers }) => {
      const seen: Seen = { topic, key, value: digestValue(value), id: headers['ce_id'] ?? '' };
      return `${JSON.stringify(seen)}\n`;
    });
    if (lines.length > 0 && !out.write(lines.join(''))) await once(out, 'drain');
  }
}
await new Promise<void>((resolve) => out.end(() => resolve()));
await log.close();
