import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildBundles } from '../../infra/image/build.ts';
import { repositoryRoot } from '../support/kubernetes-manifests.ts';
import { findPart } from '../support/platform-parts.ts';

const run = promisify(execFile);

// Both open fixed ports on every address, so they get a network of their own.
const inNamespace = ['--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];
const hasNamespaces = spawnSync('unshare', [...inNamespace, 'true']).status === 0;
const namespaceNote = hasNamespaces ? '' : ' (skipped: this machine lets us make no network namespace)';

const proxies = [
  { kind: 'queue-proxy', what: 'Knative’s queue-proxy', part: await findPart('queue-proxy') },
  {
    kind: 'gateway',
    what: 'the gateway of OpenFaaS',
    part: await findPart('faas-gateway', 'a build of its owners’; its Community EULA is yours to accept'),
  },
] as const;

for (const { kind, what, part } of proxies) {
  const note = part.path === undefined ? part.note : namespaceNote;
  describe.skipIf(note !== '')(`behind ${what}${note}`, () => {
    let results: Readonly<Record<string, unknown>>;
    beforeAll(async () => {
      const folder = await mkdtemp(join(tmpdir(), 'state-sync-proxy-'));
      await buildBundles({ outDir: folder, names: ['state-direct'] });
      const driver = join(repositoryRoot, 'test/support/proxy-driver.ts');
      const command = [...inNamespace, process.execPath, driver, kind, part.path ?? '', folder];
      const { stdout } = await run('unshare', command, { timeout: 280_000, maxBuffer: 16 * 1024 * 1024 });
      results = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Readonly<Record<string, unknown>>;
      await rm(folder, { recursive: true, force: true });
    }, 300_000);

    const counts = (situation: string): Readonly<Record<string, number>> =>
      results[situation] as Readonly<Record<string, number>>;
    const only = (situation: string, kinds: readonly string[]): void => {
      expect(
        Object.keys(counts(situation)).filter((name) => !kinds.includes(name)),
        JSON.stringify(results),
      ).toEqual([]);
    };
    /** What says nothing of a message: it comes again, and no attempt counts. */
    const harmless = ['unavailable', 'overloaded', 'gateway_error'];

    it('a batch is stored whole, many at once too, and the function’s own words come through', () => {
      expect(results['a batch of 50']).toEqual({ kind: 'ack', outcomes: 50 });
      expect(results['a body over the limit']).toBe('too_large');
      only('eight batches at once', ['ack', 'ack+retry', 'retry']);
    });

    it('calls to a function that hangs end by the proxy’s limit, and are held against no message', () => {
      only('sixty calls while the function hangs', [...harmless, 'ack']);
      expect(Object.values(counts('sixty calls while the function hangs')).reduce((sum, count) => sum + count, 0)).toBe(
        60,
      );
      if (kind === 'queue-proxy')
        expect(counts('sixty calls while the function hangs')['overloaded']).toBeGreaterThan(0);
    });

    it('a call that is given up costs the next one nothing', () => {
      expect(results['a call that is given up']).toBe('unavailable');
      expect(results['a call after one that was given up']).toBe('ack');
    });

    it('a replica that is ended answers what it has begun; without one, and after a kill, nobody is blamed', () => {
      only('calls beside a SIGTERM', ['ack', ...harmless]);
      expect(harmless).toContain(results['a call while no replica is there']);
      only('calls beside a SIGKILL', ['ack', ...harmless]);
      expect(results['a call after the restart']).toBe('ack');
    });
  });
}

describe('from zero (skipped: Knative’s activator and OpenFaaS’ scale-from-zero need a cluster that starts pods)', () => {
  it.skip('the first call starts a replica and is answered by it', () => undefined);
});
