import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { connect } from 'nats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findOnPath } from '../../infra/local/nats-binary.ts';
import { readNatsSettings } from '../../shared/config/nats-settings.ts';
import { connectNats, type NatsConnection } from '../../shared/nats/connect.ts';
import { ensureStream } from '../../shared/nats/ensure-stream.ts';
import { jetstreamManager } from '../../shared/nats/jetstream-api.ts';
import { createJetStreamPublisher } from '../../shared/nats/jetstream-publisher.ts';
import { startBrokerCluster, type BrokerCluster } from '../support/broker-cluster.ts';
import { containersOf, filesBelow, listOf, repositoryRoot, textOf } from '../support/kubernetes-manifests.ts';
import { loadPlatform, readText } from '../support/platform.ts';
import { natsVariants, startTestNats } from '../support/test-nats.ts';
import { until } from '../support/until.ts';

const run = promisify(execFile);
const variants = await natsVariants();
const isModern = (name: string): boolean => !/nats-server 2\.[0-9]\./.test(name);
const modern = variants.find(({ name, binary }) => binary !== undefined && isModern(name));
const natsNote = modern === undefined ? ` (skipped: no nats-server from 2.10 on: ${variants.at(-1)?.name ?? ''})` : '';
const natsTool = process.env['NATS_TOOL'] ?? (await findOnPath('nats', process.env['PATH'] ?? ''));
const toolNote = natsTool === undefined ? ' (skipped: the nats tool is not installed; NATS_TOOL names it)' : '';

/** A connection as a part makes it, from the secrets that it mounts. */
const enter = async (secretsDir: string, part: string, url: string): Promise<NatsConnection> => {
  const settings = readNatsSettings({ env: { NATS_CONTEXT: join(secretsDir, `nats-${part}`) }, secretsDir });
  return connectNats({ url, name: part, settings });
};

const declaredStreams = async () => {
  const files = (await filesBelow('infra/kubernetes/nats/streams')).filter((file) => file.endsWith('.json'));
  return Promise.all(
    files.map(async (file) => ({
      name: basename(file, '.json'),
      config: JSON.parse(await readText(file)) as { readonly subjects: readonly string[]; readonly max_bytes?: number },
    })),
  );
};

