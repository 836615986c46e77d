import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { changing, type SourceChange } from '../support/source-changes.ts';
import type { leaseProperty } from './leases.ts';
import type { property } from './property.ts';
import type { togetherProperty } from './together-property.ts';

interface SimulationModules {
  readonly 'property.ts': Readonly<Record<'property', typeof property>>;
  readonly 'together-property.ts': Readonly<Record<'togetherProperty', typeof togetherProperty>>;
  readonly 'leases.ts': Readonly<Record<'leaseProperty', typeof leaseProperty>>;
}

/** A simulation's module with these changes in the sources below it. */
export const loadMutated = async <F extends keyof SimulationModules>(
  file: F,
  changes: readonly SourceChange[],
): Promise<SimulationModules[F]> => {
  // Inside the project, so that packages are found: the property must be fast-check's own, not a copy's.
  const cache = fileURLToPath(new URL('../../.cache/simulate/', import.meta.url));
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(cache);
  try {
    const outfile = join(folder, 'property.mjs');
    await build({
      entryPoints: [fileURLToPath(new URL(file, import.meta.url))],
      bundle: true,
      format: 'esm',
      platform: 'node',
      packages: 'external',
      plugins: [changing(changes)],
      outfile,
    });
    return (await import(pathToFileURL(outfile).href)) as SimulationModules[F];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};
