import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import {
  at,
  containersOf,
  listOf,
  readKustomizations,
  readManifests,
  repositoryRoot,
  textOf,
  type Fields,
  type Manifest,
} from './kubernetes-manifests.ts';

export const readText = (file: string): Promise<string> => readFile(join(repositoryRoot, file), 'utf8');

/** The secrets that OpenFaaS gives a function, each a file. */
export const openfaasSecretsOf = (name: string): readonly string[] => [
  'database-url',
  'msg-url',
  'function-token',
  'routing',
  name === 'manage' ? 'nats-manage' : 'nats-functions',
];

/** The version that manifests and stack files name our images by. */
export const projectVersion = async (): Promise<string> =>
  (JSON.parse(await readText('package.json')) as { readonly version: string }).version;

export const functionNames = ['state-direct', 'state-route', 'state-entry', 'manage'] as const;

/** Everything in infra/kubernetes and infra/knative, and what is made beside it. */
export interface Platform {
  readonly kustomizations: ReadonlyMap<string, Fields>;
  readonly manifests: readonly Manifest[];
  /** What makes pods. */
  readonly workloads: readonly Manifest[];
  /** Generated ConfigMaps with their keys. */
  readonly configMaps: ReadonlyMap<string, readonly string[]>;
  /** Secrets that the documented commands make, with their keys. */
  readonly secrets: ReadonlyMap<string, readonly string[]>;
  /** @param group the API's, where several have the kind. @throws Error if there is none */
  named(kind: string, name: string, group?: string): Manifest;
}

const readSecretKeys = async (): Promise<ReadonlyMap<string, readonly string[]>> => {
  const script = await readText('infra/openfaas/secrets.sh');
  const kubectl = script.slice(script.indexOf('kubectl:?*)'));
  const keys = [...kubectl.matchAll(/--from-file="(?:\$dir\/([a-z-]+)|([a-z-]+)=)/g)];
  const users = [...kubectl.matchAll(/--from-file="(NATS_[A-Z]+_PASSWORD)=/g)];
  // Keys that are there if the deployer brings them.
  const optional = /for name in ([a-z ]+); do\n\s+if \[ -s "\$dir\/nats-\$name"/.exec(kubectl)?.[1]?.split(' ') ?? [];
  const byHand = /create secret generic pgbouncer-users .*--from-file=(userlist\.txt)/.exec(
    await readText('infra/kubernetes/README.md'),
  );
  return new Map([
    ['state-sync', [...keys.map((match) => match[1] ?? match[2] ?? ''), ...optional.map((name) => `nats-${name}`)]],
    ['nats-users', users.map((match) => match[1] ?? '')],
    // Made with a certificate authority of the deployer's (README.md, NATS).
    ['nats-tls', ['ca.crt', 'tls.crt', 'tls.key']],
    ['pgbouncer-users', byHand?.[1] === undefined ? [] : [byHand[1]]],
  ]);
};

export const loadPlatform = async (): Promise<Platform> => {
  const kustomizations = await readKustomizations(['infra/kubernetes', 'infra/knative', 'infra/postgres']);
  const manifests = await readManifests(kustomizations);
  const generators = [...kustomizations.values()].flatMap((body) => listOf(body['configMapGenerator']));
  return {
    kustomizations,
    manifests,
    workloads: manifests.filter((manifest) => containersOf(manifest).length > 0),
    configMaps: generators.reduce((maps, map) => {
      const name = textOf(at(map, 'name'));
      // A second one of a name adds to the first (`behavior: merge`).
      const files = listOf(at(map, 'files')).map((file) => basename(textOf(file)));
      return maps.set(name, [...new Set([...(maps.get(name) ?? []), ...files])].toSorted());
    }, new Map<string, readonly string[]>()),
    secrets: await readSecretKeys(),
    named: (kind, name, group = '') => {
      const found = manifests.find(
        (manifest) => manifest.kind === kind && manifest.name === name && manifest.apiVersion.startsWith(group),
      );
      if (!found) throw new Error(`no ${kind} ${name}`);
      return found;
    },
  };
};

/** Built from this repository, so its tag is the deployer's to choose. */
export const isOurs = (container: Fields): boolean => textOf(container['image']).startsWith('ghcr.io/alethic-ism/');

export const envOf = (container: Fields | undefined): ReadonlyMap<string, string> =>
  new Map(listOf(container?.['env']).map((entry) => [textOf(at(entry, 'name')), textOf(at(entry, 'value'))]));
