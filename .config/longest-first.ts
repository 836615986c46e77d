import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Files that take longest for their size, longest first. vitest begins with the largest file where it remembers no run, as in a fresh
 * clone; a long one that begins last would be waited for alone.
 */
const longest = [
  'test/integration/page/operator.test.ts',
  'test/integration/connector/handover-cut-off.test.ts',
  'test/platform/openfaas-image.test.ts',
  'test/chaos/faults.test.ts',
  'test/integration/connector/redelivery.test.ts',
  'test/integration/page/health.test.ts',
  'test/integration/local/start.test.ts',
  'test/integration/connector/forgetful-server.test.ts',
  'test/integration/local/whole-way.test.ts',
  'test/platform/memory.test.ts',
  'test/integration/store/restore.test.ts',
  'test/integration/postgres/server.test.ts',
  'test/integration/connector/handover.test.ts',
  'test/chaos/mutations.test.ts',
  'test/integration/connector/faults.test.ts',
  'test/integration/connector/outages.test.ts',
  'test/integration/cli/replay-crash.test.ts',
  'test/integration/manage/pauses.test.ts',
  'test/integration/page/graph.test.ts',
  'test/integration/page/pause.test.ts',
  'test/platform/warm.test.ts',
  'test/integration/postgres/append-many.test.ts',
  'test/unit/store/plan-pace.test.ts',
];

const rankOf = ({ moduleId }: TestSpecification): number => {
  const rank = longest.findIndex((file) => moduleId.endsWith(`/${file}`));
  return rank === -1 ? longest.length : rank;
};

/** Begins with the longest files; the others come in vitest's own order. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const usual = await super.sort(files);
    return usual.toSorted((one, other) => rankOf(one) - rankOf(other));
  }
}
