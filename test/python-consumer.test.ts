/**
 * An ordinary consumer in another language (confluent-kafka) decodes every topic through our registry, and counts
 * and sums what `cardhub reconcile` counts and sums.
 */
import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serve } from '@hono/node-server';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startCampus, type Campus } from '../campus/main.js';
import { connectors } from '../connectors/index.js';
import { TOPICS, type TopicName } from '../contracts/types.js';
import { loadConfig } from '../hub/config/load.js';
import { writeDemoConfig } from '../hub/demo/campus-config.js';
import { filled, findOpenDoor, loseCard } from '../hub/demo/story.js';
import { registryApp } from '../hub/facade/registry.js';
import { loadCatalogue } from '../hub/log/catalogue.js';
import { askLocal } from '../hub/operate/local-socket.js';
import { packagePath } from '../hub/package-root.js';
import { startRuntime } from '../hub/run/runtime.js';
import { cardhub, type ReconciledTopic } from './cardhub.js';
import { writeCampus, writeConfig } from './crash/export-files.js';
import { describeKafka } from './kafka/available.js';

/** Kept, so that only the first run installs. */
const VENV = packagePath('.cache', 'python-consumer');
const RUN = packagePath('examples', 'consumers', 'python', 'run.sh');
const INSTALL_MS_MAX = 170_000;

/** Why the consumer cannot run here; it installs itself on the way. */
function whyNoConsumer(): string | undefined {
  const tried = spawnSync(RUN, ['--self-test'], {
    env: { ...process.env, CARDHUB_VENV: VENV },
    encoding: 'utf8',
    timeout: INSTALL_MS_MAX,
  });
  return tried.status === 0
    ? undefined
    : `${String(tried.error ?? '')} ${tried.stderr ?? ''}`.trim().slice(-400);
}

/** Of the others the two runs may have records or not; they are decoded and compared all the same. */
const FILLED: readonly TopicName[] = [
  ...(['hub.command', 'hub.decision', 'hub.out-of-scope-card', 'hub.person-source', 'hub.policy'] as const),
  ...(['hub.positions', 'hub.quarantine', 'master.access-grant', 'master.account', 'master.card'] as const),
  ...(['master.card-event', 'master.door', 'master.door-event'] as const),
];

interface Consumed {
  readonly topic: string;
  readonly kind: 'state' | 'event';
  readonly records: number;
  readonly keys: number;
  readonly failed: number;
  readonly digest: string;
}

describeKafka('the Python consumer', (brokers) => {
  let folder = '';
  let registry: Server | null = null;
  let campus: Campus | null = null;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cardhub-python-'));
  });
  afterEach(async () => {
    registry?.close();
    await campus?.close();
    await rm(folder, { recursive: true });
  });

  async function startRegistry(prefix: string): Promise<string> {
    const app = registryApp(loadCatalogue(), { prefix });
    const port = await new Promise<number>((resolve) => {
      registry = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, (address: AddressInfo) =>
        resolve(address.port),
      ) as Server;
    });
    return `http://127.0.0.1:${port}`;
  }

  async function consume(prefix: string): Promise<Consumed[]> {
    const url = await startRegistry(prefix);
    const args = ['--bootstrap', brokers, '--registry', url, '--prefix', prefix, '--json'];
    const child = spawn(RUN, args, { env: { ...process.env, CARDHUB_VENV: VENV } });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect(code, stderr).toBe(0);
    registry?.close();
    return (JSON.parse(stdout) as { topics: Consumed[] }).topics;
  }

  /** @returns topics that have records */
  async function expectEqual(config: string, prefix: string): Promise<string[]> {
    const env = { CARDHUB_DATA: join(folder, 'reader') };
    const reconciled = await cardhub(
      env,
      'reconcile',
      '--no-upstream',
      '-c',
      config,
      '--log',
      `kafka://${brokers}/${prefix}`,
    );
    expect(reconciled.exit).toBe(0);
    const { topics } = reconciled.document as { topics: readonly ReconciledTopic[] };
    const consumed = await consume(prefix);
    expect(consumed.map(({ topic }) => topic).sort()).toEqual(TOPICS.map(({ name }) => name).sort());
    expect(consumed.filter(({ failed }) => failed > 0)).toEqual([]);
    const ours = topics.map(({ topic, count, digest }) => ({ topic, count, digest }));
    const theirs = consumed
      // Positions are the books themselves: reconcile proves the others by them.
      .filter(({ topic }) => topic !== 'hub.positions')
      .map(({ topic, keys, digest }) => ({ topic, count: keys, digest }));
    expect(theirs).toEqual(ours);
    return consumed.filter(({ records }) => records > 0).map(({ topic }) => topic);
  }

  async function runFromFiles(prefix: string): Promise<string> {
    writeCampus(folder, 3_000, 5);
    const config = writeConfig(folder, { cards: 500, swipes: 500 });
    const env = { CARDHUB_DATA: join(folder, 'files') };
    const log = `kafka://${brokers}/${prefix}`;
    expect((await cardhub(env, 'sync', '--once', '-c', config, '--log', log)).exit).toBe(0);
    return config;
  }

  /** A hub over real sockets with a decision, a loss and an operator's command. */
  async function runOnCampus(prefix: string): Promise<string> {
    campus = await startCampus({ dir: join(folder, 'campus'), seed: 11, people: 200, life: false });
    const path = writeDemoConfig({ dir: folder, campus, port: 0 });
    const specs = Object.values(connectors).map(({ spec }) => spec);
    const loaded = loadConfig(path, { env: {}, specs, log: `kafka://${brokers}/${prefix}` });
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
    const fatal: Error[] = [];
    const hub = await startRuntime(loaded.config, {
      connectors: Object.values(connectors),
      onFatal: (error) => fatal.push(error),
    });
    try {
      await filled(hub, AbortSignal.timeout(60_000));
      const pair = await findOpenDoor(hub);
      await loseCard(hub, campus, pair!);
      const command = {
        kind: 'RESYNC',
        sourcePartition: 'demo/core/cards/0',
        arguments: {},
        issuedBy: 'test',
      };
      await askLocal(loaded.config.dataDir, 'command', command);
    } finally {
      await hub.stop();
    }
    expect(fatal).toEqual([]);
    return path;
  }

  test('decodes every topic; its counts and digests equal those of cardhub reconcile', async (context) => {
    const reason = whyNoConsumer();
    if (reason !== undefined) {
      if (process.env.CI) throw new Error(`the Python consumer cannot run: ${reason}`);
      process.stderr.write(`\n*** SKIPPED: the Python consumer cannot run here: ${reason} ***\n\n`);
      context.skip();
    }
    const prefix = `py-${randomUUID().slice(0, 8)}`;
    const fromFiles = await expectEqual(await runFromFiles(`${prefix}-a.`), `${prefix}-a.`);
    const fromCampus = await expectEqual(await runOnCampus(`${prefix}-b.`), `${prefix}-b.`);
    const filledTopics = new Set([...fromFiles, ...fromCampus]);
    expect(FILLED.filter((name) => !filledTopics.has(name))).toEqual([]);
  }, 300_000);
});
