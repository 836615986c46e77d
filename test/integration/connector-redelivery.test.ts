import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { directMessage, until, type ConnectorBench } from '../support/connector-bench.ts';
import { startConnectorProcess } from '../support/connector-process.ts';
import { useConnectorSuite } from '../support/connector-suite.ts';
import { ackAll, startScriptedFunction } from '../support/scripted-function.ts';
import { natsVariants } from '../support/test-nats.ts';

const ascending = (numbers: readonly number[]): readonly number[] => numbers.toSorted((a, b) => a - b);

for (const variant of await natsVariants()) {
  const isNew = !variant.name.includes(' 2.9.');
  describe.skipIf(variant.binary === undefined)(`the connector and redelivery on ${variant.name}`, () => {
    const suite = useConnectorSuite(variant);

    /** The durable as the system that we take over from makes it, with messages in its hands. */
    const leaveUnsettled = async (bench: ConnectorBench, count: number): Promise<void> => {
      const manager = await bench.nats.jetstreamManager({ checkAPI: false });
      await manager.consumers.add('processor_state_sync', {
        durable_name: 'processor_state_sync_sub_1',
        ack_policy: 'explicit' as never,
        deliver_policy: 'all' as never,
        ack_wait: 2_000_000_000,
        max_ack_pending: 1_000,
        ...(isNew ? { filter_subjects: ['processor.state.sync', 'processor.state.sync.>'] } : {}),
      });
      const consumer = await bench.nats.jetstream().consumers.get('processor_state_sync', 'processor_state_sync_sub_1');
      const taken = await consumer.fetch({ max_messages: count, expires: 1_000 });
      let received = 0;
      for await (const _message of taken) received += 1;
      expect(received).toBe(count);
    };

    it('takes over a durable with pending and un-acknowledged messages, and keeps the order of each key', async () => {
      const { bench, target } = await suite.prepare();
      const messages = Array.from({ length: 120 }, (_, n) => ({ payload: directMessage(`s${n % 4}`, n), id: `m${n}` }));
      await bench.publish(messages);
      await leaveUnsettled(bench, 30);
      // A key that the other system holds nothing of is served at once.
      await bench.publish([{ payload: directMessage('free', 1), id: 'free' }]);
      await bench.start(target.url);
      await until('the free key', () => target.acked.some(({ data }) => data?.['state_id'] === 'free'), 1_500);
      expect(target.acked).toHaveLength(1);
      await until('all messages', () => target.acked.length === 121);
      for (const state of ['s0', 's1', 's2', 's3']) {
        const own = target.acked.filter(({ data }) => data?.['state_id'] === state);
        const order = own.map(({ streamsequence }) => streamsequence);
        expect(order).toEqual(ascending(order));
        expect(order).toHaveLength(30);
      }
      await until('the stream to be empty', async () => (await bench.streamMessages()) === 0);
    });

    it('leaves to the other system what it settles after all', async () => {
      const { bench, target } = await suite.prepare();
      await bench.publish(Array.from({ length: 4 }, (_, n) => ({ payload: directMessage('a', n), id: `m${n}` })));
      await leaveUnsettled(bench, 0).catch(() => undefined);
      const consumer = await bench.nats.jetstream().consumers.get('processor_state_sync', 'processor_state_sync_sub_1');
      const first = await consumer.next({ expires: 1_000 });
      await bench.start(target.url);
      await sleep(300);
      expect(target.calls).toHaveLength(0);
      first!.ack();
      await until('the rest', () => target.acked.length === 3, 1_800);
      expect(target.acked.map(({ data }) => data?.['query_state'])).toEqual([[{ n: 1 }], [{ n: 2 }], [{ n: 3 }]]);
    });

    it('a connector that vanishes leaves nothing behind, and its successor keeps the order', async () => {
      const { bench, target } = await suite.prepare({ syncRoute: { ackWaitSeconds: 1 } });
      await bench.publish(
        Array.from({ length: 40 }, (_, n) => ({ payload: directMessage(`s${n % 2}`, n), id: `m${n}` })),
      );
      target.script = () => 'silence';
      const doomed = await startConnectorProcess({
        natsUrl: suite.server.url,
        gatewayUrl: target.url,
        ackWaitSeconds: 1,
      });
      await until('the first requests', () => target.calls.length > 0);
      await doomed.kill('SIGKILL');
      await bench.publish(
        Array.from({ length: 20 }, (_, n) => ({ payload: directMessage(`s${n % 2}`, 100 + n), id: `n${n}` })),
      );
      const successor = await startScriptedFunction();
      await bench.start(successor.url);
      await until('all messages', () => successor.acked.length === 60);
      for (const state of ['s0', 's1']) {
        const own = successor.acked.filter(({ data }) => data?.['state_id'] === state);
        const order = own.map(({ streamsequence }) => streamsequence);
        expect(order).toEqual(ascending(order));
      }
      await until('the stream to be empty', async () => (await bench.streamMessages()) === 0);
      await successor.close();
    });

    it('hands back at shutdown what it did not finish, with a delay, and finishes what was under way', async () => {
      const { bench, target } = await suite.prepare({ limits: { maxBatchMessages: 10, maxConcurrentRequests: 1 } });
      target.script = async ({ events }) => {
        await sleep(300);
        return { outcomes: ackAll(events) };
      };
      await bench.publish(Array.from({ length: 50 }, (_, n) => ({ payload: directMessage('a', n), id: `m${n}` })));
      const first = await bench.start(target.url);
      await until('the first request', () => target.calls.length === 1);
      await first.stop(5_000);
      expect(target.acked).toHaveLength(10);
      expect(await bench.streamMessages()).toBe(40);
      const stoppedMs = Date.now();
      const second = await startScriptedFunction();
      await bench.start(second.url);
      await until('the rest', () => second.acked.length === 40, 4_000);
      // Long before the ack wait of 5 s, yet not at once.
      expect(Date.now() - stoppedMs).toBeGreaterThan(500);
      expect(second.acked.every(({ attempt }) => attempt === 2)).toBe(true);
      const order = second.acked.map(({ streamsequence }) => streamsequence);
      expect(order).toEqual(ascending(order));
      await second.close();
    });

    it('stops in time although a function does not answer', async () => {
      const { bench, target } = await suite.prepare({ limits: { requestTimeoutMs: 60_000 } });
      target.script = () => 'silence';
      await bench.publish([{ payload: directMessage('a', 1) }]);
      const connector = await bench.start(target.url);
      await until('the request', () => target.calls.length === 1);
      const startedMs = Date.now();
      await connector.stop(300);
      expect(Date.now() - startedMs).toBeLessThan(2_000);
      expect(await bench.streamMessages()).toBe(1);
    });

    it('goes on after the server was killed and started again, and loses nothing', async () => {
      const { bench, target } = await suite.prepare({ syncRoute: { ackWaitSeconds: 1 } });
      target.script = async ({ events }) => {
        await sleep(20);
        return { outcomes: ackAll(events) };
      };
      const connector = await bench.start(target.url);
      const ids = Array.from({ length: 2_000 }, (_, n) => `m${n}`);
      await bench.publish(ids.slice(0, 1_000).map((id, n) => ({ payload: directMessage(`s${n % 8}`, n), id })));
      await suite.server.kill('SIGKILL');
      await sleep(200);
      expect(connector.isReady()).toBe(false);
      await suite.server.restart();
      await bench.publish(ids.slice(1_000).map((id, n) => ({ payload: directMessage(`s${n % 8}`, n), id })));
      await until('the stream to be empty', async () => (await bench.streamMessages()) === 0, 20_000);
      const acked = new Set(target.acked.map(({ id }) => id));
      expect(ids.filter((id) => !acked.has(`processor_state_sync/${id}`))).toEqual([]);
      await until('the connector to be ready again', () => connector.isReady());
    });

    it('makes stream and consumer again when someone deletes them', async () => {
      const { bench, target } = await suite.prepare();
      const connector = await bench.start(target.url);
      // An ack that is on its way when its consumer goes is lost, so a message may come twice: identities are counted.
      const distinct = (): number => new Set(target.acked.map(({ id }) => id)).size;
      await bench.publish([{ payload: directMessage('a', 1) }]);
      await until('the first message', () => distinct() === 1);
      const manager = await bench.nats.jetstreamManager({ checkAPI: false });
      await manager.consumers.delete('processor_state_sync', 'processor_state_sync_sub_1');
      await bench.publish([{ payload: directMessage('a', 2) }]);
      await until('the second message', () => distinct() === 2, 20_000);
      await manager.streams.delete('processor_state_sync');
      await until(
        'the stream to be there again',
        async () => {
          const names = await manager.streams.names().next();
          return names.includes('processor_state_sync');
        },
        20_000,
      );
      await until('the connector to be ready', () => connector.isReady(), 20_000);
      // nats-server 2.9 refuses messages for a moment, while it still removes the files of the stream before.
      await until('the new stream to take a message', () =>
        bench.publish([{ payload: directMessage('a', 3) }]).then(
          () => true,
          () => false,
        ),
      );
      // The new stream counts from 1 again: the same place, another identity.
      await until('the third message', () => distinct() >= 3, 20_000);
    });

    it('takes a message once that is delivered again while it works on it', async () => {
      const { bench, target } = await suite.prepare({ syncRoute: { ackWaitSeconds: 1 } });
      let release = (): void => undefined;
      target.script = async ({ events }) => {
        await new Promise<void>((resolve) => (release = resolve));
        return { outcomes: ackAll(events) };
      };
      const connector = await bench.start(target.url);
      await bench.publish([{ payload: directMessage('a', 1) }]);
      await until('the call', () => target.calls.length === 1);
      // A server that forgot the delivery: the consumer is made anew and gives the message out again.
      const manager = await bench.nats.jetstreamManager({ checkAPI: false });
      await manager.consumers.delete('processor_state_sync', 'processor_state_sync_sub_1');
      await until('the second delivery', () => connector.metrics()['redelivered_while_held'] === 1, 20_000);
      release();
      await until('the stream to be empty', async () => (await bench.streamMessages()) === 0);
      expect(target.calls).toHaveLength(1);
    });
  });
}
