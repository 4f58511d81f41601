import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBroker, whyNoBroker, type Broker } from './broker.js';
import { ABSENT_VARIABLE, BROKERS_VARIABLE, SKIPS_VARIABLE } from './variables.js';

/**
 * One broker for the whole run of the project `kafka`: `KAFKA_BROKERS` if it is set, else one that is started
 * here if Java and Maven (or the cached jars) are there. Workers learn of it through the environment.
 */
export default async function setup(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'cardhub-skips-'));
  const skips = join(folder, 'skips');
  process.env[SKIPS_VARIABLE] = skips;
  const broker = await provide();
  return async () => {
    await broker?.stop();
    if (broker !== undefined) delete process.env[BROKERS_VARIABLE];
    const skipped = await readFile(skips, 'utf8').catch(() => '');
    await rm(folder, { recursive: true, force: true });
    if (skipped !== '') {
      process.stderr.write(`\nSKIPPED, no Kafka broker (${process.env[ABSENT_VARIABLE]}):\n${skipped}\n`);
    }
  };
}

async function provide(): Promise<Broker | undefined> {
  if (process.env[BROKERS_VARIABLE]) return undefined;
  const reason = whyNoBroker();
  if (reason !== undefined) {
    process.env[ABSENT_VARIABLE] = `KAFKA_BROKERS is not set and ${reason}`;
    return undefined;
  }
  try {
    const broker = await startBroker();
    process.env[BROKERS_VARIABLE] = broker.brokers;
    return broker;
  } catch (error) {
    process.env[ABSENT_VARIABLE] = `starting one failed: ${String(error)}`;
    return undefined;
  }
}
