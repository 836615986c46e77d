import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { changing, type SourceChange } from '../support/source-changes.ts';
import type { property } from './property.ts';

type SimulationModule = Readonly<Record<'property', typeof property>>;

/** The simulation's module with these changes in the sources below it. */
export const loadMutated = async (changes: readonly SourceChange[]): Promise<SimulationModule> => {
  // Inside the project, so that packages are found: the property must be fast-check's own, not a copy's.
  const cache = fileURLToPath(new URL('../../.cache/simulate/', import.meta.url));
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(cache);
  try {
    const outfile = join(folder, 'property.mjs');
    await build({
      entryPoints: [fileURLToPath(new URL('property.ts', import.meta.url))],
      bundle: true,
      format: 'esm',
      platform: 'node',
      packages: 'external',
      plugins: [changing(changes)],
      outfile,
    });
    return (await import(pathToFileURL(outfile).href)) as SimulationModule;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};
