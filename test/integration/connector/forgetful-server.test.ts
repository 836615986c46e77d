import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { findStream } from '../../../shared/nats/ensure-stream.ts';
import { directMessage, type ConnectorBench } from '../../support/connector-bench.ts';
import { useConnectorSuite } from '../../support/connector-suite.ts';
import { makeTheirConsumer } from '../../support/foreign-consumer.ts';
import { quietTakeover } from '../../support/quiet-takeover.ts';
import { ackAll } from '../../support/scripted-function.ts';
import { natsVariants } from '../../support/test-nats.ts';
import { until } from '../../support/until.ts';

for (const variant of await natsVariants()) {
  const isNew = !variant.name.includes(' 2.9.');
  describe.skipIf(variant.binary === undefined)(`the connector and a server that forgets, on ${variant.name}`, () => {
    const suite = useConnectorSuite(variant);

    const publish = (bench: ConnectorBench, from: number, to: number) =>
      bench.publish(
        Array.from({ length: to - from }, (_, n) => ({
          payload: directMessage(`s${from + n}`, from + n),
          id: `m${from + n}`,
        })),
      );

    /** The consumer's state; what a server leaves there that is killed before it has written what came last is older. */
    const consumerFile = (): string =>
      join(suite.server.storeDir, 'jetstream/$G/streams/processor_state_sync/obs/processor_state_sync_sub_1/o.dat');

    const killServer = async (bench: ConnectorBench): Promise<void> => {
      await suite.server.kill('SIGKILL');
      await suite.server.restart();
      await until('the connection', () =>
        bench.nats.flush().then(
          () => true,
          () => false,
        ),
      );
    };

    it('waits no longer than two ack waits for what the server would deliver again in an hour', async () => {
      const { bench, target } = await suite.prepare({ syncRoute: { ackWaitSeconds: 1 } });
      await bench.publish([{ payload: directMessage('a', 0), id: 'f0' }]);
      const consumer = await makeTheirConsumer(bench.nats, 1);
      const first = await consumer.next({ expires: 10_000 });
      first!.nak(3_600_000);
      await bench.nats.flush();
      await bench.publish([{ payload: directMessage('a', 1), id: 'f1' }]);
      await bench.start(target.url);
      await until('both', () => target.acked.length === 2);
      expect(target.acked.map(({ data }) => data?.['query_state'])).toEqual([[{ n: 0 }], [{ n: 1 }]]);
      expect(bench.logs.map(({ event }) => event)).toContain('takeover_overdue');
    });

    it('delivers what is new although a killed server counts messages as unsettled that its stream holds no longer', async () => {
      const { bench, target } = await suite.prepare({
        syncRoute: { ackWaitSeconds: 1 },
        limits: { maxAttempts: 1_000_000 },
      });
      const consumer = await makeTheirConsumer(bench.nats, 1);
      await publish(bench, 0, 13);
      const taken = [];
      for (let n = 0; n < 13; n += 1) taken.push((await consumer.next({ expires: 10_000 }))!);
      await sleep(500);
      // The consumer's file as a server leaves it that is killed before it has written what came last.
      const older = await readFile(consumerFile());
      for (const message of taken.slice(1)) message.ack();
      await until('the stream to hold one', async () => (await bench.streamMessages()) === 1);
      await sleep(2_500);
      await suite.server.kill('SIGKILL');
      await writeFile(consumerFile(), older);
      await killServer(bench);
      await publish(bench, 13, 33);
      // The first one stays, so that what is gone lies behind it.
      target.script = ({ events }) => ({
        outcomes: events.map(({ id, data }) =>
          data?.['state_id'] === 's0'
            ? { id, outcome: 'retry', code: 'internal_error', reason: 'not yet', delayMs: 100 }
            : { id, outcome: 'ack' },
        ),
      });
      await bench.start(target.url);
      await until('what is new', () => target.acked.length >= 20, { timeoutMs: 8_000 });
      target.script = () => undefined;
      await until('the stream to be empty', async () => (await bench.streamMessages()) === 0);
    });

    // Its consumer's store forgets to remove what was acknowledged after neighbours were delivered again; such remains make it
    // write the wrong times down.
    it.skipIf(isNew)(
      'gets in time what a twice killed server would deliver late by the age of its oldest message (newer servers do not)',
      { timeout: 60_000 },
      async () => {
        const { bench, target } = await suite.prepare({ syncRoute: { ackWaitSeconds: 1 } });
        const consumer = await makeTheirConsumer(bench.nats, 1);
        const take = async () => (await consumer.next({ expires: 10_000 }))!;
        await publish(bench, 0, 4);
        (await take()).ack();
        const [second, third, fourth] = [await take(), await take(), await take()];
        third.nak(1);
        const again = await take();
        for (const message of [second, fourth, again]) {
          message.ack();
          await bench.nats.flush();
        }
        await publish(bench, 4, 5);
        await sleep(20_000);
        await publish(bench, 5, 13);
        for (let n = 4; n < 13; n += 1) await take();
        // The server writes its state behind: about ten times a second, and some of it every second or two.
        await sleep(2_000);
        await killServer(bench);
        await sleep(2_000);
        await killServer(bench);
        await bench.start(target.url);
        await until('all messages', () => target.acked.length === 9, { timeoutMs: 8_000 });
        await until('the stream to be empty', async () => (await bench.streamMessages()) === 0);
      },
    );

    it('gives an answer again that the server forgot, and asks no function', async () => {
      const { bench, target } = await suite.prepare({ syncRoute: { ackWaitSeconds: 1 } });
      const manager = await bench.nats.jetstreamManager({ checkAPI: false });
      await manager.streams.delete('processor_state_sync');
      // A stream that keeps what is settled, so that it can be delivered again.
      await until('the stream', () =>
        manager.streams
          .add({
            name: 'processor_state_sync',
            subjects: ['processor.state.sync', 'processor.state.sync.>'],
            retention: 'limits' as never,
          })
          .then(
            () => true,
            () => false,
          ),
      );
      const connector = await bench.start(target.url);
      await publish(bench, 0, 1);
      await until('the first', () => target.acked.length === 1);
      await sleep(500);
      const older = await readFile(consumerFile());
      await publish(bench, 1, 11);
      await until('all of them', () => target.acked.length === 11);
      await sleep(500);
      await suite.server.kill('SIGKILL');
      await writeFile(consumerFile(), older);
      await killServer(bench);
      await until('the answers again', () => connector.metrics()['redelivered_when_settled'] === 10);
      await publish(bench, 11, 12);
      await until('the next one', () => target.acked.length === 12);
      const lag = async () =>
        (await connector.lags()).find(({ stream }) => stream === 'processor_state_sync')?.messages;
      await until('no lag', async () => (await lag()) === 0);
      expect(target.acked).toHaveLength(12);
    });

    it('never answers a message of a stream that was deleted, whose place is another one’s now', async () => {
      const { bench, target } = await suite.prepare({
        syncRoute: { ackWaitSeconds: 60 },
        limits: { maxInFlightMessages: 1 },
      });
      let release = (): void => undefined;
      target.script = async ({ events }) => {
        if (target.calls.length === 1) await new Promise<void>((resolve) => (release = resolve));
        return { outcomes: ackAll(events) };
      };
      await publish(bench, 0, 1);
      await bench.start(target.url);
      await until('the call', () => target.calls.length === 1);
      const manager = await bench.nats.jetstreamManager({ checkAPI: false });
      await manager.streams.delete('processor_state_sync');
      await until(
        'the stream to be there again',
        async () => (await findStream(bench.nats, 'processor_state_sync')) !== undefined,
      );
      await until('the new stream to take a message', () =>
        publish(bench, 1, 2).then(
          () => true,
          () => false,
        ),
      );
      release();
      await until('both', () => new Set(target.acked.map(({ id }) => id)).size === 2);
      await until('the stream to be empty', async () => (await bench.streamMessages()) === 0);
    });

    it('holds nothing back for ever if it could not look at all that is under way', async () => {
      const { bench } = await suite.prepare({ syncRoute: { ackWaitSeconds: 1 } });
      const theirs = await makeTheirConsumer(bench.nats, 1);
      await publish(bench, 0, 6);
      const taken = [];
      for (let n = 0; n < 6; n += 1) taken.push((await theirs.next({ expires: 10_000 }))!);
      // The real connection, but for one request that is lost.
      let reads = 0;
      const request: typeof bench.nats.request = (subject, ...rest) => {
        if (subject.startsWith('$JS.API.STREAM.MSG.GET') && (reads += 1) === 4)
          return Promise.reject(new Error('lost'));
        return bench.nats.request(subject, ...rest);
      };
      const connection = Object.create(bench.nats, { request: { value: request } }) as typeof bench.nats;
      const blocked = new Set<number>();
      const takeover = await quietTakeover(connection, 1, {
        laneOf: ({ sequence }) => ({ functionName: 'f', key: String(sequence) }),
        onHold: ({ type, sequence }) =>
          type === 'key_blocked' ? void blocked.add(sequence) : void blocked.delete(sequence),
      });
      await expect(takeover.begin()).rejects.toThrow('lost');
      expect([...blocked]).toEqual([1, 2, 3]);
      for (const message of taken) message.ack();
      await until('nothing to be held back', () => blocked.size === 0, { timeoutMs: 5_000 });
      // Nor does a second look that finds nothing any more forget what the first one had found.
      await publish(bench, 6, 9);
      for (let n = 0; n < 3; n += 1) taken.push((await theirs.next({ expires: 10_000 }))!);
      reads = 1;
      await expect(takeover.begin()).rejects.toThrow('lost');
      expect(blocked.size).toBe(2);
      for (const message of taken) message.ack();
      await bench.nats.flush();
      await until('the answers', async () => (await theirs.info()).num_ack_pending === 0);
      await takeover.begin();
      expect(blocked.size).toBe(0);
      takeover.stop();
    });
  });
}
