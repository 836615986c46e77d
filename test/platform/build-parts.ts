// Builds the platforms' own programs for the tests, into .cache/platform: `npx node test/platform/build-parts.ts [PART ...]`,
// all without names. It needs Go and git; the API server takes half an hour of one core, helm and Jaeger a quarter. `npm test`
// builds none of them: what is not there, its tests are skipped and say so.
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { buildBuildfiles } from '../support/build-files.ts';
import { platformCache } from '../support/platform-parts.ts';

const run = promisify(execFile);
const kubernetesVersion = 'v1.37.2';

interface Module {
  readonly Dir: string;
  readonly Version: string;
}

const download = async (module: string): Promise<Module> => {
  const { stdout } = await run('go', ['mod', 'download', '-json', module]);
  return JSON.parse(stdout) as Module;
};

const cloneTag = async (repository: string, tag: string, folder: string): Promise<void> => {
  await run('git', ['clone', '--quiet', '--depth=1', `--branch=${tag}`, repository, folder]);
};

/** Modules that carry CRDs, where in them, and which are wanted. */
const crdModules = [
  {
    module: 'knative.dev/serving@latest',
    folder: 'config/core/300-resources',
    files: /^(service|revision|configuration|route)\.yaml$/,
  },
  {
    module: 'github.com/prometheus-operator/prometheus-operator@latest',
    folder: 'example/prometheus-operator-crd',
    files: /_(podmonitors|prometheusrules)\.yaml$/,
  },
  { module: 'github.com/kedacore/keda/v2@latest', folder: 'config/crd/bases', files: /^keda\.sh_.*\.yaml$/ },
  {
    module: 'github.com/external-secrets/external-secrets@latest',
    folder: 'config/crds/bases',
    files: /_(externalsecrets|secretstores)\.yaml$/,
  },
] as const;

/** OpenFaaS' chart is no Go module: its kinds are read from its repository, at a tag. */
const openfaasCrds = { repository: 'https://github.com/openfaas/faas-netes', tag: '0.18.17', folder: 'artifacts/crds' };

const collectCrds = async (): Promise<string> => {
  const target = join(platformCache, 'crds');
  await mkdir(target, { recursive: true });
  const versions: string[] = [];
  const chart = await mkdtemp(join(tmpdir(), 'crds-'));
  await cloneTag(openfaasCrds.repository, openfaasCrds.tag, chart);
  for (const name of ['openfaas.com_functions.yaml', 'openfaas.com_profiles.yaml']) {
    await cp(join(chart, openfaasCrds.folder, name), join(target, name));
  }
  await rm(chart, { recursive: true, force: true });
  versions.push(`${openfaasCrds.repository.replace('https://', '')} ${openfaasCrds.tag}`);
  for (const { module, folder, files } of crdModules) {
    const { Dir: directory, Version: version } = await download(module);
    for (const name of (await readdir(join(directory, folder))).filter((file) => files.test(file))) {
      await writeFile(
        join(target, `${module.replaceAll(/[^a-z]+/g, '-')}-${name}`),
        await readFile(join(directory, folder, name)),
      );
    }
    versions.push(`${module.replace('@latest', '')} ${version}`);
  }
  await writeFile(join(target, 'VERSIONS'), `${versions.join('\n')}\n`);
  return target;
};

const build = async (folder: string, packageName: string, target: string, flags: string): Promise<void> => {
  const env = { ...process.env, CGO_ENABLED: '0' };
  const options = { cwd: folder, env, maxBuffer: 64 * 1024 * 1024 };
  await run(
    'go',
    ['build', '-trimpath', '-buildvcs=false', '-ldflags', `-s -w ${flags}`, '-o', target, packageName],
    options,
  );
};

