import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repositoryRoot, type Json, type Manifest } from './kubernetes-manifests.ts';

const run = promisify(execFile);

/** The module of a kind in the packages that carry Kubernetes', Knative's, KEDA's and the Prometheus operator's schemas. */
const moduleOf = (apiVersion: string, kind: string): string => {
  const group = apiVersion.includes('/') ? apiVersion.split('/')[0] : '';
  return `${homes[group ?? ''] ?? 'kubernetes-models'}/${apiVersion}/${kind}`;
};

/** Packages with the schemas of what is not Kubernetes' own, by API group. */
const homes: Readonly<Record<string, string>> = {
  'serving.knative.dev': '@kubernetes-models/knative',
  'monitoring.coreos.com': '@kubernetes-models/prometheus-operator',
  'keda.sh': '@kubernetes-models/keda',
};

interface Model {
  validate(): void;
}

/** Complaints of the kind's JSON schema, none if it holds: required fields, types, formats, enumerations. */
export const schemaFaults = async (manifest: Pick<Manifest, 'apiVersion' | 'kind' | 'body'>): Promise<string[]> => {
  const loaded = (await import(moduleOf(manifest.apiVersion, manifest.kind))) as Record<
    string,
    new (body: Json) => Model
  >;
  const Kind = loaded[manifest.kind];
  if (Kind === undefined) return [`no schema for ${manifest.apiVersion} ${manifest.kind}`];
  try {
    new Kind(manifest.body).validate();
    return [];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
};

/**
 * Complaints about fields that no schema knows. The JSON schemas let such fields pass, and the API server drops them
 * silently. So the TypeScript compiler checks each object, as a literal, against the types of its kind.
 */
export const unknownFieldFaults = async (
  manifests: readonly Pick<Manifest, 'apiVersion' | 'kind' | 'body'>[],
): Promise<string[]> => {
  const folder = await mkdtemp(join(repositoryRoot, 'node_modules', '.manifest-types-'));
  try {
    const lines = manifests.map(({ apiVersion, kind, body }, index) => {
      const type = `import('${moduleOf(apiVersion, kind)}').I${kind}`;
      return `export const manifest${index}: ${type} = ${JSON.stringify(body)};\n`;
    });
    await writeFile(join(folder, 'manifests.ts'), lines.join(''));
    await writeFile(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: { strict: true, noEmit: true, module: 'nodenext', skipLibCheck: true, types: [] },
        files: ['manifests.ts'],
      }),
    );
    await run(process.execPath, [join(repositoryRoot, 'node_modules/typescript/bin/tsc'), '-p', folder]);
    return [];
  } catch (error) {
    const { stdout } = error as { stdout?: string };
    if (stdout === undefined || stdout === '') throw error;
    return stdout.split('\n').filter((line) => line.includes('error TS'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};
