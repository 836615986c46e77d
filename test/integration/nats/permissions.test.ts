import { readFile } from 'node:fs/promises';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { readNatsSettings } from '../../../shared/config/nats-settings.ts';
import { connectNats, type NatsConnection } from '../../../shared/nats/connect.ts';
import { archiveStream, readArchive } from '../../../shared/nats/archive-stream.ts';
import { createDeadLetterStore } from '../../../shared/nats/dead-letter-store.ts';
import { ensureConsumers } from '../../../shared/nats/ensure-consumer.ts';
import { ensureStream, findStream } from '../../../shared/nats/ensure-stream.ts';
import { jetstreamManager } from '../../../shared/nats/jetstream-api.ts';
import { openLeaseBucket } from '../../../shared/nats/lease-bucket.ts';
import { settle } from '../../../shared/nats/jetstream-message.ts';
import { createJetStreamPublisher } from '../../../shared/nats/jetstream-publisher.ts';
import { openPauses, readPauses, watchPauses } from '../../../shared/nats/pause-bucket.ts';
import { publishCore } from '../../../shared/nats/publish-core.ts';
import { pullMessages } from '../../../shared/nats/pull-messages.ts';
import { nextStoredMessage } from '../../../shared/nats/read-stream.ts';
import { answerAsReplica, askReplicas } from '../../../shared/nats/replica-channel.ts';
import { serveRequests } from '../../../shared/nats/serve-requests.ts';
import { readStreamStatus } from '../../../shared/nats/stream-status.ts';
import { watchDeletion } from '../../../shared/nats/watch-deletion.ts';
import { natsVariants, startTestNats, type TestNatsServer } from '../../support/test-nats.ts';
import { until } from '../../support/until.ts';

const file = new URL('../../../infra/kubernetes/nats/users.conf', import.meta.url);
const parts = ['connector', 'functions', 'manage', 'services'] as const;
type Part = (typeof parts)[number];

const syncStream = { stream: 'processor_state_sync', baseSubject: 'processor.state.sync' } as const;
const routerStream = { stream: 'processor_state_router', baseSubject: 'processor.state.router' } as const;
const deadStream = { stream: 'state_sync_dead_letter', baseSubject: 'state_sync.dead_letter' } as const;
const manageTopic = 'ism_state_sync_store_manage';
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

