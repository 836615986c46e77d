import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { connectNats, type NatsConnection } from '../../../shared/nats/connect.ts';
import { ensureConsumers } from '../../../shared/nats/ensure-consumer.ts';
import { findStream } from '../../../shared/nats/ensure-stream.ts';
import { pullMessages } from '../../../shared/nats/pull-messages.ts';
import { natsVariants, startTestNats, type TestNatsServer } from '../../support/test-nats.ts';
import { until } from '../../support/until.ts';

const ms = 1_000_000;

for (const { name, binary } of await natsVariants()) {
  const isOld = name.includes(' 2.9.');
  describe.skipIf(binary === undefined)(`a durable of another system on ${name}`, () => {
    let server: TestNatsServer;
    let nats: NatsConnection;
    let streams = 0;

    beforeAll(async () => {
      server = await startTestNats({ binary: binary! });
      nats = await connectNats({ url: server.url, name: 'test' });
    });
    afterAll(async () => {
      await nats.close();
      await server.close();
    });

    /** Makes a stream and a durable with these fields as another tool would, and binds to it as the connector does. */
    const bind = async (fields: Readonly<Record<string, unknown>>) => {
      const stream = `s${++streams}`;
      const call = async (subject: string, request: object): Promise<void> => {
        const answer = (await nats.request(`$JS.API.${subject}`, JSON.stringify(request))).json<{ error?: object }>();
        if (answer.error !== undefined) throw new Error(`the server says ${JSON.stringify(answer.error)}`);
      };
      await call(`STREAM.CREATE.${stream}`, {
        name: stream,
        subjects: [stream, `${stream}.>`],
        retention: 'limits',
        storage: 'memory',
      });
      const config = {
        durable_name: 'theirs',
        ack_policy: 'explicit',
        deliver_policy: 'all',
        replay_policy: 'instant',
        ...fields,
      };
      await call(`CONSUMER.DURABLE.CREATE.${stream}.theirs`, { stream_name: stream, config });
      const info = await findStream(nats, stream);
      const wanted = {
        stream: info!,
        durable: 'theirs',
        filterSubjects: [stream, `${stream}.>`],
        ackWaitMs: 90_000,
        maxAckPending: 1_000,
      };
      return { stream, bound: await ensureConsumers(nats, wanted) };
    };

    it.each<[string, Record<string, unknown>, RegExp, boolean]>([
      [
        'headers only',
        { headers_only: true },
        /theirs of stream s\d+ cannot be read: headers_only takes the payload away/,
        false,
      ],
      ['push', { deliver_subject: 'push.it' }, /deliver_subject makes it a push consumer/, false],
      [
        'push with its fields',
        {
          deliver_subject: 'push.it',
          flow_control: true,
          idle_heartbeat: 5_000 * ms,
          rate_limit_bps: 1_024,
          deliver_group: 'g',
        },
        /flow_control belongs to a push consumer/,
        false,
      ],
      ['ack none', { ack_policy: 'none' }, /ack_policy is none, not explicit/, false],
      ['ack all', { ack_policy: 'all' }, /ack_policy is all, not explicit/, false],
      [
        'requests of few bytes',
        { max_bytes: 512 },
        /max_bytes is 512, and the stream takes messages of 1048576 bytes/,
        false,
      ],
      ['requests of a moment', { max_expires: 10 * ms }, /max_expires is 10 ms/, false],
      [
        'pinned clients',
        { priority_groups: ['g'], priority_policy: 'pinned_client', priority_timeout: 5_000 * ms },
        /priority_policy is pinned_client: its pulls need a group/,
        true,
      ],
      ['overflow', { priority_groups: ['g'], priority_policy: 'overflow' }, /priority_policy is overflow/, true],
      ['another subject', { filter_subject: 's0.other' }, /takes only|not a valid subset|cannot be made/, true],
    ])('that works with %s is refused by name', async (_what, fields, reason, newOnly) => {
      if (isOld && newOnly) return;
      await expect(bind(fields)).rejects.toThrow(reason);
    });

    it.each<[Record<string, unknown>, string]>([
      [{ max_waiting: 1 }, 'max_waiting'],
      [{ max_ack_pending: 1 }, 'max_ack_pending'],
      [{ ack_wait: 1 * ms }, 'ack_wait'],
      [{ max_deliver: 3, backoff: [10 * ms, 20 * ms] }, 'backoff'],
      [{ max_deliver: 3 }, 'max_deliver'],
      [{ deliver_policy: 'new' }, 'deliver_policy'],
      [{ deliver_policy: 'by_start_sequence', opt_start_seq: 5 }, 'opt_start_seq'],
      [{ replay_policy: 'original' }, 'replay_policy'],
      [{ inactive_threshold: 60_000 * ms }, 'inactive_threshold'],
      [{ mem_storage: true }, 'mem_storage'],
    ])('with %j is read, with a warning', async (fields, field) => {
      const { bound } = await bind(fields);
      expect(bound[0]?.warnings.join()).toContain(`${field} `);
    });

    it('that allows requests of one message is read one by one', async () => {
      const { stream, bound } = await bind({ max_batch: 1, max_expires: 1_000 * ms, max_bytes: 2_097_152 });
      const { requestLimits } = bound[0]!;
      expect(requestLimits).toMatchObject({ messages: 1, expiresMs: 1_000 });
      const seen: string[] = [];
      const troubles: string[] = [];
      const puller = pullMessages(nats, {
        stream,
        durable: 'theirs',
        capacity: () => ({ messages: 1, bytes: 2_097_152 }),
        expiresMs: () => 1_000,
        onMessage: (message) => seen.push(message.subject),
        restore: async () => undefined,
        onTrouble: (detail) => troubles.push(detail),
      });
      for (let index = 0; index < 3; index += 1) nats.publish(`${stream}.${index}`, 'x');
      await until('three messages', () => seen.length === 3);
      expect(troubles).toEqual([]);
      await puller.stop();
    });

    it('is asked seldom for a message that is larger than a request may be, and it is told', async () => {
      const { stream } = await bind({});
      const troubles: string[] = [];
      const puller = pullMessages(nats, {
        stream,
        durable: 'theirs',
        capacity: () => ({ messages: 10, bytes: 1_000 }),
        onMessage: () => undefined,
        restore: async () => undefined,
        onTrouble: (detail) => troubles.push(detail),
      });
      await nats.jetstream().publish(stream, new Uint8Array(5_000));
      await until('the trouble is told', () => troubles.length > 0);
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(troubles).toHaveLength(1);
      expect(troubles[0]).toContain('larger than a request may ask for');
      expect(puller.healthy).toBe(false);
      await puller.stop();
    });
  });
}
