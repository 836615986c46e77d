import { fileURLToPath } from 'node:url';
import { readFile } from 'node:fs/promises';
import type { Plugin } from 'esbuild';
import { buildBundles, type BundleName } from '../../infra/image/build.ts';

/** One change of a source file for a build of its own: the product's sources know nothing of it. */
export interface SourceChange {
  /** From the project's root. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Applies the changes while the bundles are built. Fails if a text is not there exactly once: then the source has moved on. */
const changing = (changes: readonly SourceChange[]): Plugin => ({
  name: 'source-changes',
  setup(build) {
    for (const file of new Set(changes.map((change) => change.file))) {
      const path = `${root}${file}`;
      build.onLoad(
        { filter: new RegExp(`${file.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)}$`) },
        async (args) => {
          if (args.path !== path) return undefined;
          let contents = await readFile(path, 'utf8');
          for (const { find, replace } of changes.filter((change) => change.file === file)) {
            const parts = contents.split(find);
            if (parts.length !== 2) throw new Error(`${file} holds ${parts.length - 1} times: ${find}`);
            contents = parts.join(replace);
          }
          return { contents, loader: 'ts' };
        },
      );
    }
  },
});

/** Builds bundles as they are deployed, with changes. */
export const buildChanged = (
  outDir: string,
  names: readonly BundleName[],
  changes: readonly SourceChange[],
): Promise<void> => buildBundles({ outDir, names, plugins: changes.length === 0 ? [] : [changing(changes)] });
