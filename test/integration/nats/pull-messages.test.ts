import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { connectNats, type NatsConnection } from '../../../shared/nats/connect.ts';
import { ensureConsumers } from '../../../shared/nats/ensure-consumer.ts';
import { ensureStream } from '../../../shared/nats/ensure-stream.ts';
import { settle } from '../../../shared/nats/jetstream-message.ts';
import { pullMessages } from '../../../shared/nats/pull-messages.ts';
import { natsVariants, startTestNats, type TestNatsServer } from '../../support/test-nats.ts';
import { until } from '../../support/until.ts';

for (const { name, binary } of await natsVariants()) {
  describe.skipIf(binary === undefined)(`pulling on ${name}`, () => {
    let server: TestNatsServer;
    let nats: NatsConnection;
    beforeAll(async () => {
      server = await startTestNats({ binary: binary! });
      nats = await connectNats({ url: server.url, name: 'test' });
    });
    afterAll(async () => {
      await nats.close();
      await server.close();
    });

    it('goes on after a message whose reader throws, also if it is the last one that was asked for', async () => {
      const stream = await ensureStream(nats, { stream: 'orders', baseSubject: 'orders' });
      const [consumer] = await ensureConsumers(nats, {
        stream,
        durable: 'reader',
        filterSubjects: ['orders', 'orders.>'],
        ackWaitMs: 1_000,
        maxAckPending: 10,
      });
      for (let n = 0; n < 3; n += 1) await nats.jetstream().publish('orders', String(n));
      const read: string[] = [];
      const troubles: string[] = [];
      let thrown = 0;
      const puller = pullMessages(nats, {
        stream: consumer!.stream,
        durable: consumer!.durable,
        capacity: () => ({ messages: 1, bytes: 1_000_000 }),
        onMessage: (message) => {
          if (message.string() === '0' && thrown === 0) {
            thrown += 1;
            throw new Error('unexpected');
          }
          read.push(message.string());
          settle.ack(nats, message.reply!);
        },
        restore: () => Promise.resolve(),
        onTrouble: (detail) => void troubles.push(detail),
      });
      // What was not taken comes again after its ack wait.
      await until('all of them', () => read.length === 3);
      expect(read.toSorted()).toEqual(['0', '1', '2']);
      expect(troubles).toEqual(['a message was not taken']);
      expect(puller.healthy).toBe(true);
      await puller.stop();
    });
  });
}
