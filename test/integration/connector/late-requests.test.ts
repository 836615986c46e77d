import { describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../../infra/connector/clock.ts';
import type { Takeover, TakeoverOptions } from '../../../infra/connector/intake/takeover.ts';
import type { Tenure } from '../../../infra/connector/lease/tenure.ts';
import { directMessage, type ConnectorBench } from '../../support/connector-bench.ts';
import { useConnectorSuite } from '../../support/connector-suite.ts';
import { makeTheirConsumer } from '../../support/foreign-consumer.ts';
import { quietTakeover } from '../../support/quiet-takeover.ts';
import { natsVariants } from '../../support/test-nats.ts';
import { until } from '../../support/until.ts';

const stream = 'processor_state_sync';
const durable = 'processor_state_sync_sub_1';
const ackWaitSeconds = 90;
const ours: Tenure = {
  isExclusive: true,
  isSuccessor: true,
  latePullMs: 3_300,
  remainingMs: () => 60_000,
  isOver: () => false,
};
/** Ten times as fast as the real one. */
const fastClock: Clock = {
  ...systemClock,
  after: (delayMs, callback) => systemClock.after(delayMs / 10, callback),
};

for (const variant of await natsVariants()) {
  describe.skipIf(variant.binary === undefined)(`what the one before asked for, on ${variant.name}`, () => {
    const suite = useConnectorSuite(variant);

    const prepare = async () => {
      const { bench } = await suite.prepare({ syncRoute: { ackWaitSeconds } });
      return { bench, theirs: await makeTheirConsumer(bench.nats, ackWaitSeconds) };
    };
    const publish = (bench: ConnectorBench, count: number) =>
      bench.publish(Array.from({ length: count }, (_, n) => ({ payload: directMessage('s', n), id: `m${n}` })));
    const takeOver = (bench: ConnectorBench, more: Partial<TakeoverOptions>): Promise<Takeover> =>
      quietTakeover(bench.nats, ackWaitSeconds, { tenure: ours, ...more });

    it('is over before anything is handed back, although the network brought it late (L5)', async () => {
      const { bench, theirs } = await prepare();
      await publish(bench, 2);
      for (let n = 0; n < 2; n += 1) await theirs.next({ expires: 10_000 });
      let isOver = false;
      const inbox = bench.nats.subscribe('_INBOX.late', { callback: () => (isOver = true) });
      const request = JSON.stringify({ batch: 5, expires: 1_000_000_000 });
      bench.nats.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${durable}`, request, { reply: '_INBOX.late' });
      await bench.nats.flush();
      const takeover = await takeOver(bench, {});
      await takeover.begin();
      expect(isOver).toBe(true);
      inbox.unsubscribe();
      // At once, and not after the ack wait.
      for (const sequence of [1, 2]) expect((await theirs.next({ expires: 10_000 }))?.seq).toBe(sequence);
      takeover.stop();
    });

    it('is left alone by one whose lease is over: somebody else may read it now (L3)', async () => {
      const { bench, theirs } = await prepare();
      await publish(bench, 1);
      await theirs.next({ expires: 10_000 });
      const takeover = await takeOver(bench, { tenure: { ...ours, remainingMs: () => 0 } });
      await takeover.begin();
      expect(await theirs.next({ expires: 1_000 })).toBeNull();
      takeover.stop();
    });

    it('is looked for if it took a message and no later one comes that would show it (L6)', async () => {
      const { bench, theirs } = await prepare();
      let missed = 0;
      const takeover = await takeOver(bench, { clock: fastClock, onMissed: () => (missed += 1) });
      await takeover.begin();
      await publish(bench, 1);
      await theirs.next({ expires: 10_000 });
      await until('the loss to be noticed', () => missed > 0);
      takeover.stop();
    });
  });
}
