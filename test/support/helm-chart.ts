import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import {
  at,
  containersOf,
  fieldsOf,
  listOf,
  repositoryRoot,
  textOf,
  type Fields,
  type Json,
  type Manifest,
} from './kubernetes-manifests.ts';

const run = promisify(execFile);

const chart = join(repositoryRoot, 'infra/helm');

/** Every object of a text of YAML documents. */
export const manifestsOf = (text: string, file: string): readonly Manifest[] =>
  [...parseAllDocuments(text)].flatMap((document): Manifest[] => {
    if (document.errors[0]) throw new Error(`${file}: ${document.errors[0].message}`);
    const body = fieldsOf(document.toJS() as Json);
    if (body['kind'] === undefined) return [];
    return [
      {
        file,
        apiVersion: textOf(body['apiVersion']),
        kind: textOf(body['kind']),
        name: textOf(at(body, 'metadata', 'name')),
        body,
      },
    ];
  });

/** What `helm` says of the chart with these values. @throws Error with helm's complaint */
export const runHelm = async (
  helm: string,
  command: 'template' | 'lint',
  values: Json,
  namespace = 'state-sync',
): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'helm-'));
  try {
    const file = join(folder, 'values.json');
    await writeFile(file, JSON.stringify(values));
    const target = command === 'lint' ? ['lint', '--strict', chart] : ['template', 'store', chart];
    const args = [...target, '--namespace', namespace, '--values', file];
    const { stdout } = await run(helm, args, { env: { ...process.env, HOME: folder }, maxBuffer: 64 * 1024 * 1024 });
    return stdout;
  } catch (error) {
    const { stderr, stdout } = error as { stderr?: string; stdout?: string };
    const lines = `${stdout ?? ''}\n${stderr ?? String(error)}`
      .split('\n')
      .filter((line) => !line.includes('symbolic link'));
    throw new Error(lines.join('\n').trim(), { cause: error });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

/** The objects that the chart makes of these values. */
export const renderChart = async (helm: string, values: Json, namespace?: string): Promise<readonly Manifest[]> =>
  manifestsOf(await runHelm(helm, 'template', values, namespace), 'infra/helm');

/** Kustomize puts a hash of the content behind the names of ConfigMaps and Jobs, the chart behind a Job's that is no hook. */
const plainName = (kind: string, name: string): string =>
  ['ConfigMap', 'Job'].includes(kind) ? name.replace(/-(?:[bcdfghkmt2456789]{10}|[0-9a-f]{8})$/, '') : name;

const isText = (value: Json | undefined): value is string => typeof value === 'string';

/** What an object means, without what the two ways of installing it write differently on purpose. */
export const meaningOf = ({ apiVersion, kind, name, body }: Manifest): Json => {
  const simplify = (value: Json, key: string): Json => {
    if (Array.isArray(value)) {
      const items = (value as readonly Json[]).map((item) => simplify(item, key));
      return key === 'env'
        ? items.toSorted((a, b) => textOf(at(a, 'name')).localeCompare(textOf(at(b, 'name'))))
        : items;
    }
    if (isText(value) && key === 'image') return value.replace(/^(ghcr\.io\/alethic-ism\/[a-z-]+):.*$/, '$1');
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(
      Object.entries(fieldsOf(value)).flatMap(([field, inner]) => {
        if (inner === undefined || field === 'checksum/config') return [];
        const simple = simplify(inner, field);
        if (field === 'annotations' && Object.keys(fieldsOf(simple)).length === 0) return [];
        if (field === 'configMap')
          return [[field, { ...fieldsOf(simple), name: plainName('ConfigMap', textOf(at(simple, 'name'))) }]];
        return [[field, simple]];
      }),
    );
  };
  const { metadata: _metadata, ...rest } = fieldsOf(simplify(body, ''));
  return { apiVersion, kind, name: plainName(kind, name), ...rest };
};

/** The settings of a workload's only container, by name. */
export const podsEnv = (manifests: readonly Manifest[], name: string): Fields => {
  const found = manifests.find((manifest) => manifest.name === name && containersOf(manifest).length > 0);
  const entries = found === undefined ? [] : containersOf(found).flatMap((container) => listOf(container['env']));
  return Object.fromEntries(entries.map((entry) => [textOf(at(entry, 'name')), at(entry, 'value')]));
};
