import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleLoader } from '../../infra/image/bundle-loader.ts';

const run = promisify(execFile);

/** What a bundle is to its loader: it asks for a module, has a function that is compiled late, and exports something. */
const bundle = `const { basename } = require('node:path');
const late = (n) => (n < 2 ? n : late(n - 1) + late(n - 2));
exports.name = 'bundle';
process.stdout.write(JSON.stringify([basename(__filename), exports.name, late(15), require('./part.json')]));
process.exitCode = Number(process.env.EXIT_CODE ?? 0);
`;
const said = JSON.stringify(['bundle.js', 'bundle', 610, { part: 1 }]);
const digest = '0123456789abcdef';
const isRoot = process.getuid?.() === 0;

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'bundle-loader-'));
  await chmod(root, 0o755);
  await writeFile(join(root, 'package.json'), '{ "type": "commonjs" }');
  await writeFile(join(root, 'index.js'), bundleLoader(digest));
  await writeFile(join(root, 'bundle.js'), bundle);
  await writeFile(join(root, 'part.json'), '{ "part": 1 }');
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** Starts the loader as an image does; resolves to what the bundle printed. @throws Error if it does not end with 0 */
const start = async (
  cache: string | undefined,
  options: { readonly flags?: readonly string[]; readonly uid?: number } = {},
): Promise<string> => {
  const { stdout, stderr } = await run(process.execPath, [...(options.flags ?? []), join(root, 'index.js')], {
    env: cache === undefined ? {} : { NODE_COMPILE_CACHE: cache },
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });
  expect(stderr).toBe('');
  return stdout;
};

const codeFile = async (cache: string): Promise<string> => {
  const files = (await readdir(cache)).filter((name) => name.includes('.code'));
  expect(files).toEqual([`${digest}-${process.arch}-${process.versions.v8}.code`]);
  return join(cache, files[0]!);
};

/** A folder with a cache in it, made by a first start. */
const filled = async (): Promise<{ readonly cache: string; readonly file: string }> => {
  const cache = await mkdtemp(join(root, 'cache-'));
  expect(await start(cache)).toBe(said);
  return { cache, file: await codeFile(cache) };
};

/** Whether a start takes the cache that is there: one that it does not take, it makes anew, as another file. */
const isTaken = async (cache: string, file: string): Promise<boolean> => {
  const { ino } = await stat(file);
  expect(await start(cache)).toBe(said);
  return (await stat(file)).ino === ino;
};

describe('a bundle behind its loader', () => {
  it('starts without a cache folder, and writes nothing', async () => {
    const before = await readdir(root);
    expect(await start(undefined)).toBe(said);
    expect(await readdir(root)).toEqual(before);
  });

  it('makes its cache at the end of its first start, also the folder, and takes it from then on', async () => {
    const cache = join(root, 'not/there/yet');
    expect(await start(cache)).toBe(said);
    expect(await isTaken(cache, await codeFile(cache))).toBe(true);
  });

  it('ends with the code that the bundle sets', async () => {
    const { cache } = await filled();
    const env = { NODE_COMPILE_CACHE: cache, EXIT_CODE: '3' };
    await expect(run(process.execPath, [join(root, 'index.js')], { env })).rejects.toMatchObject({ code: 3 });
  });

  it.each<[string, (whole: Buffer) => Buffer]>([
    ['is empty', () => Buffer.alloc(0)],
    ['is no cache', () => Buffer.from('not a cache')],
    ['was cut off', (whole) => whole.subarray(0, whole.length / 2)],
    ['has other bytes behind it', (whole) => Buffer.concat([whole, whole])],
    ['has one wrong bit in its middle', (whole) => flipped(whole, Math.floor(whole.length / 2))],
    ['has one wrong bit at its end', (whole) => flipped(whole, whole.length - 1)],
    ['has one wrong bit at its start', (whole) => flipped(whole, 4)],
    ['is without its sum', (whole) => whole.subarray(0, -4)],
  ])('starts as without one if its cache %s, and makes it anew', async (_what, damage) => {
    const { cache, file } = await filled();
    const whole = await readFile(file);
    await writeFile(file, damage(whole));
    expect(await isTaken(cache, file)).toBe(false);
    expect(await isTaken(cache, file)).toBe(true);
  });

  it('does not take the cache of a V8 with other options', async () => {
    const { cache, file } = await filled();
    const { ino } = await stat(file);
    expect(await start(cache, { flags: ['--no-opt'] })).toBe(said);
    expect((await stat(file)).ino).not.toBe(ino);
  });

  it('starts where the folder cannot be made', async () => {
    await writeFile(join(root, 'file'), '');
    expect(await start(join(root, 'file/cache'))).toBe(said);
  });

  it('starts where the folder is read-only: with the cache that is there, and without one', async () => {
    // The root user may write everywhere.
    const reader = isRoot ? { uid: 12_000 } : {};
    const { cache, file } = await filled();
    const empty = await mkdtemp(join(root, 'empty-'));
    for (const folder of [cache, empty]) await chmod(folder, 0o555);
    const { ino } = await stat(file);
    expect(await start(cache, reader)).toBe(said);
    expect((await stat(file)).ino).toBe(ino);
    expect(await start(empty, reader)).toBe(said);
    expect(await readdir(empty)).toEqual([]);
    await writeFile(file, 'not a cache');
    expect(await start(cache, reader)).toBe(said);
    expect(await readFile(file, 'utf8')).toBe('not a cache');
    for (const folder of [cache, empty]) await chmod(folder, 0o755);
  });
});

const flipped = (whole: Buffer, at: number): Buffer => {
  const copy = Buffer.from(whole);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
};
