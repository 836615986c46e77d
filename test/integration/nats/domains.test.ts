import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { freePort } from '../../../infra/local/free-port.ts';
import { readNatsSettings } from '../../../shared/config/nats-settings.ts';
import { connectNats, type NatsConnection } from '../../../shared/nats/connect.ts';
import { createDeadLetterStore } from '../../../shared/nats/dead-letter-store.ts';
import { ensureConsumers, readConsumerInfo } from '../../../shared/nats/ensure-consumer.ts';
import { ensureStream, findStream, findStreamOf } from '../../../shared/nats/ensure-stream.ts';
import { deliveryInfo, settle, settleUnseen } from '../../../shared/nats/jetstream-message.ts';
import { openLeaseBucket } from '../../../shared/nats/lease-bucket.ts';
import { createJetStreamPublisher } from '../../../shared/nats/jetstream-publisher.ts';
import { pullMessages } from '../../../shared/nats/pull-messages.ts';
import { nextStoredMessage } from '../../../shared/nats/read-stream.ts';
import { natsVariants, startTestNats, type TestNatsServer } from '../../support/test-nats.ts';
import { until } from '../../support/until.ts';

const settingsOf = (env: Readonly<Record<string, string>>) => readNatsSettings({ env, secretsDir: '/nowhere' });

/** Publishes, reads and settles as functions and connector do, and returns what became of it. */
const goAllTheWay = async (nats: NatsConnection, stream: string) => {
  const publisher = createJetStreamPublisher(nats);
  const message = (id: string) => ({
    stream,
    baseSubject: stream,
    subject: stream,
    id,
    payload: new TextEncoder().encode(id),
  });
  const outcomes = await publisher.publish(['a', 'b', 'c'].map(message));
  expect(outcomes).toEqual(outcomes.map(() => expect.objectContaining({ ok: true })));
  expect(await findStreamOf(nats, stream)).toBe(stream);
  const info = (await findStream(nats, stream))!;
  const [consumer] = await ensureConsumers(nats, {
    stream: info,
    durable: 'reader',
    filterSubjects: [stream, `${stream}.>`],
    ackWaitMs: 30_000,
    maxAckPending: 100,
  });
  const replies: string[] = [];
  const puller = pullMessages(nats, {
    stream,
    durable: 'reader',
    capacity: () => ({ messages: 10, bytes: 10_000_000 }),
    onMessage: (delivery) => {
      replies.push(delivery.reply!);
      if (replies.length < 3) settle.ack(nats, delivery.reply!);
    },
    restore: async () => undefined,
    onTrouble: () => undefined,
  });
  await until('three deliveries', () => replies.length === 3);
  expect(replies.map((reply) => deliveryInfo(reply).sequence)).toEqual([1, 2, 3]);
  expect(deliveryInfo(replies[0]!)).toMatchObject({ stream, consumer: 'reader', deliveryCount: 1 });
  await until('two acks', async () => (await readConsumerInfo(nats, consumer!)).num_ack_pending === 1);
  expect((await nextStoredMessage(nats, stream, 1))?.sequence).toBe(3);
  expect((await createDeadLetterStore(nats, stream).newestFirst(3, 1).next()).value).toMatchObject({ sequence: 3 });
  settleUnseen.gone(nats, { stream, durable: 'reader' }, 3);
  await until('the third ack', async () => (await readConsumerInfo(nats, consumer!)).num_ack_pending === 0);
  await puller.stop();
  await publisher.close();
  return { replies };
};

/** Whoever reads holds a lease there, too. */
const holdLease = async (nats: NatsConnection): Promise<void> => {
  const bucket = await openLeaseBucket(nats);
  if ('refused' in bucket) throw new Error(bucket.refused);
  const revision = (await bucket.write('lease.reader', 'one', 0))!;
  expect(await bucket.read('lease.reader')).toEqual({ revision, value: 'one' });
  expect(await bucket.write('lease.reader', 'three', revision + 1)).toBeUndefined();
  await bucket.put('connector.a', 'alive');
  expect(await bucket.keysBelow('connector')).toEqual(['connector.a']);
};

