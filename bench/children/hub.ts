/** The running hub, whole, over the campus simulator. Says where its facade is once the view has every stream. */
import { rm } from 'node:fs/promises';
import { connectors } from '../../connectors/index.js';
import { startRuntime } from '../../hub/run/runtime.js';
import { campusYaml, type CampusAddress, type CampusHubOptions } from '../campus-hub.js';
import { configOf } from '../config.js';

export interface HubArgument extends CampusHubOptions {
  readonly campus: CampusAddress;
  readonly dataDir: string;
}

const argument = JSON.parse(process.argv[2] as string) as HubArgument;
const { dataDir } = argument;
await rm(dataDir, { recursive: true, force: true });
const config = configOf(campusYaml(argument.campus, argument), dataDir, { engine: 'embedded' });
const runtime = await startRuntime(
  { ...config, facade: { ...config.facade, port: 0 } },
  {
    connectors: Object.values(connectors),
    onFatal: (error) => {
      console.error(error);
      process.exit(1);
    },
    onProblem: (what, error) => console.error(what, error),
  },
);
const { view, hub, facade } = runtime;
const STREAMS = ['core/cards', 'gate/doors', 'gate/grants'].map(
  (stream) => stream.split('/') as [string, string],
);
while (!STREAMS.every(([source, stream]) => (view.freshness.asOf(source, stream) ?? 0) > 0)) {
  await new Promise((resolve) => setTimeout(resolve, 100));
}
const cards: string[] = [];
for await (const batch of hub.log.read({ topic: 'master.card', until: 'end' })) {
  for (const { key } of batch.records) cards.push(key);
}
process.on('message', () => process.send?.({ cards: view.cards.size, rss: process.memoryUsage().rss }));
process.on('disconnect', () => void runtime.stop().then(() => process.exit(0)));
process.send?.({ url: facade.url, cards: cards.slice(0, 20_000) });
