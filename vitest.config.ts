import { defineConfig } from 'vitest/config';

/** System tests that need the broker. */
const WITH_BROKER = ['test/**/*kafka.test.ts', 'test/{crash,kafka-equal,python-consumer,takeover}.test.ts'];
const LIMITS = { testTimeout: 180_000, hookTimeout: 120_000 };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{client,connectors,contracts,hub,transforms,openapi,campus,scripts}/**/*.test.ts'],
          testTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'system',
          include: ['test/**/*.test.ts'],
          exclude: WITH_BROKER,
          ...LIMITS,
          // They wait for sockets, polls and ends of processes more than they work.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'kafka',
          include: WITH_BROKER,
          globalSetup: ['test/kafka/global-setup.ts'],
          ...LIMITS,
          // One broker and two cores: files run one after the other.
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
