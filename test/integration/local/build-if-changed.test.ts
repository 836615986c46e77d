import { access, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildBundles, bundles, sourcesFile } from '../../../infra/image/build.ts';
import { buildIfChanged } from '../../../infra/image/build-if-changed.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'build-if-changed-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const fileOf = (name: string): string => join(folder, name);

let builds = 0;
/** Files of the names that a build has; what is in them plays no part here. */
const build: typeof buildBundles = async ({ outDir }) => {
  builds += 1;
  for (const name of Object.keys(bundles)) {
    await mkdir(join(outDir, name), { recursive: true });
    for (const file of ['bundle.js', 'index.js', 'page.html']) await writeFile(join(outDir, name, file), '');
  }
};

it('bundles are built once, and again when their sources are others or one of them is gone', async () => {
  expect(await buildIfChanged(folder, build)).toBe(true);
  expect(await buildIfChanged(folder, build)).toBe(false);
  expect(builds).toBe(1);

  const digest = await readFile(fileOf(sourcesFile), 'utf8');
  await writeFile(fileOf(sourcesFile), 'of other sources');
  expect(await buildIfChanged(folder, build)).toBe(true);
  expect(await readFile(fileOf(sourcesFile), 'utf8')).toBe(digest);

  await rm(fileOf('manage/page.html'));
  expect(await buildIfChanged(folder, build)).toBe(true);
  expect(builds).toBe(3);
});

it('bundles that somebody built otherwise are not taken for these', async () => {
  await writeFile(fileOf(sourcesFile), 'whatever it was');
  await buildBundles({ outDir: folder, names: ['state-entry'] });
  await expect(access(fileOf(sourcesFile))).rejects.toThrow('ENOENT');
});
