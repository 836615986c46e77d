import { parse } from 'yaml';
import { fieldsOf, listOf, textOf, type Fields } from './kubernetes-manifests.ts';
import { readText } from './platform.ts';

/** What the gateway gets for one function. */
export interface DeployRequest {
  readonly service: string;
  readonly image: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly secrets?: readonly string[];
  readonly envVars?: Readonly<Record<string, string>>;
  readonly readOnlyRootFilesystem?: boolean;
}

/** `${NAME:-default}` as faas-cli replaces it, in comments too; unset is empty. */
const substitute = (text: string, env: Readonly<Record<string, string>>): string =>
  text.replaceAll(
    /\$\{([A-Z_]+)(?::-([^}]*))?\}/g,
    (_, name: string, fallback?: string) => env[name] ?? fallback ?? '',
  );

/** A stack file as faas-cli reads it. */
export const readStack = async (file: string, env: Readonly<Record<string, string>> = {}): Promise<Fields> =>
  fieldsOf(parse(substitute(await readText(file), env), { merge: true }) as Fields);

const textsOf = (value: Fields): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(value).map(([key, text]) => [key, textOf(text)]));

export const deployRequestsOf = (stack: Fields): readonly DeployRequest[] =>
  Object.entries(fieldsOf(stack['functions'])).map(([service, value]) => {
    const fields = fieldsOf(value);
    return {
      service,
      image: textOf(fields['image']),
      labels: textsOf(fieldsOf(fields['labels'])),
      annotations: textsOf(fieldsOf(fields['annotations'])),
      secrets: listOf(fields['secrets']).map(textOf),
      envVars: textsOf(fieldsOf(fields['environment'])),
      readOnlyRootFilesystem: fields['readonly_root_filesystem'] === true,
    };
  });

/** Most functions and replicas that Community allows. */
const maxFunctions = 15;
const maxReplicas = 5;

/** Why Community Edition would answer 400 to this request, by its own rules; none if it would take it. */
const requestFaults = (request: DeployRequest): readonly string[] => {
  const { labels = {}, annotations = {} } = request;
  const faults: string[] = [];
  if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(request.service)) faults.push('the name is no DNS label');
  // Anonymous pull needs a registry that the gateway's pod can reach: a host, an owner and a name.
  if (!/^[a-z0-9.-]+\.[a-z]+\/[a-z0-9._/-]+:[\w.-]+$/.test(request.image)) faults.push(`image ${request.image}`);
  if (request.namespace !== undefined && !['', 'openfaas-fn'].includes(request.namespace))
    faults.push('another namespace');
  if (labels['com.openfaas.scale.zero'] === 'true') faults.push('scale to zero');
  for (const label of ['zero-duration', 'target', 'type'].map((name) => `com.openfaas.scale.${name}`)) {
    if (label in labels) faults.push(`the label ${label}`);
  }
  for (const label of ['min', 'max'].map((name) => `com.openfaas.scale.${name}`)) {
    if (Number(labels[label] ?? 0) > maxReplicas) faults.push(`${label} over ${maxReplicas}`);
  }
  if (annotations['topic']?.includes(',') === true) faults.push('more than one topic');
  for (const key of Object.keys(annotations)) {
    if (key.includes('amazonaws.com') || key.includes('gke.io')) faults.push(`the annotation ${key}`);
  }
  return faults;
};

/** @param knownSecrets those that exist; a request that names another one is refused */
export const communityFaults = (
  requests: readonly DeployRequest[],
  knownSecrets: readonly string[],
): readonly string[] => [
  ...requests.flatMap((request) => requestFaults(request).map((fault) => `${request.service}: ${fault}`)),
  ...requests.flatMap((request) =>
    (request.secrets ?? [])
      .filter((secret) => !knownSecrets.includes(secret))
      .map((secret) => `${request.service}: no secret ${secret}`),
  ),
  ...(requests.length > maxFunctions ? [`more than ${maxFunctions} functions`] : []),
];
