import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildBundles } from '../../infra/image/build.ts';
import { freePort } from '../../infra/local/free-port.ts';
import { nodeFlags } from '../../infra/local/function-replica.ts';
import { repositoryRoot } from '../support/kubernetes-manifests.ts';

const run = promisify(execFile);
const functions = ['state-direct', 'state-route', 'state-entry'] as const;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'warm-'));
  await buildBundles({ outDir: join(folder, 'dist'), names: functions });
  await mkdir(join(folder, 'warm'));
  for (const file of ['infra/image/warm.mts', 'infra/image/warm-servers.mts', 'routing.yaml']) {
    await copyFile(join(repositoryRoot, file), join(folder, 'warm', file.split('/').at(-1)!));
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it.each([
  ['state-direct', '200 422 422'],
  ['state-route', '422 200 422'],
  ['state-entry', '422 503 200'],
])(
  'the image’s %s has handled a message to its end when its compile cache is written',
  async (name, statuses) => {
    const { stdout } = await run(process.execPath, [join(folder, 'warm/warm.mts')], {
      cwd: join(folder, 'dist', name),
      env: {
        WARM_PORT: String(await freePort()),
        FUNCTION: name,
        NODE_COMPILE_CACHE: join(folder, `cache-${name}`),
        NODE_OPTIONS: nodeFlags.join(' '),
      },
    });
    expect(stdout).toMatch(new RegExp(`^warm: listening true, messages ${statuses}, exit 0, [1-9]`));
  },
  120_000,
);
