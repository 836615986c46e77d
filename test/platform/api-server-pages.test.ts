import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { pretendControllers, removeNamespace, startApiServer, type ApiServer } from '../support/api-server.ts';
import { documentedCommands } from '../support/documented-commands.ts';
import { at, fieldsOf, listOf, repositoryRoot, textOf, type Json } from '../support/kubernetes-manifests.ts';
import { communityFaults, type DeployRequest } from '../support/openfaas-stack.ts';
import { functionNames, readText } from '../support/platform.ts';
import { findApiServerParts } from '../support/find-api-server-parts.ts';
import { findPart } from '../support/platform-parts.ts';
import { createRecordingTools, type RecordedTool } from '../support/recording-tools.ts';
import { startRecordingGateway, type Recorded, type RecordingGateway } from '../support/recording-gateway.ts';

const run = promisify(execFile);

const { apiServer, etcd, crds, isThere, note } = await findApiServerParts();
const helm = await findPart('helm');
const faasCli = await findPart('faas-cli');

const community = 'faas-cli up';
const pro = 'faas-cli up -f infra/openfaas/stack.pro.yml';

/** Each page with commands for a cluster. */
const pages = [
  { what: 'infra/kubernetes/README.md', page: 'infra/kubernetes/README.md', section: '## Deploy', up: community },
  {
    what: 'infra/openfaas/README.md, Community',
    page: 'infra/openfaas/README.md',
    section: '## Deploy',
    up: community,
  },
  { what: 'infra/openfaas/README.md, Pro', page: 'infra/openfaas/README.md', section: '## Deploy', up: pro },
  { what: 'infra/knative/README.md', page: 'infra/knative/README.md', section: undefined, up: undefined },
  {
    what: 'infra/kubernetes/keda/README.md',
    page: 'infra/kubernetes/keda/README.md',
    section: undefined,
    up: undefined,
  },
] as const;

const functionsOf: Readonly<Record<string, string>> = {
  'infra/knative/README.md': 'services.serving.knative.dev',
  'infra/kubernetes/keda/README.md': 'scaledobjects.keda.sh',
};

