import { join } from 'node:path';
import { buildIfChanged } from '../../infra/image/build-if-changed.ts';
import { withFolderLock } from '../../infra/local/nats-binary.ts';
import { repositoryRoot } from './kubernetes-manifests.ts';

/** A folder with every bundle as it is deployed, which all test files share: built once, and again when a source changes. */
export const builtBundles = (): Promise<string> => (built ??= build());

/** Sources that change while a test file runs are for the next one. */
let built: Promise<string> | undefined;

const build = async (): Promise<string> => {
  const folder = join(repositoryRoot, '.cache/test-bundles');
  await withFolderLock(folder, () => buildIfChanged(folder));
  return folder;
};