describe.skipIf(modern === undefined).each([
  { what: 'as it is', component: undefined },
  { what: 'with TLS', component: 'infra/kubernetes/components/nats-tls' },
])(`the broker’s configuration, $what${natsNote}`, ({ component }) => {
  let cluster: BrokerCluster;
  beforeAll(async () => {
    cluster = await startBrokerCluster(modern?.binary ?? '', component);
  }, 60_000);
  afterAll(() => cluster?.close());

  const entered = async (part: string): Promise<NatsConnection> => {
    let connection: NatsConnection | undefined;
    await until(
      `${part} to enter`,
      async () => {
        connection = await enter(cluster.secretsDir, part, cluster.url);
        return true;
      },
      { context: cluster.output },
    );
    return connection!;
  };

  it.skipIf(natsTool === undefined)(
    `makes the streams by the Job’s own script, as the user of manage, three copies each${toolNote}`,
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'state-sync-streams-'));
      const [container] = containersOf((await loadPlatform()).named('Job', 'nats-streams'));
      // The secrets as the Job's volume lays them.
      await mkdir(join(folder, 'nats/context'), { recursive: true });
      for (const name of ['msg-url', 'nats-ca']) {
        const text = await readFile(join(cluster.secretsDir, name), 'utf8').catch(() => undefined);
        if (text !== undefined) await writeFile(join(folder, name), text);
      }
      await writeFile(
        join(folder, 'nats/context/streams.json'),
        await readFile(join(cluster.secretsDir, 'nats-manage')),
      );
      const script = listOf(container?.['args'])
        .map(textOf)
        .join('\n')
        .replaceAll('/secrets/', `${folder}/`)
        .replaceAll('/streams/', `${join(repositoryRoot, 'infra/kubernetes/nats/streams')}/`);
      const env = {
        PATH: `${dirname(natsTool ?? '')}:${process.env['PATH'] ?? ''}`,
        HOME: folder,
        XDG_CONFIG_HOME: folder,
      };
      // The first leader of three is elected while the Job tries; Kubernetes runs it again too.
      let said = '';
      await until(
        'the Job to succeed',
        async () => {
          said = (await run('sh', ['-euc', script], { env })).stdout;
          return true;
        },
        { context: cluster.output },
      );
      for (const { name } of await declaredStreams()) expect(said).toContain(`stream ${name} is there`);
      await rm(folder, { recursive: true, force: true });
    },
    120_000,
  );

  it('is a cluster of three that takes the declared streams, keeps a message on all of them, and leaves dead letters room', async () => {
    const manage = await entered('manage');
    const manager = await jetstreamManager(manage);
    for (const { name, config } of await declaredStreams()) {
      await until(
        `the stream ${name}`,
        async () => {
          await manager.streams.add({ name, ...config } as never).catch(async (error: unknown) => {
            if (!/already in use/.test(String(error))) throw error;
          });
          return true;
        },
        { context: cluster.output },
      );
      const retention = name === 'state_sync_dead_letter' ? 'limits' : 'workqueue';
      // What the connector and the functions do at their start leaves the declared stream as it is.
      const info = await ensureStream(manage, { stream: name, baseSubject: config.subjects[0] ?? '', retention });
      expect(info.config).toMatchObject(config);
      expect(info.cluster?.replicas).toHaveLength(2);
      expect((info.config.max_bytes ?? -1) > 0).toBe(name === 'state_sync_dead_letter');
    }
    await manage.close();
  }, 120_000);

  it('lets services publish rows, which wait for the connector', async () => {
    const services = await entered('services');
    const publisher = createJetStreamPublisher(services, { attempts: 10, ackTimeoutMs: 2_000 });
    const [outcome] = await publisher.publish([
      {
        stream: 'processor_state_sync',
        baseSubject: 'processor.state.sync',
        subject: 'processor.state.sync',
        id: 'one',
        payload: new TextEncoder().encode('{}'),
      },
    ]);
    expect(outcome).toMatchObject({ ok: true });
    await publisher.close();
    await services.close();
  }, 60_000);

  it('lets nobody in without a password', async () => {
    const tls = component === undefined ? {} : { tls: { caFile: join(cluster.secretsDir, 'nats-ca') } };
    const servers = cluster.url.split(',');
    await expect(connect({ servers, reconnect: false, timeout: 10_000, ...tls })).rejects.toThrow(/authorization/i);
    const wrong = { user: 'manage', pass: 'guessed' };
    await expect(connect({ servers, reconnect: false, ...wrong, ...tls })).rejects.toThrow(/authorization/i);
  }, 60_000);
});

describe('a rotated password', () => {
  const users = (password: string): string =>
    `authorization { users: [ { user: connector, password: "${password}" } ] }`;

  it('is used at the next connection, without a restart of the part', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'state-sync-rotation-'));
    const write = (password: string): Promise<void> =>
      writeFile(
        join(folder, 'nats-connector'),
        JSON.stringify({ user: 'connector', password, inbox_prefix: '_INBOX_connector' }),
      );
    await write('first');
    const server = await startTestNats({ config: users('first') });
    const connection = await enter(folder, 'connector', server.url);
    await write('second');
    const configFile = join(server.storeDir, 'nats-server.conf');
    const config = await readFile(configFile, 'utf8');
    expect(config).toContain(users('first'));
    await writeFile(configFile, config.replace(users('first'), users('second')));
    await server.restart();
    // The same connection object, in the same process, answers again.
    await until('the connection to be back', async () => (await connection.rtt()) >= 0);
    await connection.close();
    await server.close();
    await rm(folder, { recursive: true, force: true });
  }, 60_000);
});
