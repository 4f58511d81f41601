/**
 * The same configuration gives the same books, keys and values on Kafka as on the embedded log. The real campus of
 * 2019 where its data are there; a generated campus always, so that this is never empty.
 */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { packagePath } from '../hub/package-root.js';
import { cardhub, type ReconciledTopic } from './cardhub.js';
import { compare, isExact, type Seen } from './crash/contents.js';
import { writeCampus, writeConfig } from './crash/export-files.js';
import { startScript } from './crash/processes.js';
import { seenOnKafka } from './crash/read-kafka.js';
import { describeKafka } from './kafka/available.js';

const DATA = path.resolve(packagePath(), process.env['CAMPUS_2019_DIR'] ?? '../shared/data/campus-2019');
const present = existsSync(path.join(DATA, 'door-swipes.csv'));
if (!present) {
  process.stderr.write(
    `\n*** SKIPPED on Kafka: the real campus of 2019 is not at ${DATA}; set CAMPUS_2019_DIR ***\n\n`,
  );
}

interface Books {
  readonly balanced: boolean;
  readonly streams: readonly { readonly read: number; readonly published: number }[];
}

describeKafka('the same configuration on both engines', (brokers) => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'cardhub-equal-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function seenEmbedded(): Promise<Seen[]> {
    const seen: Seen[] = [];
    const child = startScript('read-embedded', [path.join(folder, 'data', 'log')], (line) => {
      seen.push(JSON.parse(line) as Seen);
    });
    expect(await child.ended, child.stderr()).toBe(0);
    return seen;
  }

  /** Syncs on both engines, twice, and compares books, reconciliation and every record. */
  async function expectSame(config: string): Promise<Books> {
    const env = { CAMPUS_2019_DIR: DATA, CARDHUB_DATA: path.join(folder, 'data') };
    const prefix = `equal-${randomUUID().slice(0, 8)}.`;
    const kafka = ['-c', config, '--log', `kafka://${brokers}/${prefix}`];
    const embedded = ['-c', config, '--log', 'embedded'];
    const one = await cardhub(env, 'sync', '--once', ...embedded);
    const other = await cardhub(env, 'sync', '--once', ...kafka);
    expect({ exit: other.exit, stderr: other.stderr }).toEqual({ exit: 0, stderr: '' });
    expect(other.document).toEqual(one.document);

    const again = (await cardhub(env, 'sync', '--once', ...kafka)).document as Books;
    expect(again.streams.map(({ published }) => published)).toEqual(again.streams.map(() => 0));
    expect(again.balanced).toBe(true);

    const proofs = await cardhub(env, 'reconcile', '--no-upstream', ...kafka);
    expect(proofs.exit).toBe(0);
    expect(proofs.document).toEqual((await cardhub(env, 'reconcile', '--no-upstream', ...embedded)).document);
    const { topics } = proofs.document as { topics: readonly ReconciledTopic[] };
    expect(topics.every(({ outcome }) => outcome === 'equal')).toBe(true);

    const differences = compare(await seenEmbedded(), await seenOnKafka(brokers, prefix));
    expect(differences.filter((difference) => !isExact(difference))).toEqual([]);
    expect(differences.length).toBeGreaterThan(4);
    return one.document as Books;
  }

  test('a generated campus: same books, keys, values and event ids; a second run publishes nothing', async () => {
    writeCampus(folder, 5_000, 3);
    const books = await expectSame(writeConfig(folder, { cards: 500, swipes: 500 }));
    expect(books.streams.map(({ read }) => read)).toEqual([100, 4_900]);
  });

  test.skipIf(!present)(
    'the real campus of 2019: same books, keys, values and event ids; a second run publishes nothing',
    async () => {
      const books = await expectSame('examples/campus-2019/hub.yaml');
      expect(books.streams.map(({ read }) => read)).toEqual([4_341, 22_391]);
    },
  );
});
