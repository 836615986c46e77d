import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { startTcpProxy } from '../../chaos/tcp-proxy.ts';
import { directMessage, type ConnectorBench } from '../../support/connector-bench.ts';
import { until } from '../../support/until.ts';
import { startConnectorProcess } from '../../support/connector-process.ts';
import { makeTheirConsumer } from '../../support/foreign-consumer.ts';
import { useConnectorSuite } from '../../support/connector-suite.ts';
import { ackAll, startScriptedFunction } from '../../support/scripted-function.ts';
import { natsVariants } from '../../support/test-nats.ts';

const ascending = (numbers: readonly number[]): readonly number[] => numbers.toSorted((a, b) => a - b);

for (const variant of await natsVariants()) {
  describe.skipIf(variant.binary === undefined)(`the connector and redelivery on ${variant.name}`, () => {
    const suite = useConnectorSuite(variant);

    const leaveUnsettled = async (bench: ConnectorBench, count: number): Promise<void> => {
      const consumer = await makeTheirConsumer(bench.nats, 4);
      const taken = await consumer.fetch({ max_messages: count, expires: 10_000 });
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
      await until('the free key', () => target.acked.some(({ data }) => data?.['state_id'] === 'free'), {
        timeoutMs: 3_500,
      });
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

    it('asks a durable for no more than its maker allows', async () => {
      const { bench, target } = await suite.prepare();
      const manager = await bench.nats.jetstreamManager({ checkAPI: false });
      await manager.consumers.add('processor_state_sync', {
        durable_name: 'processor_state_sync_sub_1',
        ack_policy: 'explicit' as never,
        max_batch: 10,
        max_expires: 2_000_000_000,
      });
      await bench.start(target.url);
      await bench.publish(Array.from({ length: 100 }, (_, n) => ({ payload: directMessage(`s${n}`, n), id: `l${n}` })));
      await until('all messages', () => target.acked.length === 100);
      await sleep(2_500);
      await bench.publish([{ payload: directMessage('late', 1), id: 'late' }]);
      await until('the late one', () => target.acked.length === 101);
      expect(bench.logs.filter(({ event }) => event === 'pull_trouble')).toEqual([]);
    });

    it('leaves to the other system what it settles after all', async () => {
      const { bench, target } = await suite.prepare();
      await bench.publish(Array.from({ length: 4 }, (_, n) => ({ payload: directMessage('a', n), id: `m${n}` })));
      const consumer = await makeTheirConsumer(bench.nats, 60);
      const first = await consumer.next({ expires: 10_000 });
      await bench.start(target.url);
      await sleep(300);
      expect(target.calls).toHaveLength(0);
      first!.ack();
      // Long before the ack wait of 60 s.
      await until('the rest', () => target.acked.length === 3);
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

    it('holds back what another one was given also if the stream keeps what is settled', async () => {
      const { bench, target } = await suite.prepare();
      const manager = await bench.nats.jetstreamManager({ checkAPI: false });
      await manager.streams.delete('processor_state_sync');
      await manager.streams.add({
        name: 'processor_state_sync',
        subjects: ['processor.state.sync', 'processor.state.sync.>'],
        retention: 'limits' as never,
      });
      const publish = (from: number, to: number) =>
        bench.publish(
          Array.from({ length: to - from }, (_, n) => ({
            payload: directMessage(`s${(from + n) % 2}`, from + n),
            id: `k${from + n}`,
          })),
        );
      await publish(0, 8);
      const consumer = await makeTheirConsumer(bench.nats, 4);
      // The first and the last two stay unsettled.
      for (let n = 0; n < 8; n += 1) {
        const message = await consumer.next({ expires: 10_000 });
        if (n > 0 && n < 6) message!.ack();
      }
      await bench.nats.flush();
      await publish(8, 12);
      await bench.start(target.url);
      await until('the rest', () => target.acked.length === 7);
      for (const state of ['s0', 's1']) {
        const own = target.acked.filter(({ data }) => data?.['state_id'] === state);
        const order = own.map(({ streamsequence }) => streamsequence);
        expect(order).toEqual(ascending(order));
      }
    });

    it('keeps the order of a key when a connection breaks with messages on their way', async () => {
      const { bench, target } = await suite.prepare({ syncRoute: { ackWaitSeconds: 2 } });
      const link = await startTcpProxy(suite.server.port, Math.random);
      const send = (n: number) => bench.publish([{ payload: directMessage('a', n), id: `b${n}` }]);
      await bench.start(target.url, { natsUrl: `nats://127.0.0.1:${link.port}` });
      await send(0);
      await until('the first', () => target.acked.length === 1);
      // The server sends, and nothing arrives.
      link.setMode({ kind: 'stall' });
      await send(1);
      await send(2);
      await sleep(100);
      link.setMode({ kind: 'open' });
      await until('the connection', () => bench.logs.some(({ event }) => event === 'nats_connected'));
      await send(3);
      await until('all of them', () => target.acked.length === 4);
      expect(target.acked.map(({ data }) => data?.['query_state'])).toEqual([0, 1, 2, 3].map((n) => [{ n }]));
      await link.close();
    });

    it('gives an answer again that was lost with its connection, so that nothing waits for it', async () => {
      const { bench, target } = await suite.prepare({ syncRoute: { ackWaitSeconds: 60 } });
      const link = await startTcpProxy(suite.server.port, Math.random);
      await bench.start(target.url, { natsUrl: `nats://127.0.0.1:${link.port}` });
      target.script = async () => {
        link.setMode({ kind: 'stall' });
        return undefined;
      };
      await bench.publish([{ payload: directMessage('a', 0), id: 'c0' }]);
      await until('the first', () => target.acked.length === 1);
      await sleep(100);
      target.script = () => undefined;
      link.setMode({ kind: 'open' });
      await until('the connection', () => bench.logs.some(({ event }) => event === 'nats_connected'));
      await bench.publish([{ payload: directMessage('a', 1), id: 'c1' }]);
      await until('the second', () => target.acked.length === 2);
      await until('the stream to be empty', async () => (await bench.streamMessages()) === 0);
      await link.close();
    });

    it('hands back at shutdown what it did not finish, so that its successor has it at once, and finishes what was under way', async () => {
      const { bench, target } = await suite.prepare({
        syncRoute: { ackWaitSeconds: 60 },
        limits: { maxBatchMessages: 10, maxConcurrentRequests: 1 },
      });
      target.script = async ({ events }) => {
        await sleep(300);
        return { outcomes: ackAll(events) };
      };
      await bench.publish(Array.from({ length: 50 }, (_, n) => ({ payload: directMessage('a', n), id: `m${n}` })));
      const first = await bench.start(target.url);
      await until('the first request', () => target.calls.length === 1);
      await first.stop(5_000);
      // How many messages had come when the first request left is the network's to say.
      const underWay = target.calls[0]!.events.length;
      expect(target.calls).toHaveLength(1);
      expect(target.acked).toHaveLength(underWay);
      await until('the rest alone to be in the stream', async () => (await bench.streamMessages()) === 50 - underWay);
      const second = await startScriptedFunction();
      await bench.start(second.url);
      // Long before the ack wait of 60 s.
      await until('the rest', () => second.acked.length === 50 - underWay, { timeoutMs: 5_000 });
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
      expect(Date.now() - startedMs).toBeLessThan(10_000);
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
      await until('the stream to be empty', async () => (await bench.streamMessages()) === 0);
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
      await until('the second message', () => distinct() === 2);
      await manager.streams.delete('processor_state_sync');
      await until('the stream to be there again', async () => {
        const names = await manager.streams.names().next();
        return names.includes('processor_state_sync');
      });
      await until('the connector to be ready', () => connector.isReady());
      // nats-server 2.9 refuses messages for a moment, while it still removes the files of the stream before.
      await until('the new stream to take a message', () =>
        bench.publish([{ payload: directMessage('a', 3) }]).then(
          () => true,
          () => false,
        ),
      );
      // The new stream counts from 1 again: the same place, another identity.
      await until('the third message', () => distinct() >= 3);
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
      await until('the second delivery', () => connector.metrics()['redelivered_while_held'] === 1);
      release();
      await until('the stream to be empty', async () => (await bench.streamMessages()) === 0);
      expect(target.calls).toHaveLength(1);
    });
  });
}
