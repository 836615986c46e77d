import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'esbuild';

/** One change of a source file for a build of its own: the product's sources know nothing of it. */
export interface SourceChange {
  /** From the project's root. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** Applies the changes while a bundle is built. Fails if a text is not there exactly once: then the source has moved on. */
export const changing = (changes: readonly SourceChange[]): Plugin => ({
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

const root = fileURLToPath(new URL('../..', import.meta.url));
