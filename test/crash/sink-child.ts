/** `cardhub sink` that can be killed: `sink-child <hub.yaml> <data folder> [once]`. A line `b rows` for each batch. */
import { openLog } from '../../hub/run/open-log.js';
import { openCodecs, recordCodec } from '../../hub/run/codec.js';
import { sinkTables } from '../../hub/sink/contracts.js';
import { openStore } from '../../hub/sink/open.js';
import { runSink } from '../../hub/sink/sink.js';
import { openConfig } from './open-config.js';
import { say } from './spied-streams.js';

const [path, dataDir, once] = process.argv.slice(2) as [string, string, string | undefined];
const config = await openConfig(path, dataDir, 'embedded');
const chosen = config.sinks[0]!;
const store = await openStore(chosen);
const log = await openLog(config, { readOnly: true });
const codec = recordCodec(openCodecs(), '/crash/sink', Date.now);
await runSink(
  {
    ...{ log, store, now: Date.now, random: Math.random },
    decode: (topic, bytes) => codec.decode(topic, bytes),
    note: (note) => {
      if (note.kind === 'batch') say(`b ${note.rows}`);
    },
  },
  {
    tables: sinkTables(chosen),
    until: once === undefined ? 'follow' : 'end',
    rebuild: false,
    signal: new AbortController().signal,
  },
);
await log.close();
await store.close();
process.exit(0);
