/** The running hub, whole, over the campus simulator. Says where its facade is once the view has every stream. */
import { rm } from 'node:fs/promises';
import { connectors } from '../../connectors/index.js';
import { startRuntime } from '../../hub/run/runtime.js';
import { campusYaml, CONTROLLERS, type CampusAddress, type CampusHubOptions } from '../campus-hub.js';
import type { ControllerConfig } from '../../hub/config/types.js';
import { encodeCredential } from '../../transforms/card-number.js';
import { readerProfiles } from '../../transforms/reader-profiles.js';
import { configOf } from '../config.js';

export interface HubArgument extends CampusHubOptions {
  readonly campus: CampusAddress;
  readonly dataDir: string;
}

export interface HubCard {
  readonly key: string;
  readonly uid: string;
  /** As the readers of the UHPPOTE controller send it; absent: the number is too long for them. */
  readonly number?: number;
}

export interface HubReady {
  readonly url: string;
  readonly cards: readonly HubCard[];
  readonly controllers: readonly ControllerConfig[];
}

const CARDS_MAX = 20_000;

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
const driven = readerProfiles().profiles.get(CONTROLLERS.driven.profile);
const cards: HubCard[] = [];
for await (const batch of hub.log.read({ topic: 'master.card', until: 'end' })) {
  for (const { key } of batch.records) {
    const [uid] = view.cards.numbersOf(key, 'UID');
    const number = uid && driven && encodeCredential(driven, { scheme: 'UID', value: uid });
    if (uid !== undefined) cards.push({ key, uid, ...(number !== undefined && { number: Number(number) }) });
  }
}
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cards: view.cards.size, cpuMs: (user + system) / 1_000 });
});
process.on('disconnect', () => void runtime.stop().then(() => process.exit(0)));
process.send?.({
  url: facade.url,
  cards: cards.slice(0, CARDS_MAX),
  controllers: hub.config.controllers,
} satisfies HubReady);
