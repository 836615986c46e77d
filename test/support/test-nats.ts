import { fileURLToPath } from 'node:url';
import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findNatsBinary, findOnPath, versionOf, withFolderLock } from '../../infra/local/nats-binary.ts';
import { startNats, type NatsServer } from '../../infra/local/nats-server.ts';

const run = promisify(execFile);

/** The same folder that `npm start` uses, so that a binary is fetched once per clone. */
export const natsCacheDir = fileURLToPath(new URL('../../.cache/nats', import.meta.url));

export interface TestNatsServer extends NatsServer {
  /** JetStream's files. */
  readonly storeDir: string;
  /** Stops the server and removes its files. */
  close(): Promise<void>;
}

/** A nats-server of this test's own: JetStream in a temporary folder, a free port. */
export const startTestNats = async (
  options: {
    readonly binary?: string;
    readonly config?: string;
    readonly monitorPort?: number;
    /** A temporary folder if absent; removed at the end in any case. */
    readonly storeDir?: string;
  } = {},
): Promise<TestNatsServer> => {
  const storeDir = options.storeDir ?? (await mkdtemp(join(tmpdir(), 'test-nats-')));
  const server = await startNats({ cacheDir: natsCacheDir, ...options, storeDir }).catch(async (error: unknown) => {
    await rm(storeDir, { recursive: true, force: true });
    throw error;
  });
  return Object.create(server, {
    storeDir: { value: storeDir },
    close: {
      value: async () => {
        await server.stop();
        await rm(storeDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
      },
    },
  }) as TestNatsServer;
};

/** One server that tests run against, or the reason why it is not there. */
export interface NatsVariant {
  readonly name: string;
  readonly binary: string | undefined;
}

const installNewest = async (): Promise<NatsVariant> => {
  const folder = fileURLToPath(new URL('../../.cache/nats-newest', import.meta.url));
  const target = join(folder, 'nats-server');
  const found = (): Promise<boolean> =>
    access(target).then(
      () => true,
      () => false,
    );
  if (!(await found())) {
    const go = await findOnPath('go', process.env['PATH'] ?? '');
    if (go === undefined) return { name: 'newest nats-server (skipped: Go is not installed)', binary: undefined };
    try {
      await withFolderLock(folder, async () => {
        if (await found()) return;
        await mkdir(folder, { recursive: true });
        const staging = await mkdtemp(join(folder, 'install-'));
        const env = { ...process.env, GOBIN: staging };
        await run(go, ['install', 'github.com/nats-io/nats-server/v2@latest'], { env, timeout: 300_000 });
        await rename(join(staging, 'nats-server'), target);
        await rm(staging, { recursive: true, force: true });
      });
    } catch (error) {
      const line = String(error).split('\n')[0] ?? '';
      return { name: `newest nats-server (skipped: go install failed: ${line.slice(0, 80)})`, binary: undefined };
    }
  }
  return { name: `nats-server ${(await versionOf(target)).join('.')}`, binary: target };
};

/**
 * The servers to test against: the one that `npm start` would take, and the newest release if Go can build it.
 * Use `describe.skipIf(variant.binary === undefined)`: the reason is in the name.
 */
export const natsVariants = async (): Promise<readonly NatsVariant[]> => {
  const usual = await findNatsBinary({ cacheDir: natsCacheDir });
  const usualName = `nats-server ${(await versionOf(usual)).join('.')}`;
  const newest = await installNewest();
  return newest.name === usualName ? [newest] : [{ name: usualName, binary: usual }, newest];
};