for (const { name, binary } of await natsVariants()) {
  describe.skipIf(binary === undefined)(`with the users of users.conf on ${name}`, () => {
    let server: TestNatsServer;
    const connections = new Map<Part, NatsConnection>();
    const refusals = new Map<Part, string[]>(parts.map((part) => [part, []]));
    const as = (part: Part): NatsConnection => connections.get(part)!;

    beforeAll(async () => {
      const passwords = parts.map((part) => `NATS_${part.toUpperCase()}_PASSWORD: "${part}"`);
      server = await startTestNats({
        binary: binary!,
        config: [...passwords, await readFile(file, 'utf8')].join('\n'),
      });
      for (const part of parts) {
        const env = {
          NATS_USER: part,
          NATS_PASSWORD: part,
          ...(part === 'services' ? {} : { NATS_INBOX_PREFIX: `_INBOX_${part}` }),
        };
        const onStatus = (status: string, detail: string): void => {
          if (status === 'error') refusals.get(part)!.push(detail);
        };
        const settings = readNatsSettings({ env, secretsDir: '/nowhere' });
        connections.set(part, await connectNats({ url: server.url, name: part, settings, onStatus }));
      }
    });
    afterAll(async () => {
      for (const connection of connections.values()) await connection.close();
      await server.close();
    });

    const publish = async (
      part: Part,
      { stream, baseSubject }: { readonly stream: string; readonly baseSubject: string },
      id: string,
    ) => {
      const publisher = createJetStreamPublisher(as(part), { attempts: 2, ackTimeoutMs: 500 });
      const [outcome] = await publisher.publish([
        { stream, baseSubject, subject: baseSubject, id, payload: bytes(id) },
      ]);
      await publisher.close();
      return outcome!.ok;
    };

    it('the connector makes its streams, reads, settles, dead-letters, and answers management requests', async () => {
      const nats = as('connector');
      const stream = await ensureStream(nats, syncStream);
      await ensureStream(nats, routerStream);
      await ensureStream(nats, { ...deadStream, retention: 'limits' });
      const [consumer] = await ensureConsumers(nats, {
        stream,
        durable: 'processor_state_sync_sub_1',
        filterSubjects: ['processor.state.sync', 'processor.state.sync.>'],
        ackWaitMs: 30_000,
        maxAckPending: 100,
      });
      expect(consumer?.durable).toBe('processor_state_sync_sub_1');
      const unwatch = watchDeletion(nats, syncStream.stream, () => undefined);
      let read = 0;
      const puller = pullMessages(nats, {
        stream: syncStream.stream,
        durable: consumer!.durable,
        capacity: () => ({ messages: 10, bytes: 10_000_000 }),
        onMessage: (message) => {
          read += 1;
          settle.ack(nats, message.reply!);
        },
        restore: async () => undefined,
        onTrouble: () => undefined,
      });
      expect(await publish('services', syncStream, 'from a service')).toBe(true);
      await until('the message is read', () => read === 1);
      await until('and settled', async () => (await findStream(nats, syncStream.stream))!.state.messages === 0);
      expect(await nextStoredMessage(nats, syncStream.stream, 1)).toBeUndefined();
      expect(await publish('connector', deadStream, 'given up')).toBe(true);
      serveRequests(nats, {
        subject: manageTopic,
        queue: manageTopic,
        answer: () => Promise.resolve({ payload: bytes('{}') }),
        onError: () => undefined,
      });
      await nats.flush();
      await puller.stop();
      unwatch();
      expect(refusals.get('connector')).toEqual([]);
    });

    it('the connector holds leases: keys of a bucket that it makes, writes and compares', async () => {
      const bucket = await openLeaseBucket(as('connector'));
      if ('refused' in bucket) throw new Error(bucket.refused);
      const revision = (await bucket.write('lease.sync', 'one', 0))!;
      expect(await bucket.read('lease.sync')).toEqual({ revision, value: 'one' });
      expect(await bucket.write('lease.sync', 'two', revision)).toBeGreaterThan(revision);
      expect(await bucket.write('lease.sync', 'three', revision)).toBeUndefined();
      await bucket.put('connector.a', 'alive');
      expect(await bucket.keysBelow('connector')).toEqual(['connector.a']);
      expect(refusals.get('connector')).toEqual([]);
    });

    it('manage writes what is paused, and the connector hears of it', async () => {
      const pause = { kind: 'state', id: 's:1', name: null, keys: [], sinceMs: 1, untilMs: null, by: 'Ada' } as const;
      let changes = 0;
      await watchPauses(as('connector'), () => (changes += 1));
      const bucket = await openPauses(as('manage'));
      await bucket.put(pause);
      await until('the connector hears of it', () => changes > 0);
      expect(await readPauses(as('connector'))).toEqual([pause]);
      expect(await readPauses(as('manage'))).toEqual([pause]);
      expect(await bucket.remove(pause)).toBe(true);
      expect(await bucket.remove(pause)).toBe(false);
      expect(await readPauses(as('connector'))).toEqual([]);
      expect([refusals.get('connector'), refusals.get('manage')]).toEqual([[], []]);
    });

    it('another part may not: it is told which right is missing, and that makes no difference later', async () => {
      const bucket = await openLeaseBucket(as('functions'));
      expect('refused' in bucket && bucket.refused).toMatch(/state_sync_leases|permissions/i);
      refusals.set('functions', []);
    });

    it('functions forward, make missing streams, and hear what is said to every replica', async () => {
      expect(await publish('functions', routerStream, 'a forward')).toBe(true);
      const processors = { stream: 'demo_processors', baseSubject: 'demo.processors.echo' };
      expect(await publish('functions', processors, 'for a processor')).toBe(true);
      answerAsReplica(as('functions'), {
        subject: `${manageTopic}.replicas`,
        token: 't',
        answer: () => 'heard',
        onError: () => undefined,
      });
      await as('functions').flush();
      const options = { subject: `${manageTopic}.replicas`, token: 't', waitMs: 500 };
      expect(await askReplicas(as('manage'), {}, options)).toEqual(['heard']);
      expect(refusals.get('functions')).toEqual([]);
    });

    it('manage reads streams, replays and purges dead letters', async () => {
      const nats = as('manage');
      expect((await readStreamStatus(nats, syncStream.stream))?.consumers).toHaveLength(1);
      const letters = createDeadLetterStore(nats, deadStream.stream);
      expect((await letters.summary())?.messages).toBe(1);
      expect(await letters.get(1)).toBeDefined();
      expect(await publish('manage', syncStream, 'a replay')).toBe(true);
      expect(await letters.remove(1)).toBe(true);
      expect(await letters.purge(10)).toBe(0);
      expect(refusals.get('manage')).toEqual([]);
    });

    it('manage makes archives of both streams and reads them back', async () => {
      const nats = as('manage');
      for (const [source, archive] of [
        [syncStream, 'archive_state_sync'],
        [routerStream, 'archive_state_router'],
      ] as const) {
        await archiveStream(nats, { stream: source.stream, archive, maxAgeMs: 3_600_000 });
        expect(await publish('services', source, `into ${archive}`)).toBe(true);
        await until('the archive has it', async () => (await findStream(nats, archive))!.state.messages > 0);
        const { stream, messages } = await readArchive(nats, archive, 0);
        const read: string[] = [];
        for await (const { payload } of messages()) read.push(new TextDecoder().decode(payload));
        expect(stream).toBe(source.stream);
        expect(read).toContain(`into ${archive}`);
      }
      expect(refusals.get('manage')).toEqual([]);
    });

    it.each<[Part, string, (nats: NatsConnection) => Promise<unknown>]>([
      [
        'services',
        'purge the sync stream',
        async (nats) => (await jetstreamManager(nats, 500)).streams.purge(syncStream.stream),
      ],
      [
        'services',
        'delete the sync stream',
        async (nats) => (await jetstreamManager(nats, 500)).streams.delete(syncStream.stream),
      ],
      [
        'services',
        'pause a state',
        (nats) => publishCore(nats, [{ subject: '$KV.state_sync_pauses.state.x', payload: bytes('{}') }]),
      ],
      [
        'services',
        'read dead letters',
        async (nats) => (await jetstreamManager(nats, 500)).streams.getMessage(deadStream.stream, { seq: 1 }),
      ],
      [
        'services',
        'delete the connector’s durable',
        async (nats) =>
          (await jetstreamManager(nats, 500)).consumers.delete(syncStream.stream, 'processor_state_sync_sub_1'),
      ],
      [
        'services',
        'command the replicas',
        (nats) => publishCore(nats, [{ subject: `${manageTopic}.replicas`, payload: bytes('{}') }]),
      ],
      [
        'functions',
        'read dead letters',
        async (nats) => (await jetstreamManager(nats, 500)).streams.getMessage(deadStream.stream, { seq: 1 }),
      ],
      [
        'functions',
        'settle what the connector reads',
        (nats) =>
          publishCore(nats, [
            { subject: '$JS.ACK.processor_state_sync.processor_state_sync_sub_1.1.1.0.0.0', payload: bytes('+ACK') },
          ]),
      ],
      [
        'functions',
        'publish rows to store',
        (nats) => publishCore(nats, [{ subject: syncStream.baseSubject, payload: bytes('{}') }]),
      ],
      [
        'connector',
        'publish rows to store',
        (nats) => publishCore(nats, [{ subject: syncStream.baseSubject, payload: bytes('{}') }]),
      ],
      [
        'connector',
        'purge dead letters',
        async (nats) => (await jetstreamManager(nats, 500)).streams.purge(deadStream.stream),
      ],
      [
        'manage',
        'purge the sync stream',
        async (nats) => (await jetstreamManager(nats, 500)).streams.purge(syncStream.stream),
      ],
    ])('%s may not %s', async (part, _what, act) => {
      const told = refusals.get(part)!;
      const before = told.length;
      await act(as(part)).catch(() => undefined);
      await until('the server refuses', () => told.length > before);
      expect(told.at(-1)).toMatch(/^the user may not publish /);
    });
  });
}
