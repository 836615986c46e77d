import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build, type Plugin } from 'esbuild';

import { buildPage } from './build-page.ts';
import { bundleLoader } from './bundle-loader.ts';
import { lateBuiltins } from './late-builtins.ts';
import { stubUnused } from './stub-unused.ts';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** In a folder of bundles: what they were made of, written by build-if-changed.ts once they are whole. */
export const sourcesFile = 'sources.sha256';

/** Every deployable and its entry point; the image's build argument is one of these names. */
export const bundles = {
  'state-direct': 'functions/state-direct/main.ts',
  'state-route': 'functions/state-route/main.ts',
  'state-entry': 'functions/state-entry/main.ts',
  manage: 'functions/manage/main.ts',
  connector: 'infra/connector/main.ts',
} as const;

export type BundleName = keyof typeof bundles;

/**
 * Builds `<outDir>/<name>/bundle.js`, one CommonJS file each, and `index.js`, which runs it (bundle-loader.ts): CommonJS starts
 * 25 to 35 ms sooner than ESM. Minifying changes only the size, not the start. `import()` stays lazy inside the file: a function listens before it loads its parts.
 * `manage` has its page beside it, `page.html`.
 */
export const buildBundles = async (options: {
  readonly outDir: string;
  readonly names?: readonly BundleName[];
  /** Further plugins of a build for tests. */
  readonly plugins?: readonly Plugin[];
}): Promise<void> => {
  await mkdir(options.outDir, { recursive: true });
  await rm(join(options.outDir, sourcesFile), { force: true });
  // The project's own package.json says `module`; without this, Node would read the bundles as ES modules.
  await writeFile(join(options.outDir, 'package.json'), '{ "type": "commonjs" }\n');
  const names = options.names ?? (Object.keys(bundles) as BundleName[]);
  await Promise.all([
    ...(names.includes('manage') ? [writePage(join(options.outDir, 'manage'))] : []),
    // All at once: what several of them hold is read only once, in half of the processor time.
    build({
      absWorkingDir: root,
      entryPoints: names.map((name) => ({ in: bundles[name], out: join(name, 'bundle') })),
      outdir: options.outDir,
      bundle: true,
      platform: 'node',
      target: 'node22.15',
      format: 'cjs',
      // Names stay as they are. Short ones with esbuild's `keepNames` would cost a call for each closure that is made.
      minifyWhitespace: true,
      minifySyntax: true,
      legalComments: 'none',
      logLevel: 'warning',
      define: { 'import.meta.url': 'undefined', 'import.meta.dirname': '__dirname' },
      // An exporter's `import('http')` would ask the module loader for every export of it, which loads all of fetch (30 ms).
      supported: { 'dynamic-import': false },
      external: ['pg-native', 'bufferutil', 'utf-8-validate'],
      plugins: [stubUnused, lateBuiltins, ...(options.plugins ?? [])],
    }),
  ]);
  await Promise.all(names.map((name) => writeLoader(join(options.outDir, name))));
};

const writeLoader = async (folder: string): Promise<void> => {
  const digest = createHash('sha256').update(await readFile(join(folder, 'bundle.js')));
  await writeFile(join(folder, 'index.js'), bundleLoader(digest.digest('hex').slice(0, 16)));
};

const writePage = async (folder: string): Promise<void> => {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'page.html'), await buildPage());
};

if (import.meta.main) {
  const asked = process.argv.slice(2);
  const unknown = asked.filter((name) => !(name in bundles));
  if (unknown.length > 0) {
    process.stderr.write(`unknown bundle ${unknown.join(', ')}; there are ${Object.keys(bundles).join(', ')}\n`);
    process.exitCode = 1;
  } else {
    await buildBundles({
      outDir: join(root, 'dist'),
      ...(asked.length > 0 ? { names: asked as BundleName[] } : {}),
    });
    process.stdout.write(`built ${(asked.length > 0 ? asked : Object.keys(bundles)).join(', ')} into dist/\n`);
  }
}
