/**
 * The running hub, whole, over a log with a million cards: when it can answer, and what it holds once the stream of
 * the cards has rebuilt its memory and read a listing.
 */
import { connectors } from '../../connectors/index.js';
import { startRuntime } from '../../hub/run/runtime.js';
import { filesYaml } from '../campus-files.js';
import { configOf } from '../config.js';
import { anonMiB } from '../measure.js';

export interface WholeHubArgument {
  /** Data folder; its `log` has the cards. */
  readonly dataDir: string;
  /** Its lists name nothing: every card is missing from one, which proves nothing yet. */
  readonly files: string;
}

export interface WholeHubAnswer {
  /** Counted from the start of the process. */
  readonly readyMs: number;
  readonly anonMiB: number;
  readonly rssMiB: number;
  readonly cards: number;
}

const LISTED_MS_MAX = 300_000;

const { dataDir, files } = JSON.parse(process.argv[2] as string) as WholeHubArgument;
const config = configOf(filesYaml(files), dataDir, { engine: 'embedded' });
let listed: () => void = () => undefined;
const whole = new Promise<void>((resolve, reject) => {
  listed = resolve;
  setTimeout(() => reject(new Error('no listing within five minutes')), LISTED_MS_MAX).unref();
});
const runtime = await startRuntime(
  { ...config, facade: { ...config.facade, port: 0 } },
  {
    connectors: Object.values(connectors),
    onFatal: (error) => {
      console.error(error);
      process.exit(1);
    },
    onStream: (note) => {
      if (note.kind === 'listing' && note.id.includes('/core/cards/')) listed();
    },
  },
);
await runtime.follower.whenReady;
const readyMs = performance.now();
await whole;
const answer: WholeHubAnswer = {
  readyMs,
  anonMiB: anonMiB(),
  rssMiB: process.memoryUsage().rss / 2 ** 20,
  cards: runtime.view.cards.size,
};
await runtime.stop();
process.send?.(answer, () => process.exit());
