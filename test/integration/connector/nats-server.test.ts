import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findNatsBinary } from '../../../infra/local/nats-binary.ts';
import { downloadRelease, pinnedChecksums, pinnedVersion, releasePlatform } from '../../../infra/local/nats-release.ts';
import { connectNats } from '../../../shared/nats/connect.ts';
import { natsVariants, startTestNats } from '../../support/test-nats.ts';

const run = promisify(execFile);
const platform = releasePlatform(process.platform, process.arch);

describe.skipIf(platform === undefined)('fetching the nats-server release', () => {
  let folder: string;
  let archive: Buffer;
  let server: Server | undefined;
  const requests: string[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'test-release-'));
    const name = `nats-server-v${pinnedVersion}-${platform}`;
    await mkdir(join(folder, name));
    await writeFile(join(folder, name, 'nats-server'), '#!/bin/sh\necho nats-server: v9.8.7\n');
    await run('tar', ['-czf', 'release.tar.gz', name], { cwd: folder });
    archive = await readFile(join(folder, 'release.tar.gz'));
    requests.length = 0;
  });
  afterEach(async () => {
    server?.closeAllConnections();
    server?.close();
    server = undefined;
    await rm(folder, { recursive: true, force: true });
  });

  const serve = async (listener: RequestListener): Promise<string> => {
    server = createServer((request, response) => {
      requests.push(request.url ?? '');
      listener(request, response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const checksums = () => ({ [platform!]: createHash('sha256').update(archive).digest('hex') });
  const cacheDir = () => join(folder, 'cache');

  it('takes the archive of this platform and version, checks it, and keeps the binary', async () => {
    const baseUrl = await serve((_request, response) => response.end(archive));
    const path = await downloadRelease({ cacheDir: cacheDir(), baseUrl, checksums: checksums() });
    expect((await run(path)).stdout).toBe('nats-server: v9.8.7\n');
    expect(requests).toEqual([`/v${pinnedVersion}/nats-server-v${pinnedVersion}-${platform}.tar.gz`]);
    expect(await readdir(cacheDir())).toEqual(['nats-server']);
  });

  it('refuses an archive with another checksum and keeps nothing of it', async () => {
    const baseUrl = await serve((_request, response) => response.end(archive));
    await expect(downloadRelease({ cacheDir: cacheDir(), baseUrl })).rejects.toThrow('SHA-256');
    await expect(readdir(cacheDir())).rejects.toThrow('ENOENT');
  });

  it('refuses an archive that breaks off', async () => {
    const baseUrl = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': String(archive.length) });
      response.write(archive.subarray(0, 100));
      setTimeout(() => response.destroy(), 20);
    });
    await expect(downloadRelease({ cacheDir: cacheDir(), baseUrl, checksums: checksums() })).rejects.toThrow();
  });

  it('does not wait long for a host that does not answer', async () => {
    const baseUrl = await serve(() => undefined);
    const startedMs = performance.now();
    await expect(
      downloadRelease({ cacheDir: cacheDir(), baseUrl, checksums: checksums(), connectTimeoutMs: 200 }),
    ).rejects.toThrow('no answer');
    expect(performance.now() - startedMs).toBeLessThan(1_500);
  });

  it('prefers PATH, then the cache, then the release, and asks for the release once', async () => {
    const baseUrl = await serve((_request, response) => response.end(archive));
    const options = { cacheDir: cacheDir(), path: '', release: { baseUrl, checksums: checksums() } };
    const found = await Promise.all([findNatsBinary(options), findNatsBinary(options)]);
    expect(new Set(found)).toEqual(new Set([join(cacheDir(), 'nats-server')]));
    expect(requests).toHaveLength(1);
    const bin = join(folder, 'bin');
    await mkdir(bin);
    await writeFile(join(bin, 'nats-server'), '#!/bin/sh\n', { mode: 0o755 });
    expect(await findNatsBinary({ ...options, path: `/nowhere:${bin}` })).toBe(join(bin, 'nats-server'));
  });

  it('says in one sentence what to install if nothing works', async () => {
    const baseUrl = await serve((_request, response) => response.writeHead(404).end());
    const release = { baseUrl, checksums: checksums() };
    const failing = findNatsBinary({ cacheDir: cacheDir(), path: '', release, useDistribution: false });
    await expect(failing).rejects.toThrow(/^nats-server was not found and could not be fetched: install it .* MSG_URL/);
  });

  it('has a pinned checksum for the platforms that people use', () => {
    for (const name of ['linux-amd64', 'linux-arm64', 'darwin-amd64', 'darwin-arm64']) {
      expect(pinnedChecksums[name]).toMatch(/^[0-9a-f]{64}$/);
    }
    expect(releasePlatform('linux', 'x64')).toBe('linux-amd64');
    expect(releasePlatform('sunos', 'x64')).toBeUndefined();
  });
});

for (const variant of await natsVariants()) {
  describe.skipIf(variant.binary === undefined)(`running ${variant.name}`, () => {
    it('keeps streams over a restart and over a kill, on the same port', async () => {
      const server = await startTestNats({ binary: variant.binary!, config: 'max_payload: 2MB' });
      const nats = await connectNats({ url: server.url, name: 'test' });
      expect(nats.info?.max_payload).toBe(2 * 1024 * 1024);
      const manager = await nats.jetstreamManager();
      await manager.streams.add({ name: 'kept', subjects: ['kept'] });
      await nats.jetstream().publish('kept', 'x');
      const firstPid = server.pid;
      await server.kill('SIGKILL');
      expect(server.pid).toBeUndefined();
      await server.restart();
      expect(server.pid).not.toBe(firstPid);
      await nats.close();
      const again = await connectNats({ url: server.url, name: 'test' });
      expect((await (await again.jetstreamManager()).streams.info('kept')).state.messages).toBe(1);
      await again.close();
      await server.close();
      expect(server.pid).toBeUndefined();
    });

    it('says why a server does not start', async () => {
      await expect(startTestNats({ binary: variant.binary!, config: 'no_such_setting: 1' })).rejects.toThrow(
        /ended at start: .*no_such_setting/,
      );
    });
  });
}
