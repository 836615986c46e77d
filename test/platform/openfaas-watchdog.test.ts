import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildBundles } from '../../infra/image/build.ts';
import { repositoryRoot } from '../support/kubernetes-manifests.ts';
import { findPart, type PlatformPart } from '../support/platform-parts.ts';

const run = promisify(execFile);

// The watchdog listens on every address, so it gets a network that has none but the loopback's.
const isolated = ['--net', ...(process.getuid?.() === 0 ? [] : ['--map-root-user']), 'sh', '-euc'];
const findTool = async (): Promise<PlatformPart> => {
  const tool = await findPart('of-watchdog');
  if (tool.path === undefined) return tool;
  return run('unshare', [...isolated, 'ip link set lo up']).then(
    () => tool,
    () => ({ path: undefined, note: ' (skipped: no network namespace can be made here)' }),
  );
};
const watchdog = await findTool();

interface WatchdogResults {
  readonly ready: number;
  readonly health: number;
  readonly withoutToken: number;
  readonly malformed: { readonly status: number; readonly body: string };
  readonly underWay: { readonly status: number; readonly body: string };
  readonly exitCode: number | null;
  readonly output: string;
}

describe.skipIf(watchdog.path === undefined)(`a bundle behind the real of-watchdog${watchdog.note}`, () => {
  let folder: string;
  let results: WatchdogResults;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'state-sync-watchdog-'));
    await buildBundles({ outDir: folder, names: ['state-direct'] });
    const script = [process.execPath, join(repositoryRoot, 'test/support/watchdog-run.ts'), watchdog.path ?? ''];
    const args = [...script, join(folder, 'state-direct/index.js'), join(repositoryRoot, 'routing.yaml')];
    const { stdout } = await run('unshare', [...isolated, 'ip link set lo up; exec "$0" "$@"', ...args], {
      env: { ...process.env, TMPDIR: folder },
      timeout: 60_000,
    });
    results = JSON.parse(stdout) as WatchdogResults;
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('is ready when the function is, and refuses calls without the token', () => {
    expect(results, results.output).toMatchObject({ ready: 200, health: 200, withoutToken: 401 });
  });

  it('gets a batch whole, however large, and answers with an outcome for it', () => {
    expect(results.malformed.status, results.output).toBe(200);
    expect(JSON.parse(results.malformed.body)).toMatchObject({
      results: [{ id: expect.stringContaining('call/'), outcome: 'reject', code: 'invalid_json' }],
    });
  });

  it('finishes the call that is under way when it is stopped, and exits 0', () => {
    expect(results.underWay.status, results.output).toBe(200);
    expect(JSON.parse(results.underWay.body)).toMatchObject({ results: [{ outcome: 'retry' }] });
    expect(results.exitCode, results.output).toBe(0);
  });
});
