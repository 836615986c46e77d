import { buildBundles, type BundleName } from '../../infra/image/build.ts';
import { changing, type SourceChange } from '../support/source-changes.ts';

/** Builds bundles as they are deployed, with changes. */
export const buildChanged = (
  outDir: string,
  names: readonly BundleName[],
  changes: readonly SourceChange[],
): Promise<void> => buildBundles({ outDir, names, plugins: changes.length === 0 ? [] : [changing(changes)] });