/** The module replaces its staging modules by folders that are not in it: here by their own releases. */
const buildApiServer = async (): Promise<string> => {
  const { Dir: source } = await download(`k8s.io/kubernetes@${kubernetesVersion}`);
  const staged = [
    ...(await readFile(join(source, 'go.mod'), 'utf8')).matchAll(/(k8s\.io\/[a-z0-9-]+) => \.\/staging/g),
  ];
  const stagedVersion = kubernetesVersion.replace('v1', 'v0');
  const folder = await mkdtemp(join(tmpdir(), 'build-kube-apiserver-'));
  const replaces = staged.map(([, name]) => `replace ${name} => ${name} ${stagedVersion}`);
  const lines = [
    'module local/apiserver',
    'go 1.26.0',
    'godebug default=go1.26',
    `require k8s.io/kubernetes ${kubernetesVersion}`,
  ];
  await writeFile(join(folder, 'go.mod'), [...lines, ...replaces, ''].join('\n'));
  const use = '//go:build tools\n\npackage tools\n\nimport _ "k8s.io/kubernetes/cmd/kube-apiserver"\n';
  await writeFile(join(folder, 'tools.go'), use);
  await run('go', ['mod', 'tidy', '-e'], { cwd: folder, maxBuffer: 64 * 1024 * 1024 });
  const [, major, minor] = /^v(\d+)\.(\d+)/.exec(kubernetesVersion) ?? [];
  const version = 'k8s.io/component-base/version';
  const target = join(platformCache, 'kube-apiserver');
  const flags = `-X ${version}.gitVersion=${kubernetesVersion} -X ${version}.gitMajor=${major} -X ${version}.gitMinor=${minor}`;
  await build(folder, 'k8s.io/kubernetes/cmd/kube-apiserver', target, flags);
  await rm(folder, { recursive: true, force: true });
  return target;
};

/** A program of one Go module. */
const installModule = async (name: string, module: string): Promise<string> => {
  const env = { ...process.env, GOBIN: await mkdtemp(join(platformCache, 'install-')), GOTOOLCHAIN: 'auto' };
  await run('go', ['install', '-ldflags=-s -w', module], { env, maxBuffer: 64 * 1024 * 1024 });
  await rename(join(env.GOBIN, name), join(platformCache, name));
  await rm(env.GOBIN, { recursive: true });
  return join(platformCache, name);
};

/** The user interface is not in the module; the query API is. `go install` refuses it, because its go.mod has a `replace`. */
const buildJaeger = async (): Promise<string> => {
  const { Dir: source } = await download('github.com/jaegertracing/jaeger@latest');
  const folder = await mkdtemp(join(tmpdir(), 'build-jaeger-'));
  await cp(source, folder, { recursive: true });
  await run('chmod', ['-R', 'u+w', folder]);
  const target = join(platformCache, 'jaeger');
  await build(folder, './cmd/jaeger', target, '');
  await rm(folder, { recursive: true, force: true });
  return target;
};

/** A program whose repository holds the modules that it needs, at a tag: the Go proxy has not all of them. */
const buildRepository = async (name: string, repository: string, tag: string, packageName: string): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), `build-${name}-`));
  await cloneTag(repository, tag, folder);
  const target = join(platformCache, name);
  await build(folder, packageName, target, '');
  await rm(folder, { recursive: true, force: true });
  return target;
};

const buildParsers = async (): Promise<string> => {
  const target = join(platformCache, 'buildfiles');
  await buildBuildfiles(target);
  return target;
};

const parts: Readonly<Record<string, () => Promise<string>>> = {
  crds: collectCrds,
  'kube-apiserver': buildApiServer,
  helm: () => installModule('helm', 'helm.sh/helm/v4/cmd/helm@v4.3.1'),
  actionlint: () => installModule('actionlint', 'github.com/rhysd/actionlint/cmd/actionlint@v1.7.12'),
  buildfiles: buildParsers,
  jaeger: buildJaeger,
  'queue-proxy': () =>
    buildRepository('queue-proxy', 'https://github.com/knative/serving', 'knative-v1.23.0', './cmd/queue'),
  'faas-cli': () => buildRepository('faas-cli', 'https://github.com/openfaas/faas-cli', '0.18.12', '.'),
  'of-watchdog': () => buildRepository('of-watchdog', 'https://github.com/openfaas/of-watchdog', '0.11.6', '.'),
};

if (import.meta.main) {
  await mkdir(platformCache, { recursive: true });
  const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(parts);
  for (const name of wanted) {
    const part = parts[name];
    if (part === undefined) throw new Error(`there is no part ${name}; there are ${Object.keys(parts).join(', ')}`);
    process.stdout.write(`built ${await part()}\n`);
  }
}
