import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import {
  at,
  containersOf,
  fieldsOf,
  filesBelow,
  listOf,
  repositoryRoot,
  textOf,
  type Fields,
  type Json,
  type Manifest,
} from '../support/kubernetes-manifests.ts';
import { schemaFaults, unknownFieldFaults } from '../support/manifest-schemas.ts';
import { envOf, loadPlatform, type Platform } from '../support/platform.ts';

let platform: Platform;
beforeAll(async () => {
  platform = await loadPlatform();
});

/** External Secrets' kinds have no schema here: their own CRDs check them (api-server.test.ts). */
const withSchema = (): readonly Manifest[] =>
  platform.manifests.filter(({ apiVersion }) => !apiVersion.startsWith('external-secrets.io/'));

describe('every manifest', () => {
  it('holds against the JSON schema of its kind', async () => {
    const faults = await Promise.all(
      withSchema().map(async (manifest) => (await schemaFaults(manifest)).map((fault) => `${manifest.file}: ${fault}`)),
    );
    expect(faults.flat()).toEqual([]);
    expect(platform.manifests.length).toBeGreaterThanOrEqual(30);
  });

  it('has no field that its kind does not know', async () => {
    expect(await unknownFieldFaults(withSchema())).toEqual([]);
  });

  it('would be refused with a wrong type, a missing field or a misspelt one', async () => {
    const nats = platform.named('StatefulSet', 'nats');
    const broken = (spec: Fields) => ({
      ...nats,
      body: { ...nats.body, spec: { ...fieldsOf(nats.body['spec']), ...spec } },
    });
    expect(await schemaFaults(broken({ replicas: 'three' }))).not.toEqual([]);
    expect(await schemaFaults({ ...nats, body: { ...nats.body, spec: {} } })).not.toEqual([]);
    expect(await unknownFieldFaults([broken({ replica: 3 })])).toEqual([expect.stringContaining('replica')]);
    expect(await unknownFieldFaults([nats])).toEqual([]);
  });

  it('has a name of its own within its kind', () => {
    const names = platform.manifests.map(({ apiVersion, kind, name }) => `${apiVersion} ${kind} ${name}`);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  it('is listed by the kustomization of its folder, and nothing is listed that is not there', async () => {
    const files = [...(await filesBelow('infra/kubernetes')), ...(await filesBelow('infra/knative'))];
    const expected = files.filter((file) => !/(kustomization\.yaml|\.md|\.sh)$/.test(file));
    const listed = [...platform.kustomizations]
      .filter(([folder]) => folder !== 'infra/postgres')
      .flatMap(([folder, body]) => [
        ...listOf(body['resources']).map((name) => join(folder, textOf(name))),
        ...listOf(body['components']).map((name) => join(folder, textOf(name))),
        ...listOf(body['configurations']).map((name) => join(folder, textOf(name))),
        ...listOf(body['patches']).map((patch) => join(folder, textOf(at(patch, 'path')))),
        ...listOf(body['configMapGenerator']).flatMap((map) =>
          listOf(at(map, 'files')).map((name) => join(folder, textOf(name))),
        ),
      ]);
    const folders = listed.filter((name) => !/\.[a-z]+$/.test(name));
    expect([...new Set(listed.filter((name) => !folders.includes(name)))].toSorted()).toEqual(expected.toSorted());
    expect(folders.filter((folder) => !platform.kustomizations.has(folder))).toEqual([]);
  });
});

const overlays = readdirSync(join(repositoryRoot, 'infra/kubernetes/overlays'))
  .map((name) => `overlays/${name}`)
  .concat('monitoring');
const kubectl = spawnSync('kubectl', ['kustomize', '--help']).status === 0;
describe.skipIf(!kubectl)(`kustomize${kubectl ? '' : ' (skipped: there is no kubectl on the path)'}`, () => {
  it.each(overlays)('builds %s into valid objects', async (folder) => {
    const text = execFileSync('kubectl', ['kustomize', join(repositoryRoot, 'infra/kubernetes', folder)], {
      encoding: 'utf8',
    });
    const built = parseAllDocuments(text).map((document): Manifest => {
      const body = fieldsOf(document.toJS() as Json);
      return {
        file: folder,
        apiVersion: textOf(body['apiVersion']),
        kind: textOf(body['kind']),
        name: textOf(at(body, 'metadata', 'name')),
        body,
      };
    });
    expect(built.length).toBeGreaterThan(3);
    expect(await unknownFieldFaults(built)).toEqual([]);
    for (const manifest of built) expect(await schemaFaults(manifest), `${manifest.kind} ${manifest.name}`).toEqual([]);
    const connector = built.find(({ kind, name }) => kind === 'Deployment' && name === 'connector');
    if (folder === 'overlays/kube-prometheus-stack') {
      for (const { body, name } of built.filter(({ apiVersion }) => apiVersion.startsWith('monitoring.coreos.com'))) {
        expect(at(body, 'metadata', 'labels', 'release'), name).toBe('kube-prometheus-stack');
      }
    }
    if (connector === undefined) return;
    // Where another consumer still has the streams, no connector runs.
    expect(at(connector.body, 'spec', 'replicas') === 0).toBe(folder.endsWith('-paused'));
    const env = envOf(containersOf(connector)[0] ?? {});
    // One gateway, or one host per function.
    const template = env.get('FUNCTION_URL_TEMPLATE');
    expect(env.has('GATEWAY_URL')).toBe(template === undefined);
    if (/openfaas|connector/.test(folder)) expect(template).toBeUndefined();
    else expect(template).toMatch(/^http:\/\/\{name\}\.state-sync(\.svc\.cluster\.local)?(:8080)?$/);
    if (folder.startsWith('overlays/knative')) expect(template).toBe('http://{name}.state-sync.svc.cluster.local');
  });
});
