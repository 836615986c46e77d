import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { documentedCommands } from '../support/documented-commands.ts';
import { at, listOf, podSpecOf, repositoryRoot, textOf } from '../support/kubernetes-manifests.ts';
import { loadPlatform, openfaasSecretsOf, readText, type Platform } from '../support/platform.ts';
import { createRecordingTools, type ToolCall } from '../support/recording-tools.ts';

const run = promisify(execFile);

/** Each page with commands for a cluster, and where functions come from. */
const pages = [
  { page: 'infra/kubernetes/README.md', section: '## Deploy', functions: 'faas-cli', overlay: 'overlays/openfaas' },
  { page: 'infra/openfaas/README.md', section: '## Deploy', functions: 'faas-cli', overlay: 'overlays/connector' },
  { page: 'infra/knative/README.md', section: undefined, functions: 'knative', overlay: 'overlays/knative' },
  { page: 'infra/migration.md', section: '## Before', functions: 'faas-cli', overlay: 'overlays/connector-paused' },
] as const;

let platform: Platform;
let clone: string;
beforeAll(async () => {
  platform = await loadPlatform();
  clone = await mkdtemp(join(tmpdir(), 'state-sync-commands-'));
  // secrets.sh writes beside itself.
  for (const name of ['stack.yml', 'routing.yaml', 'functions', 'shared']) {
    await symlink(join(repositoryRoot, name), join(clone, name));
  }
  await cp(join(repositoryRoot, 'infra'), join(clone, 'infra'), { recursive: true });
});
afterAll(() => rm(clone, { recursive: true, force: true }));

/** Runs commands one after the other in one shell, as somebody types them; stops at the first that fails. */
const runAll = async (commands: readonly string[], failing?: string) => {
  const folder = await mkdtemp(join(clone, 'run-'));
  const tools = await createRecordingTools(folder, { failing });
  const env = { PATH: `${tools.bin}:${process.env['PATH'] ?? ''}`, HOME: folder, SECRETS_DIR: join(folder, 'secrets') };
  const ended = await run('sh', ['-euc', commands.join('\n')], { cwd: clone, env }).then(
    ({ stdout }) => ({ code: 0, said: stdout }),
    (error: { readonly code?: number; readonly stderr?: string }) => ({
      code: error.code ?? 1,
      said: String(error.stderr),
    }),
  );
  return { ...ended, calls: await tools.calls() };
};

const lineOf = ({ tool, arguments: words }: ToolCall): string =>
  [tool, ...words.map((word) => word.replace(clone, '.'))].join(' ');

/** Manifests below a folder and the folders that it lists. */
const manifestsOf = (folder: string): Platform['manifests'] => [
  ...platform.manifests.filter(({ file }) => dirname(file) === folder),
  ...listOf(platform.kustomizations.get(folder)?.['resources'])
    .map(textOf)
    .filter((name) => !name.endsWith('.yaml'))
    .flatMap((name) => manifestsOf(join(folder, name))),
];

/** Secrets without which a pod of the folder does not start. */
const secretsNeededBy = (folder: string): ReadonlySet<string> => {
  const names = manifestsOf(folder).flatMap((manifest) => {
    const volumes = listOf(podSpecOf(manifest)['volumes']);
    const sources = [...volumes, ...volumes.flatMap((volume) => listOf(at(volume, 'projected', 'sources')))];
    const fromVolumes = sources
      .map((source) => at(source, 'secret'))
      .filter((secret) => secret !== undefined && at(secret, 'optional') !== true)
      .map((secret) => textOf(at(secret, 'secretName') ?? at(secret, 'name')));
    const containers = listOf(podSpecOf(manifest)['containers']);
    const fromEnv = containers
      .flatMap((container) => listOf(at(container, 'envFrom')))
      .map((from) => textOf(at(from, 'secretRef', 'name')));
    return [...fromVolumes, ...fromEnv];
  });
  return new Set(names.filter((name) => name !== ''));
};

