import { execFile, execFileSync } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundles } from '../../infra/image/build.ts';
import { versionFaults } from '../../infra/image/check-version.ts';
import { digestsOf, pinDigests } from '../../infra/image/pin-digests.ts';
import { parseBuildFile } from '../support/build-files.ts';
import { at, fieldsOf, filesBelow, listOf, readYaml, repositoryRoot, textOf } from '../support/kubernetes-manifests.ts';
import { functionNames, projectVersion, readText } from '../support/platform.ts';
import { findPart } from '../support/platform-parts.ts';

const run = promisify(execFile);
const [actionlint, parsers, helm] = await Promise.all([
  findPart('actionlint'),
  findPart('buildfiles'),
  findPart('helm'),
]);
const images = [...functionNames, 'state-connector'];
const workflows = (await readdir(join(repositoryRoot, '.github/workflows'))).map((name) => `.github/workflows/${name}`);

describe('the workflows', () => {
  it('pin every action by its commit, and say which version that is', async () => {
    for (const file of workflows) {
      const uses = [...(await readText(file)).matchAll(/^\s*(?:- )?uses: (.*)$/gm)].map((match) => match[1] ?? '');
      for (const action of uses) {
        if (action.startsWith('./')) continue;
        expect(action, file).toMatch(/^[\w.-]+\/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
      }
    }
  });

  it('may do nothing but read, unless a job says otherwise', async () => {
    for (const file of workflows) {
      const [workflow] = await readYaml(file);
      expect(at(workflow, 'permissions'), file).toEqual({ contents: 'read' });
    }
  });
});

describe('an image', () => {
  it('is never named by `latest`: ours by the version of package.json, others by theirs', async () => {
    const version = await projectVersion();
    const below = (
      await Promise.all(['infra/kubernetes', 'infra/knative', 'infra/openfaas', 'infra/image'].map(filesBelow))
    ).flat();
    const files = below.filter((file) => /\.(ya?ml|hcl)$|Dockerfile$/.test(file));
    for (const file of [...files, ...workflows, 'stack.yml', 'infra/compose.yaml', 'infra/helm/values.yaml']) {
      const text = (await readText(file)).replaceAll(/#.*$/gm, '');
      expect(text, file).not.toMatch(/(:|@|newTag: |:-)latest\b/);
      const tags = text.matchAll(/ghcr\.io\/alethic-ism\/[a-z-]+:([\w.-]+)|\$\{TAG:-([^}]*)\}|newTag: (.*)/g);
      for (const match of tags)
        expect(
          match.slice(1).find((tag) => tag !== undefined),
          file,
        ).toBe(version);
    }
  });
});

describe.skipIf(actionlint.path === undefined)(`actionlint${actionlint.note}`, () => {
  it('finds nothing in any workflow', async () => {
    const { stdout } = await run(actionlint.path ?? '', workflows, { cwd: repositoryRoot });
    expect(stdout).toBe('');
  });
});

describe.skipIf(parsers.path === undefined)(`what the owners' parsers understand${parsers.note}`, () => {
  const parse = async (kind: 'dockerfile' | 'bake' | 'compose', file: string, more = {}) =>
    fieldsOf(await parseBuildFile(parsers.path ?? '', kind, join(repositoryRoot, file), more));

  it('the Dockerfile has its three stages and no warning', async () => {
    expect(await parse('dockerfile', 'infra/image/Dockerfile')).toEqual({ stages: ['build', 'warm', ''], warnings: 0 });
  });

  it('one command builds all five images, each of its own bundle', async () => {
    const env = { REGISTRY: 'registry.example/me', VERSION: '1.2.3', REVISION: 'abc' };
    const { targets } = await parse('bake', 'infra/image/docker-bake.hcl', { targets: ['default'], env });
    expect(Object.keys(fieldsOf(targets)).toSorted()).toEqual([...images].toSorted());
    for (const name of images) {
      const target = fieldsOf(at(targets, name));
      expect(target).toMatchObject({
        context: '.',
        dockerfile: 'infra/image/Dockerfile',
        tags: [`registry.example/me/${name}:1.2.3`],
        labels: { 'org.opencontainers.image.version': '1.2.3', 'org.opencontainers.image.revision': 'abc' },
      });
      expect(Object.keys(bundles)).toContain(textOf(at(target, 'args', 'FUNCTION')));
    }
    expect(at(targets, 'state-connector', 'args', 'FUNCTION')).toBe('connector');
  });

  it('a release has both processors, an SBOM and a provenance', async () => {
    const { targets } = await parse('bake', 'infra/image/docker-bake.hcl', { targets: ['release'] });
    expect(Object.keys(fieldsOf(targets)).toSorted()).toEqual(images.map((name) => `${name}-release`).toSorted());
    for (const target of Object.values(fieldsOf(targets))) {
      expect(at(target, 'platforms')).toEqual(['linux/amd64', 'linux/arm64']);
      expect(at(target, 'attest')).toEqual([{ type: 'sbom' }, { type: 'provenance', mode: 'max' }]);
    }
  });

  it('Compose starts again what ends, asks each service whether it is well, and bounds its logs', async () => {
    const { services } = await parse('compose', 'infra/compose.yaml');
    for (const [name, service] of Object.entries(fieldsOf(services))) {
      expect(at(service, 'logging'), name).toEqual({
        driver: 'local',
        options: { 'max-size': '10m', 'max-file': '3' },
      });
      expect(textOf(at(service, 'image')), name).toMatch(/:[\w.-]+$/);
      expect(textOf(at(service, 'image')), name).not.toMatch(/:latest$/);
      if (name === 'migrate') continue;
      expect(at(service, 'restart'), name).toBe('unless-stopped');
      // Jaeger's image has no program to ask with.
      if (name !== 'jaeger') expect(listOf(at(service, 'healthcheck', 'test'))[0], name).toBe('CMD');
    }
    for (const needed of ['migrate', 'nats', 'pgbouncer']) {
      const condition = at(services, 'state-direct', 'depends_on', needed, 'condition');
      expect(condition).toBe(needed === 'migrate' ? 'service_completed_successfully' : 'service_healthy');
    }
  });

  it("faasd's services have only what its loader takes", async () => {
    const [file] = await readYaml('infra/openfaas/faasd.yaml');
    const known = ['image', 'user', 'environment', 'command', 'volumes', 'ports', 'cap_add', 'depends_on'];
    for (const [name, service] of Object.entries(fieldsOf(at(file, 'services')))) {
      expect(known, name).toEqual(expect.arrayContaining(Object.keys(fieldsOf(service))));
      for (const volume of listOf(at(service, 'volumes'))) expect(at(volume, 'type'), name).toBe('bind');
      for (const port of listOf(at(service, 'ports')))
        expect(port, name).toMatch(/^(127\.0\.0\.1|10\.62\.0\.1):\d+:\d+$/);
    }
    // The connector's gateway is a service of faasd's own file.
    const { services } = fieldsOf(file);
    const gateway = { gateway: { image: 'ghcr.io/openfaas/gateway:0.27.13' } };
    const folder = await mkdtemp(join(tmpdir(), 'faasd-'));
    try {
      await writeFile(
        join(folder, 'compose.yaml'),
        JSON.stringify({ services: { ...fieldsOf(services), ...gateway } }),
      );
      const read = await parseBuildFile(parsers.path ?? '', 'compose', join(folder, 'compose.yaml'));
      expect(Object.keys(fieldsOf(at(read, 'services'))).toSorted()).toEqual([
        'connector',
        'gateway',
        'jetstream',
        'postgres',
      ]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('a wrong file is refused', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'wrong-'));
    try {
      await writeFile(join(folder, 'compose.yaml'), 'services: { a: { image: x, restarts: always } }\n');
      await writeFile(join(folder, 'docker-bake.hcl'), 'target "a" { inherits = ["b"] }\n');
      await writeFile(join(folder, 'Dockerfile'), 'FORM scratch\n');
      const refused = async (kind: 'dockerfile' | 'bake' | 'compose', file: string) =>
        expect(parseBuildFile(parsers.path ?? '', kind, join(folder, file), { targets: kind === 'bake' ? ['a'] : [] }));
      await (await refused('compose', 'compose.yaml')).rejects.toThrow('restarts');
      await (await refused('bake', 'docker-bake.hcl')).rejects.toThrow('b');
      await (await refused('dockerfile', 'Dockerfile')).rejects.toThrow('FORM');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe("a container's question whether it is well", () => {
  it('is put by Node, and answered by the exit code', async () => {
    const [compose] = await readYaml('infra/compose.yaml');
    const [, program = '', ...args] = listOf(at(compose, 'services', 'connector', 'healthcheck', 'test')).map(textOf);
    expect(program).toBe('node');
    const { createServer } = await import('node:http');
    const ask = async (status: number): Promise<number> => {
      const paths: (string | undefined)[] = [];
      const server = createServer((request, response) => {
        paths.push(request.url);
        response.writeHead(status).end();
      }).listen(0, '127.0.0.1');
      await new Promise((resolve) => server.once('listening', resolve));
      const { port } = server.address() as { port: number };
      const own = args.map((arg) => arg.replace('127.0.0.1:8080', `127.0.0.1:${port}`));
      const code = await run(process.execPath, own).then(
        () => 0,
        (error: { code: number }) => error.code,
      );
      server.closeAllConnections();
      server.close();
      expect(paths).toEqual(['/_/ready']);
      return code;
    };
    expect([await ask(200), await ask(503)]).toEqual([0, 1]);
  });
});

describe('a release', () => {
  const digest = (name: string): string => `sha256:${Buffer.from(name.padEnd(32, '.')).toString('hex')}`;
  const metadata = JSON.stringify({
    'buildx.build.provenance': {},
    ...Object.fromEntries(
      images.map((name) => [`${name}-release`, { 'containerimage.digest': digest(name), 'image.name': 'x' }]),
    ),
  });
  let root: string;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'release-'));
    for (const name of ['infra', 'stack.yml', 'package.json'])
      await cp(join(repositoryRoot, name), join(root, name), { recursive: true, verbatimSymlinks: true });
    await symlink(join(repositoryRoot, 'node_modules'), join(root, 'node_modules'));
    await writeFile(join(root, 'images.json'), metadata);
    const { stdout } = await run(
      process.execPath,
      ['infra/image/pin-digests.ts', 'images.json', 'registry.example/me'],
      { cwd: root },
    );
    expect(stdout.trim().split('\n').toSorted()).toEqual(
      images.map((name) => `registry.example/me/${name}@${digest(name)}`).toSorted(),
    );
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  const oursIn = (text: string): readonly string[] =>
    [...text.matchAll(/image: *['"]?([^\s'"]*(?:state-(?:direct|route|entry|connector)|\/manage)[^\s'"]*)/g)].map(
      (match) => match[1] ?? '',
    );
  const areAllPinned = (text: string, least: number): void => {
    const named = oursIn(text);
    expect(named.length).toBeGreaterThanOrEqual(least);
    for (const image of named) expect(image).toMatch(/^registry\.example\/me\/[a-z-]+@sha256:[0-9a-f]{64}$/);
  };

  it('names all images by digest in the stack files', async () => {
    for (const file of ['stack.yml', 'infra/openfaas/stack.pro.yml', 'infra/openfaas/connector.yml'])
      areAllPinned(await readFile(join(root, file), 'utf8'), file.includes('connector') ? 1 : 4);
  });

  const kubectl = (() => {
    try {
      return execFileSync('kubectl', ['kustomize', '--help']).length > 0;
    } catch {
      return false;
    }
  })();
  it.skipIf(!kubectl).each([
    ['overlays/knative', 5],
    ['overlays/openfaas', 1],
    ['overlays/connector', 1],
    ['overlays/keda', 5],
  ])(
    `names all images by digest in %s${kubectl ? '' : ' (skipped: there is no kubectl on the path)'}`,
    async (folder, least) => {
      const { stdout } = await run('kubectl', ['kustomize', join(root, 'infra/kubernetes', folder)], {
        maxBuffer: 16 * 1024 * 1024,
      });
      areAllPinned(stdout, least);
    },
  );

  it.skipIf(helm.path === undefined)(`names all images by digest in the chart${helm.note}`, async () => {
    for (const target of ['knative', 'openfaas', 'deployment']) {
      const args = ['template', 'x', join(root, 'infra/helm'), '--set', `target=${target}`];
      areAllPinned((await run(helm.path ?? '', args, { maxBuffer: 16 * 1024 * 1024 })).stdout, 5);
    }
  });

  it('leaves what is not ours, and a text that names none', () => {
    const text = 'images:\n  - name: nats\n    newTag: 2.14.0\nimage: nats:2.14.0-alpine\n';
    expect(pinDigests(text, 'r', { 'state-direct': 'sha256:1' })).toBe(text);
  });

  it('is refused if an image was not pushed', () => {
    expect(() => digestsOf('{"manage-release":{"image.name":"x"}}')).toThrow('manage-release');
  });

  it('needs one version in package.json, the chart and the changelog', async () => {
    const texts = {
      packageJson: await readText('package.json'),
      chart: await readText('infra/helm/Chart.yaml'),
      changelog: await readText('.github/CHANGELOG.md'),
    };
    const { version } = JSON.parse(texts.packageJson) as { version: string };
    expect(versionFaults(version, texts)).toEqual([]);
    expect(versionFaults('9.9.9', texts)).toEqual([
      'package.json: `version`',
      'infra/helm/Chart.yaml: `version`',
      'infra/helm/Chart.yaml: `appVersion`',
      '.github/CHANGELOG.md: a heading with the version and its date',
    ]);
  });
});
