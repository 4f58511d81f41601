import { appendFileSync } from 'node:fs';
import { describe, test } from 'vitest';
import { ABSENT_VARIABLE, BROKERS_VARIABLE, SKIPS_VARIABLE } from './variables.js';

/** The broker of this run; undefined when none is to be had. */
export function kafkaBrokers(): string | undefined {
  return process.env[BROKERS_VARIABLE] || undefined;
}

/**
 * A suite that needs a broker. Without one it is skipped and the run says so at its end; in CI (`CI` set) it
 * fails instead, since a proof that nobody ran is not one.
 */
export function describeKafka(name: string, suite: (brokers: string) => void): void {
  const brokers = kafkaBrokers();
  if (brokers !== undefined) {
    describe(name, () => suite(brokers));
    return;
  }
  const reason = process.env[ABSENT_VARIABLE] ?? 'unknown reason';
  if (process.env.CI) {
    describe(name, () => {
      test('needs a Kafka broker, which CI must have', () => {
        throw new Error(`No Kafka broker: ${reason}`);
      });
    });
    return;
  }
  const file = process.env[SKIPS_VARIABLE];
  if (file) appendFileSync(file, `  - ${name}\n`);
  describe.skip(`${name} (SKIPPED: no Kafka broker, ${reason})`, () => {
    suite('127.0.0.1:1');
  });
}
