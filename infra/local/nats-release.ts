import { createHash } from 'node:crypto';
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The official release that is downloaded if no nats-server is at hand. */
export const pinnedVersion = '2.14.5';

const officialReleaseBaseUrl = 'https://github.com/nats-io/nats-server/releases/download';

/** SHA-256 of `nats-server-v<version>-<platform>.tar.gz`, by the release's own platform names. */
export const pinnedChecksums: Readonly<Record<string, string>> = {
  'linux-amd64': '5e3b603d47c447bda1f77f9ac16dbf91c90aac4ff3681f8fbbc7201e4ed99355',
  'linux-arm64': '673a98d3faa79dde3f9ebf16d6dfac36a5f694e7ad2015e4954dd7939c85cd4c',
  'linux-arm7': 'c8796b63a8603fdebabd63146ac3d3997c29a2829fdd2af6db320f4a287f2e71',
  'linux-386': '7eb520d5080d2c4b2e9ad0866aa301f7c7af35058bfae61c1ba0cef472d21d47',
  'linux-s390x': '829193e8c592e0df5f15402c27417df18d26503d22b77dfc9491982fe0b51a67',
  'linux-ppc64le': '5d8f1a264a3bc4b30899814ae8e898b1268e817074635adddd24b32f388e4cc4',
  'darwin-amd64': 'f95c98d6b6ed2b63c5681b46b092c9585c99767d547cf495730c329234625e96',
  'darwin-arm64': 'ddd907854d9a2de834af133fa396915fe6442fe6d8909ae31390d1ea7a0fea50',
};

const architectures: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  arm: 'arm7',
  ia32: '386',
  s390x: 's390x',
  ppc64: 'ppc64le',
};

export interface ReleaseOptions {
  /** Folder that receives the binary. */
  readonly cacheDir: string;
  /** Where the release folders are; tests point it at a local server. */
  readonly baseUrl?: string;
  readonly version?: string;
  readonly checksums?: Readonly<Record<string, string>>;
  readonly platform?: string;
  readonly arch?: string;
  /** Time until the first answer must have come (milliseconds): an unreachable host must not hold the start up. */
  readonly connectTimeoutMs?: number;
  readonly downloadTimeoutMs?: number;
  readonly progress?: (message: string) => void;
}

/** The release's name of this platform, or undefined if no pinned release runs on it. */
export const releasePlatform = (platform: string, arch: string): string | undefined => {
  const name = `${platform}-${architectures[arch] ?? arch}`;
  return Object.hasOwn(pinnedChecksums, name) ? name : undefined;
};

/**
 * Downloads the pinned release, checks its SHA-256 and unpacks the binary into the cache folder; returns its path.
 * Throws if there is no release for the platform, no host, or another checksum; leaves nothing half done.
 */
export const downloadRelease = async (options: ReleaseOptions): Promise<string> => {
  const version = options.version ?? pinnedVersion;
  const platform = releasePlatform(options.platform ?? process.platform, options.arch ?? process.arch);
  if (platform === undefined) throw new Error('there is no pinned nats-server release for this platform');
  const expected = (options.checksums ?? pinnedChecksums)[platform];
  const name = `nats-server-v${version}-${platform}`;
  const url = `${options.baseUrl ?? officialReleaseBaseUrl}/v${version}/${name}.tar.gz`;
  const progress = options.progress ?? (() => undefined);

  const connecting = new AbortController();
  const connectTimer = setTimeout(
    () => connecting.abort(new Error(`no answer from ${new URL(url).host}`)),
    options.connectTimeoutMs ?? 4_000,
  );
  let archive: Buffer;
  try {
    const response = await fetch(url, {
      signal: AbortSignal.any([connecting.signal, AbortSignal.timeout(options.downloadTimeoutMs ?? 120_000)]),
    });
    clearTimeout(connectTimer);
    if (!response.ok) throw new Error(`the release host answered ${response.status}`);
    archive = await readBody(response, progress);
  } finally {
    clearTimeout(connectTimer);
  }
  const actual = createHash('sha256').update(archive).digest('hex');
  if (actual !== expected) throw new Error(`${name}.tar.gz has SHA-256 ${actual}, expected ${expected}`);

  await mkdir(options.cacheDir, { recursive: true });
  const unpackDir = await mkdtemp(join(options.cacheDir, 'unpack-'));
  try {
    await writeFile(join(unpackDir, 'release.tar.gz'), archive);
    await run('tar', ['-xzf', 'release.tar.gz'], { cwd: unpackDir });
    const target = join(options.cacheDir, 'nats-server');
    await chmod(join(unpackDir, name, 'nats-server'), 0o755);
    await rename(join(unpackDir, name, 'nats-server'), target);
    return target;
  } finally {
    await rm(unpackDir, { recursive: true, force: true });
  }
};

const readBody = async (response: Response, progress: (message: string) => void): Promise<Buffer> => {
  const chunks: Uint8Array[] = [];
  const totalBytes = Number(response.headers.get('content-length') ?? 0);
  let receivedBytes = 0;
  let reportedMs = performance.now();
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    receivedBytes += chunk.byteLength;
    if (performance.now() - reportedMs < 1_000) continue;
    reportedMs = performance.now();
    const share = totalBytes > 0 ? ` of ${(totalBytes / 1e6).toFixed(1)}` : '';
    progress(`downloading nats-server: ${(receivedBytes / 1e6).toFixed(1)}${share} MB`);
  }
  return Buffer.concat(chunks);
};
