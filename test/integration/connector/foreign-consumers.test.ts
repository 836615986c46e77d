import { AckPolicy, connect, RetentionPolicy, type ConsumerConfig, type NatsConnection } from 'nats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { ensureConsumers } from '../../../shared/nats/ensure-consumer.ts';
import { startTestNats, type TestNatsServer } from '../../support/test-nats.ts';

let nats: TestNatsServer;
let client: NatsConnection;

beforeAll(async () => {
  nats = await startTestNats();
  client = await connect({ servers: nats.url });
});

afterAll(async () => {
  await client?.close();
  await nats?.close();
});

/** Binds to a durable that somebody else made. */
const bind = async (stream: string, made: Partial<ConsumerConfig>) => {
  const manager = await client.jetstreamManager();
  const info = await manager.streams.add({ name: stream, subjects: [stream], retention: RetentionPolicy.Limits });
  await manager.consumers.add(stream, { durable_name: 'theirs', ...made });
  const wanted = { stream: info, durable: 'theirs', filterSubjects: [stream], ackWaitMs: 90_000, maxAckPending: 1_000 };
  return await ensureConsumers(client, wanted);
};

describe('a durable of our name that somebody else made', () => {
  it('is taken as it is if every message is acknowledged by itself', async () => {
    const [bound] = await bind('explicit', { ack_policy: AckPolicy.Explicit, ack_wait: 7_000_000_000, max_deliver: 9 });
    expect(bound).toMatchObject({ durable: 'theirs', ackWaitMs: 7_000, maxDeliver: 9 });
  });

  it.each([AckPolicy.All, AckPolicy.None])('is refused with ack policy %s, which would settle more', async (policy) => {
    await expect(bind(`policy_${policy}`, { ack_policy: policy })).rejects.toThrow(
      `ack_policy is ${policy}, not explicit`,
    );
  });

  it('is refused if it pushes', async () => {
    const push = { ack_policy: AckPolicy.Explicit, deliver_subject: 'somewhere' };
    await expect(bind('push', push)).rejects.toThrow('deliver_subject makes it a push consumer');
  });
});
