import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** Unit and contract tests need no server; integration tests start their own PostgreSQL and nats-server on free ports. */
export const config = defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    include: ['test/{unit,contract,integration,platform,simulate,chaos}/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});

// vitest reads its configuration from the default export; it is the one place where the tool leaves no choice.
export { config as default };
