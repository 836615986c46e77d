import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { lateBuiltins } from '../../infra/image/late-builtins.ts';

const run = promisify(execFile);

/** Imports one of Node's modules in each way that there is, and uses it when it is told to. */
const source = `
import https, { Agent } from 'node:https';
import * as zlib from 'zlib';
import { readFile } from 'node:fs/promises';
const tls = require('tls');
const isLoaded = (name) => process.moduleLoadList.includes('NativeModule ' + name);
const loaded = () => ['https', 'zlib', 'fs/promises', 'tls'].filter(isLoaded);
const before = loaded();
const text = zlib.gunzipSync(zlib.gzipSync('text')).toString();
const used = [new Agent() instanceof https.Agent, text, tls.DEFAULT_MIN_VERSION, typeof readFile];
console.log(JSON.stringify({ before, used, after: loaded() }));
`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'late-builtins-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('a late module of Node is loaded when it is used, in whichever way it was imported', async () => {
  const outfile = join(folder, 'bundle.js');
  await build({
    stdin: { contents: source, resolveDir: folder },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    plugins: [lateBuiltins],
  });
  await writeFile(join(folder, 'package.json'), '{ "type": "commonjs" }');
  const { stdout } = await run(process.execPath, [outfile], { env: {} });
  expect(JSON.parse(stdout)).toEqual({
    before: [],
    used: [true, 'text', 'TLSv1.2', 'function'],
    after: ['https', 'zlib', 'fs/promises', 'tls'],
  });
});
