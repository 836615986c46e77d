import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';

export const repositoryRoot = fileURLToPath(new URL('../..', import.meta.url));

/** Loosely typed on purpose: its shape is what the tests check. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };
export type Fields = { readonly [key: string]: Json | undefined };

export const fieldsOf = (value: Json | undefined): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
export const listOf = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? (value as Json[]) : []);
export const textOf = (value: Json | undefined): string => (typeof value === 'string' ? value : '');

/** The value at a path of keys and indexes, or undefined. */
export const at = (value: Json | undefined, ...path: readonly string[]): Json | undefined =>
  path.reduce<Json | undefined>((found, key) => fieldsOf(found)[key], value);

export interface Manifest {
  /** Path below the repository's root. */
  readonly file: string;
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly body: Fields;
}

/** Every document of a YAML file. @throws Error with the parser's first complaint */
export const readYaml = async (file: string): Promise<readonly Json[]> => {
  const documents = parseAllDocuments(await readFile(join(repositoryRoot, file), 'utf8'), { merge: true });
  return [...documents].map((document) => {
    if (document.errors[0]) throw new Error(`${file}: ${document.errors[0].message}`);
    return document.toJS() as Json;
  });
};

/** Files below a folder, as paths below the repository's root. */
export const filesBelow = async (folder: string): Promise<readonly string[]> =>
  (await readdir(join(repositoryRoot, folder), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => relative(repositoryRoot, join(entry.parentPath, entry.name)))
    .toSorted();

/** What each kustomization.yaml says, by the folder that it is in. */
export const readKustomizations = async (folders: readonly string[]): Promise<ReadonlyMap<string, Fields>> => {
  const files = (await Promise.all(folders.map(filesBelow)))
    .flat()
    .filter((file) => file.endsWith('kustomization.yaml'));
  return new Map(
    await Promise.all(files.map(async (file) => [dirname(file), fieldsOf((await readYaml(file))[0])] as const)),
  );
};

/** Every object that a kustomization lists as a file of its own. */
export const readManifests = async (kustomizations: ReadonlyMap<string, Fields>): Promise<readonly Manifest[]> => {
  const files = [...kustomizations].flatMap(([folder, body]) =>
    listOf(body['resources'])
      .map(textOf)
      .filter((name) => name.endsWith('.yaml'))
      .map((name) => join(folder, name)),
  );
  const read = async (file: string): Promise<Manifest[]> =>
    (await readYaml(file)).map((document) => {
      const body = fieldsOf(document);
      return {
        file,
        apiVersion: textOf(body['apiVersion']),
        kind: textOf(body['kind']),
        name: textOf(at(body, 'metadata', 'name')),
        body,
      };
    });
  return (await Promise.all(files.map(read))).flat();
};

/** The pod that a workload makes: Deployment, StatefulSet, Job and Knative's Service alike. */
export const podSpecOf = (manifest: Manifest): Fields => fieldsOf(at(manifest.body, 'spec', 'template', 'spec'));
export const podLabelsOf = (manifest: Manifest): Fields =>
  fieldsOf(at(manifest.body, 'spec', 'template', 'metadata', 'labels'));
export const containersOf = (manifest: Manifest): readonly Fields[] =>
  listOf(podSpecOf(manifest)['containers']).map(fieldsOf);
