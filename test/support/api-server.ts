import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from '../../infra/local/free-port.ts';
import { at, fieldsOf, listOf, textOf, type Json } from './kubernetes-manifests.ts';
import { until } from './until.ts';

const run = promisify(execFile);

export interface ApiServer {
  /** Environment in which `kubectl` talks to it. */
  readonly env: Readonly<Record<string, string>>;
  readonly version: string;
  /** Runs kubectl; resolves to what it printed. @throws Error with what it said */
  kubectl(words: readonly string[], input?: string): Promise<string>;
  close(): Promise<void>;
}

export interface ApiServerOptions {
  readonly apiServer: string;
  readonly etcd: string;
  /** Folder with CRDs, applied at the start. */
  readonly crds: string;
}

/** A real kube-apiserver on a real etcd, with the admission that it has by default; no scheduler, no controllers, no node. */
export const startApiServer = async (options: ApiServerOptions): Promise<ApiServer> => {
  const folder = await mkdtemp(join(tmpdir(), 'api-server-'));
  const [etcdPort, peerPort, port] = [await freePort(), await freePort(), await freePort()];
  const children: ChildProcess[] = [];
  let output = '';
  const start = (command: string, args: readonly string[]): void => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-20_000)));
    }
    children.push(child);
  };
  const killAtExit = (): void => children.forEach((child) => child.kill('SIGKILL'));
  process.on('exit', killAtExit);
  const etcdUrl = `http://127.0.0.1:${etcdPort}`;
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  start(options.etcd, [
    ...flags({ 'data-dir': join(folder, 'etcd'), 'listen-client-urls': etcdUrl, 'advertise-client-urls': etcdUrl }),
    ...flags({ 'listen-peer-urls': peerUrl, 'initial-advertise-peer-urls': peerUrl }),
    ...flags({ 'initial-cluster': `default=${peerUrl}`, 'unsafe-no-fsync': 'true' }),
  ]);
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await writeFile(join(folder, 'sa.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
  await writeFile(join(folder, 'sa.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  await writeFile(join(folder, 'tokens.csv'), 'tester,tester,1,system:masters\n');
  start(options.apiServer, [
    ...flags({ 'etcd-servers': etcdUrl, 'bind-address': '127.0.0.1', 'secure-port': String(port), 'cert-dir': folder }),
    ...flags({
      'service-account-issuer': 'https://kubernetes.default.svc',
      'service-cluster-ip-range': '10.96.0.0/16',
    }),
    ...flags({ 'service-account-key-file': join(folder, 'sa.pub') }),
    ...flags({ 'service-account-signing-key-file': join(folder, 'sa.key') }),
    ...flags({ 'token-auth-file': join(folder, 'tokens.csv'), 'authorization-mode': 'RBAC' }),
    // Nobody makes service accounts here: that is a controller's work.
    ...flags({ 'disable-admission-plugins': 'ServiceAccount' }),
  ]);
  const kubeconfig = join(folder, 'kubeconfig');
  const cluster = { server: `https://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true };
  await writeFile(
    kubeconfig,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'test', cluster }],
      users: [{ name: 'tester', user: { token: 'tester' } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'tester' } }],
      'current-context': 'test',
    }),
  );
  const env = { PATH: process.env['PATH'] ?? '', KUBECONFIG: kubeconfig, HOME: folder };
  const kubectl = async (words: readonly string[], input?: string): Promise<string> => {
    const running = run('kubectl', words, { env, maxBuffer: 64 * 1024 * 1024 });
    if (input !== undefined) running.child.stdin?.end(input);
    return (await running).stdout;
  };
  const close = async (): Promise<void> => {
    for (const child of children.toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    process.off('exit', killAtExit);
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  };
  try {
    await until('the API server to be ready', async () => (await kubectl(['get', '--raw', '/readyz'])) === 'ok', {
      timeoutMs: 180_000,
      context: () => output,
    });
    const files = (await readdir(options.crds))
      .filter((name) => name.endsWith('.yaml'))
      .map((name) => join(options.crds, name));
    await kubectl(['apply', '--server-side', ...files.flatMap((file) => ['-f', file])]);
    await kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=120s']);
    const version = textOf(
      at(JSON.parse(await kubectl(['version', '-o', 'json'])) as Json, 'serverVersion', 'gitVersion'),
    );
    return { env, version, kubectl, close };
  } catch (error) {
    await close();
    throw new Error(`the API server does not start: ${output.slice(-3_000)}`, { cause: error });
  }
};

/** Takes a namespace away with all that is in it: what the namespace controller does, for which none is here. */
export const removeNamespace = async (server: ApiServer, name: string): Promise<void> => {
  const isThere = (await server.kubectl(['get', 'namespace', name, '--ignore-not-found', '-o', 'name'])) !== '';
  if (!isThere) return;
  const verbs = ['api-resources', '--namespaced', '--verbs=list,delete,patch', '-o', 'name'];
  const kinds = (await server.kubectl(verbs)).trim().split('\n').join(',');
  const words = ['-n', name, 'delete', kinds, '--all', '--wait=false', '--cascade=background'];
  await server.kubectl(words);
  const left = (): Promise<string> => server.kubectl(['-n', name, 'get', kinds, '-o', 'name']);
  for (const item of (await left())
    .trim()
    .split('\n')
    .filter((line) => line !== '')) {
    // A finalizer is a controller's too.
    const freed = JSON.stringify({ metadata: { finalizers: null } });
    await server.kubectl(['-n', name, 'patch', item, '--type=merge', '-p', freed]);
  }
  expectEmpty(name, await left());
  await server.kubectl(['delete', 'namespace', name, '--wait=false']);
  const finalize = { apiVersion: 'v1', kind: 'Namespace', metadata: { name }, spec: { finalizers: [] } };
  const path = `/api/v1/namespaces/${name}/finalize`;
  await server.kubectl(['replace', '--raw', path, '-f', '-'], JSON.stringify(finalize));
};

const expectEmpty = (name: string, left: string): void => {
  if (left !== '') throw new Error(`namespace ${name} still holds ${left.trim().replaceAll('\n', ', ')}`);
};

const flags = (values: Readonly<Record<string, string>>): readonly string[] =>
  Object.entries(values).map(([name, value]) => `--${name}=${value}`);

/**
 * Stands in for the controllers: says of every Job, Deployment and StatefulSet of a namespace that it is done, until stopped.
 * @param fails whether a Job of this name never completes
 */
export const pretendControllers = (
  server: ApiServer,
  namespace: string,
  fails: (job: string) => boolean = () => false,
): { stop(): Promise<void> } => {
  const stopping = new AbortController();
  const settle = async (): Promise<void> => {
    const list = JSON.parse(
      await server.kubectl(['-n', namespace, 'get', 'jobs,deployments,statefulsets', '-o', 'json']),
    ) as Json;
    for (const item of listOf(at(list, 'items'))) {
      const kind = textOf(at(item, 'kind'));
      const name = textOf(at(item, 'metadata', 'name'));
      if (at(item, 'metadata', 'deletionTimestamp') !== undefined) {
        // The garbage collector's part: what shall be orphaned is let go.
        const freed = JSON.stringify({ metadata: { finalizers: null } });
        await server.kubectl(['-n', namespace, 'patch', kind, name, '--type=merge', '-p', freed]);
        continue;
      }
      const status = statusOf(kind, item);
      if (status === undefined || (kind === 'Job' && fails(name))) continue;
      const patch = JSON.stringify({ status });
      await server.kubectl(['-n', namespace, 'patch', kind, name, '--subresource=status', '--type=merge', '-p', patch]);
    }
  };
  const loop = (async () => {
    while (!stopping.signal.aborted) {
      // An object that changes meanwhile is looked at again.
      await settle().catch(() => undefined);
      await sleep(200);
    }
  })();
  return {
    stop: async () => {
      stopping.abort();
      await loop;
    },
  };
};

/** The status of an object that is done, or undefined if it has it. */
const statusOf = (kind: string, item: Json): Json | undefined => {
  const generation = Number(at(item, 'metadata', 'generation'));
  const replicas = Number(at(item, 'spec', 'replicas') ?? 1);
  if (kind === 'Job') {
    const now = new Date(Date.now()).toISOString().replace(/\.\d+Z/, 'Z');
    if (listOf(at(item, 'status', 'conditions')).length > 0) return undefined;
    const condition = (type: string): Json => ({ type, status: 'True', lastTransitionTime: now, lastProbeTime: now });
    return {
      startTime: now,
      completionTime: now,
      succeeded: 1,
      uncountedTerminatedPods: {},
      conditions: [condition('SuccessCriteriaMet'), condition('Complete')],
    };
  }
  if (Number(at(item, 'status', 'observedGeneration')) === generation) return undefined;
  const counts = {
    observedGeneration: generation,
    replicas,
    readyReplicas: replicas,
    updatedReplicas: replicas,
    availableReplicas: replicas,
  };
  const revision = `r${generation}`;
  return kind === 'StatefulSet'
    ? { ...fieldsOf(counts), currentReplicas: replicas, currentRevision: revision, updateRevision: revision }
    : counts;
};
