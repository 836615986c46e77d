import { execFile } from 'node:child_process';
import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findOnPath, withFolderLock } from '../../infra/local/nats-binary.ts';
import { repositoryRoot } from './kubernetes-manifests.ts';

const run = promisify(execFile);

const modules = {
  'faas-cli': 'github.com/openfaas/faas-cli@0.18.12',
  'of-watchdog': 'github.com/openfaas/of-watchdog@0.11.6',
} as const;

/** A program, or why it is not there; the reason is put into the names of the tests that are skipped. */
export type Tool =
  | { readonly name: string; readonly path: string }
  | { readonly name: string; readonly path: undefined; readonly reason: string };

const installTimeoutMs = 600_000;

/**
 * The real program: from the git-ignored cache folder, from the path, or built from its Go module if Go is there (once,
 * some minutes).
 */
export const findOpenfaasTool = async (name: keyof typeof modules): Promise<Tool> => {
  const folder = join(repositoryRoot, '.cache/go-bin');
  const cached = join(folder, name);
  const isCached = (): Promise<boolean> =>
    access(cached).then(
      () => true,
      () => false,
    );
  if (await isCached()) return { name, path: cached };
  const installed = await findOnPath(name, process.env['PATH'] ?? '');
  if (installed !== undefined) return { name, path: installed };
  const go = await findOnPath('go', process.env['PATH'] ?? '');
  if (go === undefined) return { name, path: undefined, reason: 'Go is not installed' };
  try {
    await mkdir(folder, { recursive: true });
    await withFolderLock(folder, async () => {
      if (await isCached()) return;
      const env = { ...process.env, GOBIN: folder, GOTOOLCHAIN: 'auto' };
      await run(go, ['install', modules[name]], { env, timeout: installTimeoutMs });
    });
    return { name, path: cached };
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    const line = (stderr ?? String(error)).trim().split('\n').at(-1)?.trim() ?? '';
    return { name, path: undefined, reason: `go install ${modules[name]} failed: ${line.slice(0, 100)}` };
  }
};

/** For a `describe` name: says why it is skipped, if it is. */
export const skipNote = (tool: Tool): string => (tool.path === undefined ? ` (skipped: ${tool.reason})` : '');
