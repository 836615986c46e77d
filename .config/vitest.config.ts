import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { machineSlowness } from '../test/support/machine-speed.ts';
import { LongestFirst } from './longest-first.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * More files than processors: most of their time they wait for servers and for times to pass (test/README.md). On a slow machine they
 * do not wait: there each gets a processor, so that what they test has the time that it would have alone.
 */
const processors = availableParallelism();
const filesAtOnce = Math.min(9, machineSlowness() > 1.5 ? processors : 2 * processors + 1);

/** What they find depends on how long something takes: with few beside them, when the others are done. */
const timed = [
  'test/integration/connector/nats-server.test.ts',
  'test/integration/defects/messages.test.ts',
  'test/integration/http/server.test.ts',
  'test/integration/tracing/export.test.ts',
  'test/unit/chaos/watchers.test.ts',
  'test/unit/python/limits.test.ts',
];

/** What they test a process does once, at its start. */
const ownProcess = ['test/unit/telemetry/start.test.ts'];

/** Unit and contract tests need no server; integration tests start their own PostgreSQL and nats-server on free ports. */
export const config = defineConfig({
  root,
  test: {
    pool: 'forks',
    sequence: { sequencer: LongestFirst },
    // Programs of ours that tests start need not have their TypeScript compiled each time.
    env: { NODE_COMPILE_CACHE: `${root}.cache/test-compile` },
    setupFiles: ['test/support/seed-properties.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'decisions',
          include: ['test/{unit,contract}/**/*.test.ts'],
          exclude: [...timed, ...ownProcess],
          // They compute and leave nothing behind: a process for each file would load for as long as it tests.
          isolate: false,
          maxWorkers: processors,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'tests',
          include: ['test/{integration,platform,simulate,chaos}/**/*.test.ts', ...ownProcess],
          exclude: timed,
          maxWorkers: filesAtOnce,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: { name: 'timed', include: timed, maxWorkers: 2, sequence: { groupOrder: 2 } },
      },
    ],
  },
});

// vitest reads its configuration from the default export; it is the one place where the tool leaves no choice.
export { config as default };
