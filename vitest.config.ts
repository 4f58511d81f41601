import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{connectors,contracts,hub,transforms,openapi,campus,scripts}/**/*.test.ts'],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'system',
          include: ['test/**/*.test.ts'],
          globalSetup: ['test/kafka/global-setup.ts'],
          testTimeout: 180_000,
          hookTimeout: 120_000,
          // One broker and two cores: files run one after the other.
          fileParallelism: false,
        },
      },
    ],
  },
});