/** What each call leaves on the cluster: Secrets by name, OpenFaaS' and Kubernetes' alike. */
const secretMadeBy = ({ tool, arguments: words }: ToolCall): string | undefined => {
  if (tool === 'faas-cli' && words[0] === 'secret') return `openfaas/${words[2] ?? ''}`;
  const index = words.indexOf('generic');
  return tool === 'kubectl' && index > 0 ? words[index + 1] : undefined;
};

describe.each(pages)('the commands of $page, on an empty cluster', ({ page, section, functions, overlay }) => {
  it('succeed in their order; what a step needs was made before it', async () => {
    const commands = documentedCommands(await readText(page), section);
    const { code, said, calls } = await runAll(commands);
    expect(code, `${said}\n${calls.map(lineOf).join('\n')}`).toBe(0);
    const made = new Set<string>();
    let applied: string | undefined;
    for (const call of calls) {
      const secret = secretMadeBy(call);
      if (secret !== undefined) made.add(secret);
      const folder = call.arguments[0] === 'apply' ? call.arguments[call.arguments.indexOf('-k') + 1] : undefined;
      if (folder?.includes('infra/kubernetes') === true) {
        applied = folder.slice(folder.indexOf('infra/'));
        const missing = [...secretsNeededBy(applied)].filter((name) => !made.has(name));
        expect(missing, lineOf(call)).toEqual([]);
      }
      if (call.tool === 'faas-cli' && call.arguments[0] === 'up') {
        const needed = ['state-direct', 'manage'].flatMap(openfaasSecretsOf);
        expect(needed.filter((name) => !made.has(`openfaas/${name}`))).toEqual([]);
        // The schema is complete before a function that needs it.
        expect(applied, 'faas-cli up comes after the rollout').toBe(`infra/kubernetes/${overlay}`);
      }
    }
    expect(applied).toBe(`infra/kubernetes/${overlay}`);
    expect(calls.some(({ tool, arguments: [first] }) => tool === 'faas-cli' && first === 'up')).toBe(
      functions === 'faas-cli',
    );
  }, 60_000);

  it('change nothing but the schema if its migration fails', async () => {
    const commands = documentedCommands(await readText(page), section);
    const { code, said, calls } = await runAll(commands, 'condition=complete');
    expect(code).not.toBe(0);
    expect(said).toContain('nothing else was changed');
    const folders = calls.flatMap(({ arguments: words }) =>
      words[0] === 'apply' && words[1] === '-k' ? [basename(words[2] ?? '')] : [],
    );
    expect(folders).toEqual(['migration']);
  }, 60_000);
});

describe('the commands of infra/kubernetes/upgrade.md', () => {
  it.each(['## Upgrade', '## Back', '## NATS’ disks'.replace('’', "'")])(
    '%s',
    async (section) => {
      const install = documentedCommands(await readText('infra/knative/README.md'));
      const commands = documentedCommands(await readText('infra/kubernetes/upgrade.md'), section);
      expect(commands.length).toBeGreaterThan(0);
      const { code, said } = await runAll([...install, ...commands]);
      expect(code, said).toBe(0);
    },
    60_000,
  );
});

describe('every overlay', () => {
  it('sends traces only to a collector that it deploys', () => {
    for (const folder of platform.kustomizations.keys()) {
      if (!folder.startsWith('infra/kubernetes/overlays/')) continue;
      if (!manifestsOf(folder).some(({ kind, name }) => kind === 'Deployment' && name === 'connector')) continue;
      const deploysJaeger = manifestsOf(folder).some(({ kind, name }) => kind === 'Deployment' && name === 'jaeger');
      const reached = (at_: string): readonly string[] => [
        at_,
        ...listOf(platform.kustomizations.get(at_)?.['resources'])
          .map((name) => join(at_, textOf(name)))
          .filter((name) => platform.kustomizations.has(name))
          .flatMap(reached),
      ];
      const removes = reached(folder).some((name) => name === 'infra/kubernetes/overlays/connector');
      expect(deploysJaeger || removes, folder).toBe(true);
    }
  });
});
