import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { connect, type NatsConnection } from 'nats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startPostgres, type PostgresServer } from '../../../infra/local/postgres-server.ts';
import { migrate } from '../../../infra/postgres/migrate.ts';
import type { DatabasePool } from '../../../shared/postgres/database.ts';
import { createPool } from '../../../shared/postgres/pool.ts';
import { readStreamTexts } from '../../support/read-stream-texts.ts';
import { runStateSync } from '../../support/run-state-sync.ts';
import { createState, readRows, type StateFixture } from '../../support/state-fixture.ts';
import { natsVariants, startTestNats, type TestNatsServer } from '../../support/test-nats.ts';
import { startTestStore, type TestStore } from '../../support/test-store.ts';
import { until } from '../../support/until.ts';

const run = promisify(execFile);
const stream = 'processor_state_sync';
const archive = 'archive_state_sync';

for (const variant of await natsVariants()) {
  describe.skipIf(variant.binary === undefined)(`a database that is set back, ${variant.name}`, () => {
    let folder: string;
    let postgres: PostgresServer;
    let pool: DatabasePool;
    let nats: TestNatsServer;
    let client: NatsConnection;
    let store: TestStore;
    let state: StateFixture;
    const password = randomUUID();

    const startDatabase = async (port = 0): Promise<void> => {
      postgres = await startPostgres({
        dataDir: join(folder, 'data'),
        port,
        user: 'tester',
        password,
        database: 'test',
        args: ['-c', 'shared_buffers=32MB', '-c', 'fsync=off'],
        onLog: () => undefined,
      });
      pool = createPool(postgres.url, { max: 2 });
    };
    const startStore = async (): Promise<void> => {
      store = await startTestStore({ natsUrl: nats.url, databaseUrl: postgres.url });
      await store.startConnector();
    };
    /** Stops all that uses the database and the database itself, does something with its files, and starts all again. */
    const whileStopped = async (work: () => Promise<unknown>): Promise<void> => {
      await store.close();
      await pool.end();
      const { port } = postgres;
      await postgres.stop();
      await work();
      await startDatabase(port);
      await startStore();
    };
    const waiting = async (): Promise<number> =>
      (await (await client.jetstreamManager()).streams.info(stream)).state.messages;
    /** Rows that were passed on; rows of messages that were stored together may travel together. */
    const forwarded = async (): Promise<readonly string[]> => {
      const texts = await readStreamTexts(client, 'test_processors');
      return texts.flatMap((text) =>
        (JSON.parse(text) as { query_state: readonly { n: number }[] }).query_state.map(({ n }) => String(n)),
      );
    };
    const rows = async (): Promise<readonly (string | null | undefined)[]> =>
      (await readRows(pool, state.stateId)).map(({ n }) => n);
    const numbers = (from: number, to: number): readonly string[] =>
      Array.from({ length: to - from }, (_, n) => String(from + n));

    /** Every second message has an id of its producer's; one of the others is known by its place in the stream. */
    const publish = async (from: number, to: number): Promise<void> => {
      for (let n = from; n < to; n += 1) {
        const body = JSON.stringify({ type: 'query_state_route', route_id: state.outputRouteId, query_state: [{ n }] });
        await client.jetstream().publish('processor.state.sync', body, n % 2 === 0 ? { msgID: `message ${n}` } : {});
      }
    };
    /** Stored, passed on by way of the router, and settled. */
    const allAreSettled = (count: number): Promise<void> =>
      until(
        `${count} rows, stored and passed on`,
        async () =>
          (await rows()).length === count && (await waiting()) === 0 && new Set(await forwarded()).size === count,
      );

    beforeAll(async () => {
      folder = await mkdtemp('/var/tmp/state-sync-restore-');
      await chmod(folder, 0o755);
      [nats] = await Promise.all([startTestNats({ binary: variant.binary! }), startDatabase()]);
      await migrate(postgres.url);
      state = await createState(pool, { processorsBehind: 1, properties: { routing: { mode: 'after_save' } } });
      client = await connect({ servers: nats.url });
      await startStore();
    }, 60_000);
    afterAll(async () => {
      await store?.close();
      await client?.close();
      await pool?.end();
      await Promise.all([postgres?.stop(), nats?.close()]);
      await rm(folder, { recursive: true, force: true });
    });

    it(
      'gets back what came after that point from the archive, and stores nothing twice of what came before it',
      { timeout: 180_000 },
      async () => {
        const made = await runStateSync(['streams', 'archive', stream, archive, '--days', '8'], store.env);
        expect([made.exitCode, made.stdout]).toEqual([0, expect.stringContaining(archive)]);
        const startedAt = new Date().toISOString();
        await publish(0, 20);
        await allAreSettled(20);
        await whileStopped(() => run('cp', ['-a', join(folder, 'data'), join(folder, 'backup')]));

        const backedUpAt = new Date().toISOString();
        await publish(20, 40);
        await allAreSettled(40);
        expect(await rows()).toEqual(numbers(0, 40));
        expect(await forwarded()).toEqual(numbers(0, 40));
        const kept = async (): Promise<number> =>
          (await (await client.jetstreamManager()).streams.info(archive)).state.messages;
        await until('the archive has what the stream let go', async () => (await kept()) === 40);

        await whileStopped(async () => {
          await rm(join(folder, 'data'), { recursive: true });
          await run('cp', ['-a', join(folder, 'backup'), join(folder, 'data')]);
        });
        expect(await rows()).toEqual(numbers(0, 20));

        // From the backup's own point on, then from long before it: half of these are stored already.
        const replayed = await runStateSync(['streams', 'replay', archive, '--since', backedUpAt, '--json'], store.env);
        expect(replayed.json()).toEqual({ stream, messages: 20, missing: 0, complete: true });
        await allAreSettled(40);
        expect(await rows()).toEqual(numbers(0, 40));
        const again = await runStateSync(['streams', 'replay', archive, '--since', startedAt, '--json'], store.env);
        expect(again.json()).toMatchObject({ messages: expect.any(Number) as number });
        expect((again.json() as { messages: number }).messages).toBeGreaterThanOrEqual(40);
        await until('an empty stream', async () => (await waiting()) === 0);
        expect(await rows()).toEqual(numbers(0, 40));
        // Forwards carry the same ids again: within `duplicate_window` the next stream drops them.
        expect(await forwarded()).toEqual(numbers(0, 40));
      },
    );

    it('takes no copy for an archive, and says what makes one', async () => {
      await runStateSync(['streams', 'copy', stream, 'a_copy'], store.env);
      const refused = await runStateSync(['streams', 'replay', 'a_copy', '--since', '2026-01-31T11:55:00Z'], store.env);
      expect(refused.exitCode).not.toBe(0);
      expect(refused.stderr).toContain('streams archive');
      const unreadable = await runStateSync(['streams', 'replay', archive, '--since', 'yesterday'], store.env);
      expect(unreadable.stderr).toContain('--since yesterday');
    });
  });
}
