import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { connect, type NatsConnection, type StreamConfig } from 'nats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../infra/local/free-port.ts';
import { findOnPath } from '../../infra/local/nats-binary.ts';
import { ensureStream } from '../../shared/nats/ensure-stream.ts';
import { containersOf, filesBelow, listOf, repositoryRoot, textOf } from '../support/kubernetes-manifests.ts';
import { loadPlatform, readText } from '../support/platform.ts';
import { startTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { natsVariants } from '../support/test-nats.ts';

const run = promisify(execFile);

const variants = await natsVariants();
const isModern = (name: string): boolean => !/nats-server 2\.[0-9]\./.test(name);
const modern = variants.find(({ name, binary }) => binary !== undefined && isModern(name));
const natsNote = modern === undefined ? ` (skipped: no nats-server from 2.10 on: ${variants.at(-1)?.name ?? ''})` : '';

describe.skipIf(modern === undefined)(`the broker's configuration${natsNote}`, () => {
  const servers: ChildProcess[] = [];
  let folder: string;
  let connection: NatsConnection;
  let output = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'state-sync-broker-'));
    const text = await readText('infra/kubernetes/nats/nats.conf');
    const pods = await Promise.all(
      ['nats-0', 'nats-1', 'nats-2'].map(async (name) => ({
        name,
        client: await freePort(),
        cluster: await freePort(),
      })),
    );
    for (const { name, client, cluster } of pods) {
      // Only addresses and folders are changed: three servers share this machine.
      let config = text
        .replace(/^port: 4222$/m, `listen: "127.0.0.1:${client}"`)
        .replace(/^http_port: 8222$/m, `http: "127.0.0.1:${await freePort()}"`)
        .replace('"/data"', JSON.stringify(join(folder, name)))
        .replace('"/var/run/nats/nats.pid"', JSON.stringify(join(folder, `${name}.pid`)))
        .replace(/^ {2}port: 6222$/m, `  listen: "127.0.0.1:${cluster}"`);
      for (const pod of pods) config = config.replace(`${pod.name}.nats-headless:6222`, `127.0.0.1:${pod.cluster}`);
      expect(config).not.toMatch(/4222|6222|8222/);
      await writeFile(join(folder, `${name}.conf`), config);
      const server = spawn(modern?.binary ?? '', ['--config', join(folder, `${name}.conf`)], {
        env: { POD_NAME: name },
      });
      for (const stream of [server.stdout, server.stderr])
        stream.on('data', (line: Buffer) => (output += line.toString()));
      servers.push(server);
    }
    connection = await connect({
      servers: pods.map(({ client }) => `127.0.0.1:${client}`),
      waitOnFirstConnect: true,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 200,
    });
  }, 60_000);

  afterAll(async () => {
    await connection?.close();
    for (const server of servers) server.kill('SIGTERM');
    await Promise.all(servers.filter(({ exitCode }) => exitCode === null).map((server) => once(server, 'exit')));
    await rm(folder, { recursive: true, force: true });
  });

  it('makes a cluster of three that takes the declared streams, and keeps a message on all of them', async () => {
    const manager = await connection.jetstreamManager({ checkAPI: false });
    const files = (await filesBelow('infra/kubernetes/nats/streams')).filter((file) => file.endsWith('.json'));
    for (const file of files) {
      const declared = JSON.parse(await readText(file)) as StreamConfig;
      // The leader of three is elected first.
      const deadline = performance.now() + 20_000;
      const add = async (): Promise<void> => {
        for (;;) {
          try {
            return void (await manager.streams.add({ ...declared }));
          } catch (error) {
            if (performance.now() > deadline) throw new Error(`${file}\n${output}`, { cause: error });
            await sleep(250);
          }
        }
      };
      await add();
      const baseSubject = declared.subjects[0] ?? '';
      // What the connector and the functions do at their start leaves the declared stream as it is.
      const retention = basename(file) === 'state_sync_dead_letter.json' ? 'limits' : 'workqueue';
      const info = await ensureStream(connection, { stream: declared.name, baseSubject, retention });
      expect(info.config).toMatchObject(declared);
      await connection.jetstream().publish(baseSubject, 'hello');
      expect((await manager.streams.info(declared.name)).state.messages).toBe(1);
    }
    expect(files).toHaveLength(5);
    const { cluster } = await manager.streams.info('processor_state_sync');
    expect(cluster?.replicas).toHaveLength(2);
  }, 60_000);
});

const psql = await findOnPath('psql', process.env['PATH'] ?? '');
describe.skipIf(psql === undefined)(
  `the migration's script${psql === undefined ? ' (skipped: psql is not installed)' : ''}`,
  () => {
    let database: TestDatabase;
    let folder: string;

    beforeAll(async () => {
      database = await startTestDatabase({ migrated: false });
      folder = await mkdtemp(join(tmpdir(), 'state-sync-migration-'));
      await mkdir(join(folder, 'secrets'));
      await writeFile(join(folder, 'secrets/migration-database-url'), database.url);
    });

    afterAll(async () => {
      await database?.stop();
      await rm(folder, { recursive: true, force: true });
    });

    const migrate = async (): Promise<string> => {
      const [container] = containersOf((await loadPlatform()).named('Job', 'state-sync-migration'));
      const script = listOf(container?.['args']).map(textOf).join('\n');
      const local = script
        .replaceAll('/secrets/', `${folder}/secrets/`)
        .replaceAll('/sql/', `${join(repositoryRoot, 'infra/postgres')}/`);
      return (await run('sh', ['-euc', local])).stdout;
    };
    const tables = async (): Promise<readonly string[]> => {
      const rows = await database.pool.query<{ name: string }>(
        `select schemaname || '.' || tablename as name from pg_tables where schemaname in ('public', 'state_sync') order by 1`,
      );
      return rows.map(({ name }) => name);
    };

    it('completes an empty database, and leaves a complete one as it is', async () => {
      expect(await migrate()).toContain('the schema is complete');
      const made = await tables();
      expect(made).toEqual(expect.arrayContaining(['public.state', 'public.state_column_data', 'state_sync.ledger']));
      await database.pool.query('drop index if exists state_column_data_data_value_idx');
      expect(await migrate()).toContain('the schema is complete');
      expect(await tables()).toEqual(made);
    });

    it('changes nothing if one of its files fails', async () => {
      await database.pool.query('drop schema state_sync cascade');
      await database.pool.query('alter table state_column drop column display_order');
      await database.pool.query('create schema state_sync');
      await database.pool.query('create view state_sync.ledger as select 1 as one');
      await expect(migrate()).rejects.toThrow(/ledger/);
      const [column] = await database.pool.query<{ found: boolean }>(
        `select exists (select from information_schema.columns
         where table_name = 'state_column' and column_name = 'display_order') as found`,
      );
      expect(column).toEqual({ found: false });
    });
  },
);
