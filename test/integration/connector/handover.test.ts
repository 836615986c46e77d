import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { startConnectorProcess } from '../../support/connector-process.ts';
import { directMessage, type ConnectorBench } from '../../support/connector-bench.ts';
import {
  afterKillMs,
  afterStopMs,
  defaultAckWaitSeconds,
  distinct,
  holderOf,
  inversions,
  judgedByTime,
  keys,
  keysAfterStopMs,
  publishOn,
  takesOf,
  timesOf,
  useHandoverSuite,
  watchKeys,
} from '../../support/handover-suite.ts';
import type { Script, ScriptedFunction } from '../../support/scripted-function.ts';
import { natsVariants } from '../../support/test-nats.ts';
import { until } from '../../support/until.ts';

for (const variant of await natsVariants()) {
  describe.skipIf(variant.binary === undefined)(`a change of connector on ${variant.name}`, judgedByTime, () => {
    const { suite, natsUrl, startBoth, watch } = useHandoverSuite(variant);

    it('a planned stop under load hands back what was on its way from the server: nothing waits for its ack wait', async () => {
      const { bench, target } = await suite.prepare({ syncRoute: { ackWaitSeconds: defaultAckWaitSeconds } });
      const end = publishOn(bench, target);
      for (let stops = 1; stops <= 4; stops += 1) {
        const connector = await bench.start(target.url);
        await until('some messages', () => distinct(target) > stops * 200);
        await connector.stop(5_000);
      }
      const count = await end();
      await bench.start(target.url);
      await until('all messages', () => distinct(target) === count, { timeoutMs: 20_000 });
      expect(inversions(target)).toBe(0);
    }, 60_000);

    /** Nothing is answered until the connector that asked is gone; then all is, at once. */
    const silentUntil = (isOver: () => boolean): Script => {
      return async () => {
        if (isOver()) return undefined;
        await until('the end of the silence', isOver, { timeoutMs: 60_000 });
        return 'silence';
      };
    };
    const backlog = async (bench: ConnectorBench, count: number): Promise<void> => {
      for (let from = 0; from < count; from += 500) {
        await bench.publish(
          Array.from({ length: 500 }, (_, n) => ({
            payload: directMessage(`s${(from + n) % keys}`, from + n),
            id: `b${from + n}`,
          })),
        );
      }
    };

    it('two connectors under load keep every key in order, and share the durables', async () => {
      const { bench, target } = await suite.prepare({ syncRoute: { ackWaitSeconds: defaultAckWaitSeconds } });
      const both = await startBoth(target);
      const end = publishOn(bench, target);
      await until('some messages', () => distinct(target) > 4_000, { timeoutMs: 30_000 });
      const count = await end();
      await until('all messages', () => distinct(target) === count, { timeoutMs: 20_000 });
      expect(inversions(target)).toBe(0);
      expect(target.acked).toHaveLength(count);
      await until('each to hold one of two', () => both.every(({ log }) => log.includes('"lease_taken"')));
      for (const one of both) await one.kill('SIGTERM');
    }, 60_000);

    const waiting = 12_000;
    const someTaken = async (target: ScriptedFunction): Promise<void> =>
      await until(
        'requests for all keys',
        () => new Set(target.calls.flatMap(({ events }) => events.map(({ data }) => data?.['state_id']))).size === keys,
      );

    it('after SIGKILL of the one that reads every key moves again within its lease and a moment, 10,000 messages waiting', async () => {
      const { bench, target } = await suite.prepare({ syncRoute: { ackWaitSeconds: defaultAckWaitSeconds } });
      let isKilled = false;
      const keysWatched = watchKeys(
        target,
        silentUntil(() => isKilled),
      );
      const both = await startBoth(target);
      await backlog(bench, waiting);
      await someTaken(target);
      const doomed = holderOf(both);
      const lateness = watch();
      await doomed.kill('SIGKILL');
      isKilled = true;
      keysWatched.reset();
      await until('every key to move', () => keysWatched.keysSince() === keys);
      expect(keysWatched.longestMs()).toBeLessThan(lateness.allowanceMs(afterKillMs));
      await until('all messages', () => distinct(target) === waiting, { timeoutMs: 60_000 });
      expect(inversions(target)).toBe(0);
      for (const one of both) if (one !== doomed) await one.kill('SIGTERM');
    }, 120_000);

    it('after SIGKILL and restart of the only one nothing waits for its ack wait, 10,000 messages waiting', async () => {
      const { bench, target } = await suite.prepare({ syncRoute: { ackWaitSeconds: defaultAckWaitSeconds } });
      let isKilled = false;
      const keysWatched = watchKeys(
        target,
        silentUntil(() => isKilled),
      );
      const options = { natsUrl: natsUrl(), gatewayUrl: target.url, ackWaitSeconds: defaultAckWaitSeconds };
      const first = await startConnectorProcess(options);
      await backlog(bench, waiting);
      await someTaken(target);
      await first.kill('SIGKILL');
      isKilled = true;
      keysWatched.reset();
      const lateness = watch();
      const second = await startConnectorProcess(options);
      // From when the new process runs: how long that takes is the machine's to say.
      keysWatched.reset();
      await until('every key to move', () => keysWatched.keysSince() === keys);
      expect(keysWatched.longestMs()).toBeLessThan(lateness.allowanceMs(afterKillMs));
      await until('all messages', () => distinct(target) === waiting, { timeoutMs: 60_000 });
      expect(inversions(target)).toBe(0);
      await second.kill('SIGTERM');
    }, 120_000);

    it('after SIGTERM of the one that reads the other one begins without waiting for the end of the lease', async () => {
      const { bench, target } = await suite.prepare({ syncRoute: { ackWaitSeconds: defaultAckWaitSeconds } });
      const keysWatched = watchKeys(target);
      const both = await startBoth(target, { LEASE_MS: '60000' });
      const end = publishOn(bench, target);
      await until('some messages', () => distinct(target) > 1_000, { timeoutMs: 30_000 });
      const leaving = holderOf(both);
      const other = both.find((one) => one !== leaving)!;
      keysWatched.reset();
      const lateness = watch();
      await leaving.kill('SIGTERM');
      await until('the other one to read', () => takesOf(other) > 0);
      expect(takesOf(other) - timesOf(leaving, '"stopping"')[0]!).toBeLessThan(lateness.allowanceMs(afterStopMs));
      const before = distinct(target);
      await until('more messages', () => distinct(target) > before + 1_000, { timeoutMs: 30_000 });
      expect(keysWatched.longestMs()).toBeLessThan(lateness.allowanceMs(keysAfterStopMs));
      const count = await end();
      await until('all messages', () => distinct(target) === count, { timeoutMs: 20_000 });
      expect(inversions(target)).toBe(0);
      await other.kill('SIGTERM');
    }, 60_000);

    it('without the bucket it reads on until its lease ends, then is not ready, and goes on when the bucket is back', async () => {
      const { bench, target } = await suite.prepare();
      const connector = await bench.start(target.url, { leaseMs: 1_000 });
      const send = (n: number) => bench.publish([{ payload: directMessage('a', n), id: `k${n}` }]);
      await send(0);
      await until('the first', () => target.acked.length === 1);
      const manager = await bench.nats.jetstreamManager({ checkAPI: false });
      // Nothing holds the subjects of its keys any more.
      await manager.streams.update('KV_state_sync_leases', { subjects: ['$KV.elsewhere.>'] });
      await until('it to be not ready', () => !connector.isReady());
      await send(1);
      await sleep(500);
      expect(target.calls).toHaveLength(1);
      await manager.streams.update('KV_state_sync_leases', { subjects: ['$KV.state_sync_leases.>'] });
      await until('it to be ready', () => connector.isReady());
      await until('the second', () => target.acked.length === 2);
    });
  });
}