describe.skipIf(!isThere)(
  `the documented commands, in order, on an empty cluster with a real API server${note}`,
  () => {
    let server: ApiServer;
    let clone: string;
    let gateway: RecordingGateway;
    /** What the gateway holds. */
    const secrets = new Set<string>();
    const deployed: DeployRequest[] = [];
    let isCommunity = true;

    const answer = ({ method, path, body }: Recorded): { readonly status: number; readonly text?: string } => {
      if (path === '/system/secrets') {
        const name = String(body['name']);
        if (method === 'POST' && secrets.has(name)) return { status: 409 };
        secrets.add(name);
        return { status: method === 'POST' ? 201 : 202 };
      }
      if (path !== '/system/functions' || method === 'GET') return { status: 200, text: '{}' };
      if (method === 'PUT') return { status: 404 };
      const request = body as unknown as DeployRequest;
      const [fault] = isCommunity ? communityFaults([request], [...secrets]) : missingSecrets(request);
      if (fault !== undefined) return { status: 400, text: fault };
      deployed.push(request);
      return { status: 202 };
    };
    const missingSecrets = ({ secrets: named = [] }: DeployRequest): readonly string[] =>
      named.filter((name) => !secrets.has(name)).map((name) => `no secret ${name}`);

    beforeAll(async () => {
      server = await startApiServer({ apiServer: apiServer.path ?? '', etcd: etcd.path ?? '', crds: crds.path ?? '' });
      gateway = await startRecordingGateway(answer);
    }, 300_000);

    beforeEach(async () => {
      secrets.clear();
      deployed.length = 0;
      for (const name of ['state-sync', 'openfaas', 'openfaas-fn']) await removeNamespace(server, name);
      clone = await mkdtemp(join(tmpdir(), 'state-sync-pages-'));
      for (const name of ['stack.yml', 'routing.yaml', 'functions', 'shared', 'package.json', 'package-lock.json']) {
        await symlink(join(repositoryRoot, name), join(clone, name));
      }
      await symlink(join(repositoryRoot, 'tsconfig.json'), join(clone, 'tsconfig.json'));
      await cp(join(repositoryRoot, 'infra'), join(clone, 'infra'), { recursive: true, verbatimSymlinks: true });
      // The template comes from GitHub, or from this script where there is no way to it.
      await run('sh', ['infra/openfaas/template.sh'], { cwd: clone });
      return () => rm(clone, { recursive: true, force: true });
    }, 120_000);

    afterAll(async () => {
      await gateway?.close();
      await server?.close();
    });

    /** Runs commands one after the other in one shell, as somebody types them. Real are kubectl, helm, faas-cli if it is there. */
    const type = async (commands: readonly string[], failing: (job: string) => boolean = () => false) => {
      const recorded: readonly RecordedTool[] = faasCli.path === undefined ? ['faas-cli', 'docker'] : ['docker'];
      const folder = await mkdtemp(join(clone, 'run-'));
      const tools = await createRecordingTools(folder, { only: recorded });
      for (const [name, { path }] of Object.entries({ helm, 'faas-cli': faasCli })) {
        if (path !== undefined) await symlink(path, join(tools.bin, name));
      }
      const env = {
        ...server.env,
        PATH: `${tools.bin}:${server.env['PATH'] ?? ''}`,
        HOME: clone,
        OPENFAAS_URL: gateway.url,
        TIMEOUT: '3m',
      };
      // The address that pages give to a gateway is that of the recording one here.
      const text = commands.join('\n').replaceAll('http://127.0.0.1:8080', gateway.url);
      const controllers = pretendControllers(server, 'state-sync', failing);
      try {
        const ended = await run('sh', ['-euc', text], { cwd: clone, env, maxBuffer: 64 * 1024 * 1024 }).then(
          ({ stdout }) => ({ code: 0, said: stdout }),
          (error: { readonly code?: number; readonly stdout?: string; readonly stderr?: string }) => ({
            code: error.code ?? 1,
            said: `${error.stdout ?? ''}${error.stderr ?? ''}`,
          }),
        );
        return { ...ended, calls: await tools.calls() };
      } finally {
        await controllers.stop();
      }
    };

    const objects = async (kinds: string, namespace = 'state-sync'): Promise<readonly Json[]> =>
      listOf(at(JSON.parse(await server.kubectl(['-n', namespace, 'get', kinds, '-o', 'json'])) as Json, 'items'));
    const names = async (kinds: string, namespace?: string): Promise<readonly string[]> =>
      (await objects(kinds, namespace)).map((item) => textOf(at(item, 'metadata', 'name')));
    const connectorReplicas = async (): Promise<Json | undefined> => {
      const found = (await objects('deployments')).find((item) => at(item, 'metadata', 'name') === 'connector');
      return at(found, 'spec', 'replicas');
    };

    /** What a pod of the namespace waits for and does not find: it would never start. */
    const missingForPods = async (): Promise<readonly string[]> => {
      const held = new Map<string, ReadonlySet<string>>();
      for (const item of await objects('secrets,configmaps')) {
        const keys = [...Object.keys(fieldsOf(at(item, 'data'))), ...Object.keys(fieldsOf(at(item, 'binaryData')))];
        held.set(`${textOf(at(item, 'kind'))} ${textOf(at(item, 'metadata', 'name'))}`, new Set(keys));
      }
      const claims = new Set(await names('persistentvolumeclaims'));
      const workloads = await objects('deployments,statefulsets,jobs,services.serving.knative.dev');
      return workloads.flatMap((body) => {
        const who = `${textOf(at(body, 'kind'))} ${textOf(at(body, 'metadata', 'name'))}`;
        const spec = fieldsOf(at(body, 'spec', 'template', 'spec'));
        const volumes = listOf(spec['volumes']);
        const sources = [...volumes, ...volumes.flatMap((volume) => listOf(at(volume, 'projected', 'sources')))];
        const containers = [...listOf(spec['initContainers']), ...listOf(spec['containers'])];
        const froms = containers.flatMap((container) => listOf(at(container, 'envFrom')));
        const vars = containers
          .flatMap((container) => listOf(at(container, 'env')))
          .map((each) => at(each, 'valueFrom'));
        const needed = [
          ...sources.map((source) => ['Secret', at(source, 'secret')] as const),
          ...sources.map((source) => ['ConfigMap', at(source, 'configMap')] as const),
          ...froms.map((from) => ['Secret', at(from, 'secretRef')] as const),
          ...froms.map((from) => ['ConfigMap', at(from, 'configMapRef')] as const),
          ...vars.map((from) => ['Secret', at(from, 'secretKeyRef')] as const),
          ...vars.map((from) => ['ConfigMap', at(from, 'configMapKeyRef')] as const),
        ];
        expect(containers.length, who).toBeGreaterThan(0);
        const lost = needed.flatMap(([of, reference]) => {
          if (reference === undefined || at(reference, 'optional') === true) return [];
          const called = `${of} ${textOf(at(reference, 'secretName') ?? at(reference, 'name'))}`;
          const keys = held.get(called);
          if (keys === undefined) return [`${who} wants ${called}`];
          const items = listOf(at(reference, 'items')).map((item) => textOf(at(item, 'key')));
          const key = at(reference, 'key');
          return [...items, ...(key === undefined ? [] : [textOf(key)])]
            .filter((each) => !keys.has(each))
            .map((each) => `${who} wants ${each} of ${called}`);
        });
        const unclaimed = volumes
          .map((volume) => at(volume, 'persistentVolumeClaim', 'claimName'))
          .filter((claim) => claim !== undefined && !claims.has(textOf(claim)))
          .map((claim) => `${who} wants the claim ${textOf(claim)}`);
        return [...lost, ...unclaimed];
      });
    };

    const expectFunctionsAt = (
      calls: readonly { readonly tool: string; readonly arguments: readonly string[] }[],
    ): void => {
      if (faasCli.path === undefined) {
        expect(calls.some(({ tool, arguments: [first] }) => tool === 'faas-cli' && first === 'up')).toBe(true);
        return;
      }
      expect(deployed.map(({ service }) => service).toSorted()).toEqual(functionNames.toSorted());
      // Built and pushed before they were deployed.
      const said = calls.map(({ arguments: words }) => words.join(' '));
      for (const name of functionNames) {
        expect(
          said.some((line) => line.startsWith('push') && line.includes(`/${name}:`)),
          said.join('\n'),
        ).toBe(true);
      }
    };

    it.each(pages)(
      `of $what install everything that its pods need${faasCli.note}`,
      async ({ page, section, up }) => {
        isCommunity = up !== pro;
        const text = await readText(page);
        const written = documentedCommands(text, section);
        if (up !== undefined) expect(text).toContain(up);
        const commands = written.map((command) => (command === community && up !== undefined ? up : command));
        const { code, said, calls } = await type(commands);
        expect(code, said).toBe(0);
        expect(said).toContain('rollout: done');
        expect(await names('deployments')).toContain('connector');
        expect(await missingForPods()).toEqual([]);
        const kind = functionsOf[page];
        if (kind === undefined) expectFunctionsAt(calls);
        else expect(await names(kind)).toEqual(expect.arrayContaining(['state-direct', 'state-entry', 'state-route']));
      },
      300_000,
    );

    it.each(pages)(
      'of $what change nothing but the schema if its migration fails',
      async ({ page, section }) => {
        const commands = documentedCommands(await readText(page), section);
        const { code, said } = await type(
          commands.map((command) => command.replace('sh infra/kubernetes/rollout.sh', 'TIMEOUT=3s $&')),
          (job) => job.startsWith('state-sync-migration'),
        );
        expect(code).not.toBe(0);
        expect(said).toContain('nothing else was changed');
        expect(await names('deployments,statefulsets,services.serving.knative.dev')).toEqual([]);
        expect(deployed).toEqual([]);
      },
      300_000,
    );

    it(`of infra/migration.md start no connector before the old service is gone, then start it, and go back${faasCli.note}`, async () => {
      isCommunity = true;
      const text = await readText('infra/migration.md');
      const before = await type(documentedCommands(text, '## Before'));
      expect(before.code, before.said).toBe(0);
      expectFunctionsAt(before.calls);
      expect(await missingForPods()).toEqual([]);
      expect(await connectorReplicas()).toBe(0);
      await server.kubectl(['-n', 'state-sync', 'create', 'deployment', 'python-state-sync', '--image=old']);
      const taken = await type(documentedCommands(text, '## Take over'));
      expect(taken.code, taken.said).toBe(0);
      expect(await connectorReplicas()).toBeGreaterThan(0);
      const back = await type(documentedCommands(text, '## Roll back'));
      expect(back.code, back.said).toBe(0);
      expect(await connectorReplicas()).toBe(0);
    }, 300_000);

    it.each(['overlays/openfaas', 'overlays/connector', 'overlays/keda'])(
      `of infra/kubernetes/upgrade.md, with %s in place of Knative’s overlay, upgrade and go back${faasCli.note}`,
      async (overlay) => {
        isCommunity = true;
        const page = overlay === 'overlays/keda' ? 'infra/kubernetes/keda/README.md' : 'infra/kubernetes/README.md';
        const section = overlay === 'overlays/keda' ? undefined : '## Deploy';
        const with_ = (commands: readonly string[]): readonly string[] =>
          commands.map((command) => command.replace(/overlays\/\S+/, overlay));
        const upgrade = await readText('infra/kubernetes/upgrade.md');
        const up = overlay === 'overlays/keda' ? [] : [community];
        const commands = [
          ...with_(documentedCommands(await readText(page), section)),
          ...with_(documentedCommands(upgrade, '## Upgrade')),
          ...up,
          ...with_(documentedCommands(upgrade, '## Back')),
        ];
        const { code, said } = await type(commands);
        expect(code, said).toBe(0);
        expect(said.match(/rollout: done/g)).toHaveLength(3);
        expect(await missingForPods()).toEqual([]);
      },
      300_000,
    );

    describe.skipIf(helm.path === undefined)(`of infra/helm/README.md${helm.note}`, () => {
      it.each([
        { target: 'knative', kind: 'services.serving.knative.dev', namespace: 'state-sync' },
        { target: 'deployment', kind: 'scaledobjects.keda.sh', namespace: 'state-sync' },
        { target: 'openfaas', kind: 'functions.openfaas.com', namespace: 'openfaas-fn' },
      ])(
        'install with target=$target, upgrade and roll back',
        async ({ target, kind, namespace }) => {
          // OpenFaaS' own chart makes these.
          for (const name of ['openfaas', 'openfaas-fn']) await server.kubectl(['create', 'namespace', name]);
          const text = await readText('infra/helm/README.md');
          const commands = documentedCommands(text).map((command) =>
            command.replace('target=knative', `target=${target}`),
          );
          const { code, said } = await type(commands);
          expect(code, said).toBe(0);
          expect(await names(kind, namespace)).toEqual(
            expect.arrayContaining(['state-direct', 'state-entry', 'state-route']),
          );
          if (target === 'openfaas') expect(await names('profiles.openfaas.com', 'openfaas')).toEqual(['state-sync']);
          expect(await missingForPods()).toEqual([]);
          expect(await connectorReplicas()).toBeGreaterThan(0);
        },
        300_000,
      );
    });

    it.skipIf(faasCli.path === undefined).each(['stack.yml', 'infra/openfaas/stack.pro.yml'])(
      `takes the Functions that faas-cli generates of %s${faasCli.note}`,
      async (file) => {
        await server.kubectl(['create', 'namespace', 'openfaas-fn']);
        const { stdout } = await run(faasCli.path ?? '', ['generate', '-f', file, '--api=openfaas.com/v1'], {
          cwd: clone,
        });
        const said = await server.kubectl(['apply', '--server-side', '--validate=strict', '-f', '-'], stdout);
        expect(said.match(/serverside-applied$/gm)).toHaveLength(functionNames.length);
      },
      60_000,
    );
  },
);
