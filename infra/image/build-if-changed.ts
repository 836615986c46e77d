import { createHash } from 'node:crypto';
import { access, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildBundles, bundles, root, sourcesFile } from './build.ts';

/**
 * Builds every bundle into the folder, unless they were made there of the same sources: to find that out takes a fiftieth of a
 * build's time.
 * @param build for tests
 * @returns whether they were built
 */
export const buildIfChanged = async (outDir: string, build: typeof buildBundles = buildBundles): Promise<boolean> => {
  const digest = await digestOfSources();
  const made = join(outDir, sourcesFile);
  if ((await textOf(made)) === digest && (await areThere(outDir))) return false;
  await build({ outDir });
  await writeFile(made, digest);
  return true;
};

/** Folders with everything of ours that a bundle can hold; what others made is named by the lock file. */
const folders = ['functions', 'infra', 'shared'];
const source = /\.(m?ts|tsx|css|html|json)$/;

const digestOfSources = async (): Promise<string> => {
  const listed = await Promise.all(
    folders.map(async (folder) =>
      (await readdir(join(root, folder), { recursive: true })).map((name) => join(folder, name)),
    ),
  );
  const files = ['package-lock.json', ...listed.flat().filter((file) => source.test(file))].toSorted();
  const texts = await Promise.all(files.map((file) => readFile(join(root, file))));
  const digest = createHash('sha256').update(process.versions.node);
  for (const [index, file] of files.entries()) digest.update(`\0${file}\0`).update(texts[index] ?? '');
  return digest.digest('hex');
};

const textOf = (file: string): Promise<string | undefined> =>
  readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });

const areThere = async (outDir: string): Promise<boolean> => {
  const parts = Object.keys(bundles).flatMap((name) => [join(name, 'bundle.js'), join(name, 'index.js')]);
  const found = await Promise.allSettled([...parts, 'manage/page.html'].map((part) => access(join(outDir, part))));
  return found.every(({ status }) => status === 'fulfilled');
};
