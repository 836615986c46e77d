import { matchesGlob } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nodeFlags } from '../../infra/local/function-replica.ts';
import { fieldsOf, listOf, readYaml, textOf, type Fields } from '../support/kubernetes-manifests.ts';
import { parseDockerfile } from '../support/dockerfile.ts';
import { readStack } from '../support/openfaas-stack.ts';
import { functionNames, readText } from '../support/platform.ts';

const readDockerfile = async () => parseDockerfile(await readText('infra/image/Dockerfile'));

describe('the Dockerfile', () => {
  it('pins its one base image by an exact tag: the Node version that the tests run on', async () => {
    const { args, stages } = await readDockerfile();
    const { devDependencies } = JSON.parse(await readText('package.json')) as {
      devDependencies: Record<string, string>;
    };
    expect(args['NODE_IMAGE']).toBe(`node:${devDependencies['node']}-bookworm-slim`);
    expect(stages.map(({ from }) => from)).toEqual(['${NODE_IMAGE}', '${NODE_IMAGE}', '${NODE_IMAGE}']);
  });

  it('runs Node with the options that the local host gives it, and fills the compile cache with the same', async () => {
    const { stages } = await readDockerfile();
    const options = stages.flatMap(({ instructions }) =>
      instructions.filter(({ name, args }) => name === 'ENV' && args.includes('NODE_OPTIONS')).map(({ args }) => args),
    );
    expect(options).toHaveLength(2);
    for (const args of options) expect(args).toContain(`NODE_OPTIONS="${nodeFlags.join(' ')}"`);
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
