import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../../infra/local/free-port.ts';
import { repositoryRoot } from './kubernetes-manifests.ts';
import { createSelfSignedCertificate } from './self-signed-certificate.ts';

const run = promisify(execFile);

/** The broker of `infra/kubernetes/nats` on this machine, with the secrets that `secrets.sh` makes. */
export interface BrokerCluster {
  /** All three servers, separated by commas. */
  readonly url: string;
  /** Where `secrets.sh` put the secrets. */
  readonly secretsDir: string;
  /** What the servers said. */
  readonly output: () => string;
  close(): Promise<void>;
}

/**
 * Starts three servers from the files that the pods mount. Only addresses and folders are changed, because they share this machine.
 * @param component folder whose files stand in place of those of the same name, as the kustomize component puts them
 */
export const startBrokerCluster = async (binary: string, component?: string): Promise<BrokerCluster> => {
  const folder = await mkdtemp(join(tmpdir(), 'state-sync-broker-'));
  const pods = await Promise.all(
    ['nats-0', 'nats-1', 'nats-2'].map(async (name) => ({
      name,
      client: await freePort(),
      cluster: await freePort(),
      monitor: await freePort(),
    })),
  );
  const scheme = component === undefined ? 'nats' : 'tls';
  const url = pods.map(({ client }) => `${scheme}://localhost:${client}`).join(',');
  const certificate = createSelfSignedCertificate('localhost');
  const tls = join(folder, 'tls');
  await mkdir(tls);
  await writeFile(join(tls, 'ca.crt'), certificate.cert);
  await writeFile(join(tls, 'tls.crt'), certificate.cert);
  await writeFile(join(tls, 'tls.key'), certificate.key);
  const secretsDir = join(folder, 'secrets');
  await run('sh', [join(repositoryRoot, 'infra/openfaas/secrets.sh'), 'files'], {
    env: {
      PATH: process.env['PATH'],
      SECRETS_DIR: secretsDir,
      DATABASE_URL: 'postgresql://app@database/ism',
      MSG_URL: url,
      ...(component === undefined ? {} : { NATS_CA: join(tls, 'ca.crt') }),
    },
  });
  const password = (part: string): Promise<string> => readFile(join(secretsDir, `nats-${part}-password`), 'utf8');
  const passwords = {
    NATS_CONNECTOR_PASSWORD: await password('connector'),
    NATS_FUNCTIONS_PASSWORD: await password('functions'),
    NATS_MANAGE_PASSWORD: await password('manage'),
    NATS_SERVICES_PASSWORD: await password('services'),
  };
  const files = new Map<string, string>();
  for (const from of ['infra/kubernetes/nats', component].filter((name) => name !== undefined)) {
    const names = (await readdir(join(repositoryRoot, from))).filter((name) => name.endsWith('.conf'));
    for (const name of names) files.set(name, await readFile(join(repositoryRoot, from, name), 'utf8'));
  }
  let output = '';
  const servers = await Promise.all(
    pods.map(async ({ name, client, cluster, monitor }) => {
      const home = join(folder, name);
      await mkdir(home);
      for (const [file, text] of files) {
        let config = text
          .replace(/^port: 4222$/m, `listen: "127.0.0.1:${client}"`)
          .replace(/^http_port: 8222$/m, `http: "127.0.0.1:${monitor}"`)
          .replace('"/data"', JSON.stringify(join(home, 'data')))
          .replace('"/var/run/nats/nats.pid"', JSON.stringify(join(home, 'nats.pid')))
          .replace(/^ {2}port: 6222$/m, `  listen: "127.0.0.1:${cluster}"`)
          .replaceAll('/etc/nats-tls', tls);
        for (const pod of pods) config = config.replace(`${pod.name}.nats-headless:6222`, `localhost:${pod.cluster}`);
        if (/4222|6222|8222/.test(config)) throw new Error(`${file} has an address that is not replaced`);
        await writeFile(join(home, file), config);
      }
      const server = spawn(binary, ['--config', join(home, 'nats.conf')], { env: { POD_NAME: name, ...passwords } });
      for (const stream of [server.stdout, server.stderr]) {
        stream.on('data', (line: Buffer) => (output = (output + line.toString()).slice(-50_000)));
      }
      return server;
    }),
  );
  const killAtExit = (): void => servers.forEach((server) => server.kill('SIGKILL'));
  process.on('exit', killAtExit);
  return {
    url,
    secretsDir,
    output: () => output,
    close: async () => {
      const ended = servers.filter(({ exitCode }) => exitCode === null).map((server) => once(server, 'exit'));
      for (const server of servers) server.kill('SIGTERM');
      await Promise.all(ended);
      process.off('exit', killAtExit);
      await rm(folder, { recursive: true, force: true });
    },
  };
};
