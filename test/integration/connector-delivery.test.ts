import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  createBench,
  directMessage,
  until,
  type BenchOptions,
  type ConnectorBench,
} from '../support/connector-bench.ts';
import { startScriptedFunction, type ScriptedFunction } from '../support/scripted-function.ts';
import { natsVariants, startTestNats, type TestNatsServer } from '../support/test-nats.ts';

for (const variant of await natsVariants()) {
  describe.skipIf(variant.binary === undefined)(`the connector delivers on ${variant.name}`, () => {
    let server: TestNatsServer;
    let bench: ConnectorBench;
    let target: ScriptedFunction;

    beforeAll(async () => {
      server = await startTestNats({ binary: variant.binary! });
    });
    afterAll(() => server.close());

    const prepare = async (options: BenchOptions = {}): Promise<void> => {
      bench = await createBench(server.url, options);
      target = await startScriptedFunction();
    };
    afterEach(async () => {
      await bench.close();
      await target.close();
      // Every test begins with streams and consumers of its own.
      const nats = (await createBench(server.url)).nats;
      const manager = await nats.jetstreamManager({ checkAPI: false });
      for await (const stream of manager.streams.list()) await manager.streams.delete(stream.config.name);
      await nats.close();
    });

    it('sends a backlog in big batches, in order per key, and acknowledges it', async () => {
      await prepare();
      const count = 3_000;
      await bench.publish(
        Array.from({ length: count }, (_, n) => ({ payload: directMessage(`s${n % 3}`, n), id: `m${n}` })),
      );
      await bench.start(target.url);
      await until('all messages to be acknowledged', () => target.acked.length === count);
      await until('the stream to be empty', async () => (await bench.streamMessages()) === 0);
      for (const state of ['s0', 's1', 's2']) {
        const order = target.acked
          .filter(({ data }) => data?.['state_id'] === state)
          .map((event) => event.streamsequence);
        expect(order).toEqual(order.toSorted((a, b) => a - b));
      }
      expect(target.calls.length).toBeLessThan(40);
      expect(new Set(target.calls.map((call) => call.path))).toEqual(new Set(['/function/state-direct']));
    });
  });
}
