import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { freePort } from '../../../infra/local/free-port.ts';
import { readNatsSettings } from '../../../shared/config/nats-settings.ts';
import { connectNats, type NatsConnection } from '../../../shared/nats/connect.ts';
import { ensureStream, replicasFor } from '../../../shared/nats/ensure-stream.ts';
import { createJetStreamPublisher } from '../../../shared/nats/jetstream-publisher.ts';
import type { StreamSettings } from '../../../shared/routing/stream-settings.ts';
import { natsVariants, startTestNats, type TestNatsServer } from '../../support/test-nats.ts';
import { until } from '../../support/until.ts';

const accounts = `accounts {
  BOUNDED { jetstream: { max_store: 10MB, max_bytes_required: true }, users: [{ user: bounded, password: p }] }
  OWNED {
    jetstream: enabled
    users: [
      { user: owner, password: p }
      { user: guest, password: p, permissions: {
          publish: { deny: ["$JS.API.STREAM.CREATE.>", "$JS.API.STREAM.UPDATE.>", "$JS.API.STREAM.INFO.secret"] }
          subscribe: ">" } }
    ]
  }
}`;

for (const { name, binary } of await natsVariants()) {
  describe.skipIf(binary === undefined)(`streams on ${name}`, () => {
    let server: TestNatsServer;
    const connections: NatsConnection[] = [];
    const connect = async (user: string, streams?: StreamSettings): Promise<NatsConnection> => {
      const settings = readNatsSettings({ env: { NATS_USER: user, NATS_PASSWORD: 'p' }, secretsDir: '/nowhere' });
      const connection = await connectNats({ url: server.url, name: 'test', settings, streams });
      connections.push(connection);
      return connection;
    };

    beforeAll(async () => {
      server = await startTestNats({ binary: binary!, config: accounts });
    });
    afterAll(async () => {
      for (const connection of connections) await connection.close();
      await server.close();
    });

    it('of dead letters knows for an hour what it holds, or for as long as it keeps it: who gives up again may take minutes', async () => {
      const windowOf = async (stream: string, settings: StreamSettings): Promise<number> => {
        const nats = await connect('owner', settings);
        const { config } = await ensureStream(nats, { stream, baseSubject: stream, retention: 'limits' });
        return config.duplicate_window / 1e9;
      };
      expect(await windowOf('letters', new Map())).toBe(3_600);
      expect(await windowOf('short', new Map([['short', { maxAgeSeconds: 600 }]]))).toBe(600);
      expect(await windowOf('told', new Map([['told', { duplicateWindowSeconds: 60 }]]))).toBe(60);
    });

    it('of an account that asks for max_bytes get theirs from the routing file', async () => {
      const wanted = { stream: 'sync', baseSubject: 'sync' };
      await expect(ensureStream(await connect('bounded'), wanted)).rejects.toThrow(
        'there is no stream sync, and it cannot be made: the account asks for max_bytes: set it in the section streams of the routing file',
      );
      const streams: StreamSettings = new Map([
        ['*', { maxBytes: 1_048_576, maxAgeSeconds: 86_400 }],
        ['sync', { maxBytes: 2_097_152, duplicateWindowSeconds: 600, maxMessageBytes: 524_288 }],
      ]);
      const nats = await connect('bounded', streams);
      expect((await ensureStream(nats, wanted)).config).toMatchObject({
        max_bytes: 2_097_152,
        max_age: 86_400e9,
        duplicate_window: 600e9,
        max_msg_size: 524_288,
        discard: 'new',
        num_replicas: 1,
      });
      // A stream that a publisher misses is made the same way.
      const publisher = createJetStreamPublisher(nats);
      const message = { stream: 'other', baseSubject: 'other', subject: 'other', id: '1', payload: new Uint8Array(1) };
      expect(await publisher.publish([message])).toMatchObject([{ ok: true }]);
      await publisher.close();
    });

    it('of somebody else are taken as they are, and what is missing is named', async () => {
      const owner = await connect('owner');
      const manager = await owner.jetstreamManager();
      await manager.streams.add({ name: 'theirs', subjects: ['theirs'] });
      await manager.streams.add({ name: 'narrow', subjects: ['narrow.high'] });
      await manager.streams.add({ name: 'secret', subjects: ['secret'] });
      const guest = await connect('guest');
      const warnings: string[] = [];
      const onWarning = (reason: string): void => void warnings.push(reason);
      const info = await ensureStream(guest, { stream: 'theirs', baseSubject: 'theirs', onWarning });
      expect(info.config.subjects).toEqual(['theirs']);
      expect(warnings).toEqual([
        'stream theirs does not hold theirs.>, and cannot be changed: the user may not publish to $JS.API.STREAM.UPDATE.theirs',
      ]);
      await expect(ensureStream(guest, { stream: 'narrow', baseSubject: 'narrow' })).rejects.toThrow(
        'stream narrow does not hold narrow, narrow.>, and cannot be changed: the user may not publish to $JS.API.STREAM.UPDATE.narrow',
      );
      await expect(ensureStream(guest, { stream: 'missing', baseSubject: 'missing' })).rejects.toThrow(
        'there is no stream missing, and it cannot be made: the user may not publish to $JS.API.STREAM.CREATE.missing',
      );
      await expect(ensureStream(guest, { stream: 'secret', baseSubject: 'secret' })).rejects.toThrow(
        'stream secret cannot be read: the user may not publish to $JS.API.STREAM.INFO.secret',
      );
      const publisher = createJetStreamPublisher(guest, { attempts: 2 });
      const message = {
        stream: 'missing',
        baseSubject: 'missing',
        subject: 'missing',
        id: '1',
        payload: new Uint8Array(1),
      };
      const [outcome] = await publisher.publish([message]);
      expect(outcome).toMatchObject({
        ok: false,
        error: { message: expect.stringMatching(/^no stream holds missing: there is no stream/) as unknown },
      });
      await publisher.close();
    });
  });

  describe.skipIf(binary === undefined)(`streams on a cluster of three, ${name}`, () => {
    const servers: TestNatsServer[] = [];
    let nats: NatsConnection;

    beforeAll(async () => {
      const ports = await Promise.all([freePort(), freePort(), freePort()]);
      const routes = ports.map((port) => `"nats://127.0.0.1:${port}"`).join(', ');
      // A server of a cluster is ready when the others are there.
      servers.push(
        ...(await Promise.all(
          ports.map((port) =>
            startTestNats({
              binary: binary!,
              config: `cluster { name: c, listen: "127.0.0.1:${port}", routes: [${routes}] }`,
            }),
          ),
        )),
      );
      nats = await connectNats({ url: servers[0]!.url, name: 'test' });
      await until('the cluster has a leader', async () => (await nats.jetstreamManager()) !== undefined);
    });
    afterAll(async () => {
      await nats.close();
      for (const server of servers) await server.close();
    });

    it('are made with three copies, the dead-letter stream too', async () => {
      for (const retention of ['workqueue', 'limits'] as const) {
        const info = await ensureStream(nats, { stream: retention, baseSubject: retention, retention });
        expect(info.config.num_replicas).toBe(3);
      }
    });

    it('are made with as many as the routing file says', async () => {
      const streams: StreamSettings = new Map([['*', { replicas: 1 }]]);
      const other = await connectNats({ url: servers[0]!.url, name: 'test', streams });
      expect((await ensureStream(other, { stream: 'one', baseSubject: 'one' })).config.num_replicas).toBe(1);
      await other.close();
    });
  });
}

describe('the replicas of a stream that is made', () => {
  const info = (cluster: string | undefined, urls: readonly string[]) =>
    ({ ...(cluster === undefined ? {} : { cluster }), connect_urls: urls }) as unknown as NatsConnection['info'];
  it.each([
    [undefined, [], undefined, 1, false],
    ['c', ['a', 'b', 'c'], undefined, 3, false],
    ['c', ['a', 'b'], undefined, 3, true],
    ['c', [], undefined, 3, true],
    ['c', ['a', 'b', 'c'], 1, 1, false],
    [undefined, [], 3, 3, false],
  ] as const)('cluster %s with %j and setting %s: %s', (cluster, urls, setting, replicas, mayBeFewer) => {
    expect(replicasFor(info(cluster, urls), setting)).toEqual({ replicas, mayBeFewer });
  });
});
