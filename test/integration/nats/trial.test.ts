import { connect, type NatsConnection } from 'nats';
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readStreamTexts } from '../../support/read-stream-texts.ts';
import { runStateSync } from '../../support/run-state-sync.ts';
import { createState, readRows } from '../../support/state-fixture.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';
import { natsVariants, startTestNats, type TestNatsServer } from '../../support/test-nats.ts';
import { startTestStore, type TestStore } from '../../support/test-store.ts';
import { until } from '../../support/until.ts';

const stream = 'processor_state_sync';
const subject = 'processor.state.sync';

/** The routing file of the trial in infra/migration.md: only the copy has the subject of the real stream. */
const trialRouting = (url: string): string => `
messageConfig:
  routes:
    - { selector: processor/state/sync, name: trial_state_sync, subject: processor.state.sync, url: "${url}" }
    - { selector: processor/state/router, name: trial_state_router, subject: trial.state.router, url: "${url}" }
    - { selector: processor/monitor, name: trial_monitor, subject: trial.monitor, url: "${url}" }
deadLetter: { stream: trial_dead_letter, subject: trial.dead_letter }
triggers:
  - { selector: processor/state/sync, function: state-direct, types: [query_state_direct], key: state_id }
  - { selector: processor/state/sync, function: state-route, types: [query_state_route], key: route_id }
`;

for (const variant of await natsVariants()) {
  describe.skipIf(variant.binary === undefined)(`a trial on copies, ${variant.name}`, () => {
    let database: TestDatabase;
    let nats: TestNatsServer;
    let store: TestStore;
    let client: NatsConnection;

    beforeAll(async () => {
      [database, nats] = await Promise.all([startTestDatabase(), startTestNats({ binary: variant.binary! })]);
      client = await connect({ servers: nats.url });
      store = await startTestStore({ natsUrl: nats.url, databaseUrl: database.url });
      await writeFile(store.routingFile, trialRouting(nats.url));
    });
    afterAll(async () => {
      await store?.close();
      await client?.close();
      await Promise.all([database?.stop(), nats?.close()]);
    });

    it(
      'the store stores the copies and passes them to nobody; the old service gets every message',
      { timeout: 60_000 },
      async () => {
        const state = await createState(database.pool, {
          processorsBehind: 1,
          properties: { routing: { mode: 'after_save' } },
        });
        const manager = await client.jetstreamManager();
        await manager.streams.add({
          name: stream,
          subjects: [subject, `${subject}.>`],
          retention: 'workqueue' as never,
        });
        await manager.consumers.add(stream, { durable_name: `${stream}_sub_1`, ack_policy: 'explicit' as never });
        const publish = (n: number) =>
          client
            .jetstream()
            .publish(
              subject,
              JSON.stringify({ type: 'query_state_route', route_id: state.outputRouteId, query_state: [{ n }] }),
            );
        for (let n = 0; n < 5; n += 1) await publish(n);
        const copied = await runStateSync(['streams', 'copy', stream, 'trial_state_sync'], store.env);
        expect([copied.exitCode, copied.stderr]).toEqual([0, expect.any(String)]);
        const doctor = await runStateSync(['doctor', '--json'], store.env);
        expect(doctor.stdout).not.toContain('overlap');

        await store.startConnector();
        for (let n = 5; n < 10; n += 1) await publish(n);
        await until('ten rows', async () => (await readRows(database.pool, state.stateId)).length === 10);
        expect((await readRows(database.pool, state.stateId)).map(({ n }) => n)).toEqual(
          Array.from({ length: 10 }, (_, n) => String(n)),
        );
        await until('the forwards', async () => (await readStreamTexts(client, 'trial_state_router')).length === 10);
        expect((await manager.streams.info(stream)).state.messages).toBe(10);
        const consumer = await client.jetstream().consumers.get(stream, `${stream}_sub_1`);
        const received: string[] = [];
        for await (const message of await consumer.fetch({ max_messages: 10, expires: 5_000 })) {
          received.push(message.string());
          message.ack();
        }
        expect(received).toHaveLength(10);
      },
    );
  });
}
