/** `cardhub reconcile` at the campus's time: `reconcile-child <hub.yaml> <data folder> <epoch ms>`; says what it found. */
import { allConnectors } from '../../hub/connectors.js';
import { proveTopics } from '../../hub/desk/reconcile.js';
import { proveUpstream } from '../../hub/desk/reconcile-upstream.js';
import { openHub } from '../../hub/run/hub.js';
import { openConfig } from '../crash/open-config.js';
import type { ReconcileTold } from './messages.js';

const [path, dataDir, now] = process.argv.slice(2) as [string, string, string];
const stop = new AbortController();
const hub = await openHub(await openConfig(path, dataDir, 'embedded'), {
  ...{ connectors: await allConnectors(), now: () => Number(now), readOnly: true, once: true },
});
hub.follow(stop.signal);
const topics = await proveTopics(hub.log, hub.codec);
const streams: ReconcileTold['streams'][number][] = [];
for (const { deps } of hub.streams) {
  const proof = await proveUpstream(deps, stop.signal);
  const { outcome, remark, rows, differs, missing, twice, refused } = proof;
  const stream = `${proof.source}/${proof.stream}`;
  streams.push({
    ...{ stream, outcome, remark, rows, differs, missing, twice, refused, hash: proof.hub.hash.slice(0, 12) },
  });
  process.stderr.write(`  ${stream}: ${outcome}\n`);
}
stop.abort();
await hub.close();
const told: ReconcileTold = {
  topics: topics.filter(({ outcome }) => outcome !== 'equal').map(({ topic }) => topic),
  records: topics.reduce((sum, { count }) => sum + count, 0),
  streams,
};
process.send?.(told, () => process.exit(0));