for (const { name, binary } of await natsVariants()) {
  const isOld = name.includes(' 2.9.');
  describe.skipIf(binary === undefined)(`JetStream elsewhere, on ${name}`, () => {
    let folder: string;
    const servers: TestNatsServer[] = [];
    const connections: NatsConnection[] = [];
    const start = async (config: string): Promise<TestNatsServer> => {
      const server = await startTestNats({ binary: binary!, config });
      servers.push(server);
      return server;
    };
    const connect = async (url: string, env: Readonly<Record<string, string>>): Promise<NatsConnection> => {
      const connection = await connectNats({ url, name: 'test', settings: settingsOf(env) });
      connections.push(connection);
      return connection;
    };

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'nats-domain-'));
    });
    afterAll(async () => {
      for (const connection of connections) await connection.close();
      for (const server of servers) await server.close();
      await rm(folder, { recursive: true, force: true });
    });

    it('a domain is reached through a leaf node that has a JetStream of its own', async () => {
      const leafPort = await freePort();
      await start(
        `jetstream { store_dir: "${folder}/hub", domain: hub }\nleafnodes { listen: "127.0.0.1:${leafPort}" }`,
      );
      const leaf = await start(
        `jetstream { store_dir: "${folder}/leaf", domain: leaf }\nleafnodes { remotes: [{ url: "nats://127.0.0.1:${leafPort}" }] }`,
      );
      const there = await connect(leaf.url, { NATS_JS_DOMAIN: 'hub' });
      await until('the leaf node is connected', async () => (await findStream(there, 'none')) === undefined);
      await goAllTheWay(there, 'sync');
      await holdLease(there);
      const here = await connect(leaf.url, {});
      expect(await findStream(here, 'sync')).toBeUndefined();
      const wrong = await connect(leaf.url, { NATS_JS_DOMAIN: 'nowhere' });
      await expect(ensureStream(wrong, { stream: 'x', baseSubject: 'x' })).rejects.toThrow(/NATS_JS_DOMAIN/);
    });

    it.skipIf(isOld)('deliveries whose ack subject names domain and account are understood', async () => {
      const server = await start(
        `jetstream { store_dir: "${folder}/v2", domain: hub }\nfeature_flags { js_ack_fc_v2: true }`,
      );
      const { replies } = await goAllTheWay(await connect(server.url, {}), 'sync');
      expect(replies[0]!.split('.').length).toBeGreaterThanOrEqual(11);
    });

    /** A JetStream of one account, and another account that imports it; with more of both. */
    const accounts = (exported = '', imported = ''): string => `accounts {
        STORE {
          jetstream: enabled
          users: [{ user: owner, password: p }]
          exports: [
            { service: "$JS.API.>", response: stream }
            { service: "sync" }
            { service: "$JS.ACK.>" }
            { stream: "$JS.EVENT.>" }
            ${exported}
          ]
        }
        APP {
          users: [{ user: app, password: p }]
          imports: [
            { service: { account: STORE, subject: "$JS.API.>" }, to: "store.api.>" }
            { service: { account: STORE, subject: "sync" } }
            { service: { account: STORE, subject: "$JS.ACK.>" } }
            ${imported}
          ]
        }
      }`;
    const ofImport = { NATS_USER: 'app', NATS_PASSWORD: 'p', NATS_JS_API_PREFIX: 'store.api' } as const;

    it('a JetStream of another account is reached by the prefix of its import', async () => {
      const server = await start(accounts());
      const app = await connect(server.url, ofImport);
      await goAllTheWay(app, 'sync');
      const without = await connect(server.url, { NATS_USER: 'app', NATS_PASSWORD: 'p' });
      await expect(findStream(without, 'sync')).rejects.toThrow(/JetStream does not answer|JetStream not enabled/i);
    });

    it('the keys of leases are imported by a line of their own; without it the connector is told what is missing', async () => {
      const without = await connect((await start(accounts())).url, ofImport);
      expect(await openLeaseBucket(without)).toEqual({
        refused: expect.stringContaining('store.api.$KV.state_sync_leases.>'),
      });
      const server = await start(
        accounts(
          '{ service: "$KV.state_sync_leases.>" }',
          '{ service: { account: STORE, subject: "$KV.state_sync_leases.>" }, to: "store.api.$KV.state_sync_leases.>" }',
        ),
      );
      await holdLease(await connect(server.url, ofImport));
    });
  });
}
