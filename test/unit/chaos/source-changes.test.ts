import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { clusterMutations } from '../../chaos/cluster/cluster-mutations.ts';
import { failpoints } from '../../chaos/failpoints.ts';
import { mutations } from '../../chaos/mutations.ts';
import { leaseMutations, mutations as simulatedMutations, togetherMutations } from '../../simulate/mutations.ts';
import type { SourceChange } from '../../support/source-changes.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

const changes: readonly SourceChange[] = [
  ...failpoints,
  ...Object.values(mutations).flat(),
  ...Object.values(clusterMutations).flatMap(({ connectorChanges }) => connectorChanges ?? []),
  ...[simulatedMutations, togetherMutations, leaseMutations].flatMap((each) => Object.values(each).flat()),
];

describe('a source that is changed for a run of its own', () => {
  // Those of a cluster are built by nothing else in the tests.
  it.each(changes.map(({ file, find }) => [file, find.split('\n')[0]!, find] as const))(
    '%s still has once: %s',
    async (file, _line, find) => {
      expect((await readFile(`${root}${file}`, 'utf8')).split(find)).toHaveLength(2);
    },
  );
});
