import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { startTcpProxy } from '../../chaos/tcp-proxy.ts';
import { startConnectorProcess } from '../../support/connector-process.ts';
import { directMessage } from '../../support/connector-bench.ts';
import {
  afterKillMs,
  defaultAckWaitSeconds,
  distinct,
  hasTaken,
  holderOf,
  inversions,
  judgedByTime,
  leaseMs,
  publishOn,
  timesOf,
  useHandoverSuite,
  watchKeys,
  wayTo,
} from '../../support/handover-suite.ts';
import { natsVariants } from '../../support/test-nats.ts';
import { until } from '../../support/until.ts';

for (const variant of await natsVariants()) {
  describe.skipIf(variant.binary === undefined)(
    `a connector that is frozen or cut off, on ${variant.name}`,
    judgedByTime,
    () => {
      const { suite, natsUrl, startBoth, startBehind, watch } = useHandoverSuite(variant);

      it('one that was frozen for longer than its lease sends nothing more of what it had', async () => {
        const { bench, target } = await suite.prepare({ syncRoute: { ackWaitSeconds: defaultAckWaitSeconds } });
        const both = await startBoth(target);
        const end = publishOn(bench, target);
        await until('some messages', () => distinct(target) > 1_000, { timeoutMs: 30_000 });
        const frozen = holderOf(both);
        const other = both.find((one) => one !== frozen)!;
        process.kill(frozen.pid, 'SIGSTOP');
        await until('the other one to read', () => holderOf([frozen, other]) === other, { timeoutMs: 15_000 });
        const before = distinct(target);
        await until('more messages', () => distinct(target) > before + 1_000, { timeoutMs: 30_000 });
        process.kill(frozen.pid, 'SIGCONT');
        await until('it to notice', () => frozen.log.includes('"lease_lost"'), { timeoutMs: 15_000 });
        const count = await end();
        await until('all messages', () => distinct(target) === count, { timeoutMs: 30_000 });
        expect(inversions(target)).toBe(0);
        await until('the stream to be empty', async () => (await bench.streamMessages()) === 0);
        for (const one of both) await one.kill('SIGTERM');
      }, 120_000);

      it('one that is cut off while its requests are on the way takes nothing when the way is open again', async () => {
        const { bench, target } = await suite.prepare({ syncRoute: { ackWaitSeconds: defaultAckWaitSeconds } });
        const link = await startTcpProxy(suite.server.port, Math.random);
        const options = { gatewayUrl: target.url, ackWaitSeconds: defaultAckWaitSeconds };
        const cut = await startConnectorProcess({ ...options, natsUrl: `nats://127.0.0.1:${link.port}` });
        const end = publishOn(bench, target);
        await until('some messages', () => distinct(target) > 1_000, { timeoutMs: 30_000 });
        link.setMode({ kind: 'hold' });
        const other = await startConnectorProcess({ ...options, natsUrl: natsUrl() });
        await until('the other one to read', () => holderOf([cut, other]) === other, { timeoutMs: 15_000 });
        link.setMode({ kind: 'open' });
        const before = distinct(target);
        await until('more messages', () => distinct(target) > before + 2_000, { timeoutMs: 30_000 });
        const count = await end();
        await until('all messages', () => distinct(target) === count, { timeoutMs: 30_000 });
        expect(inversions(target)).toBe(0);
        for (const one of [cut, other]) await one.kill('SIGTERM');
        await link.close();
      }, 120_000);

      it.each(['refuse', 'stall', 'hold'] as const)(
        'one that is cut off from the functions only (%s) passes its durables on within the time of a lease and a moment (L10)',
        async (kind) => {
          const { bench, target } = await suite.prepare({ syncRoute: { ackWaitSeconds: defaultAckWaitSeconds } });
          const keysWatched = watchKeys(target);
          const ways = await Promise.all([wayTo(target), wayTo(target)]);
          const both = await Promise.all(ways.map(startBehind));
          const end = publishOn(bench, target);
          await until('each to hold one of two', () => both.every((one) => hasTaken(one)));
          await until('some messages', () => distinct(target) > 1_000, { timeoutMs: 30_000 });
          const cut = holderOf(both);
          const other = both.find((one) => one !== cut)!;
          const way = ways[both.indexOf(cut)]!;
          keysWatched.reset();
          const lateness = watch();
          way.setMode({ kind });
          await until('the other one to read', () => holderOf([cut, other]) === other, { timeoutMs: 15_000 });
          const before = distinct(target);
          await until('more messages', () => distinct(target) > before + 1_000, { timeoutMs: 30_000 });
          expect(keysWatched.longestMs()).toBeLessThan(lateness.allowanceMs(afterKillMs));
          way.setMode({ kind: 'open' });
          const count = await end();
          await until('all messages', () => distinct(target) === count, { timeoutMs: 30_000 });
          expect(inversions(target)).toBe(0);
          await until('it to reach them again', () => cut.log.includes('"functions_reached"'));
          for (const one of both) await one.kill('SIGTERM');
          for (const each of ways) await each.close();
        },
        120_000,
      );

      it('nobody passes anything on while no connector reaches the functions', async () => {
        const { bench, target } = await suite.prepare({ syncRoute: { ackWaitSeconds: defaultAckWaitSeconds } });
        const way = await wayTo(target);
        const both = await Promise.all([startBehind(way), startBehind(way)]);
        await until('each to hold one of two', () => both.every((one) => hasTaken(one)));
        way.setMode({ kind: 'refuse' });
        await until('both to know', () => both.every(({ log }) => log.includes('"functions_not_reached"')));
        await bench.publish([{ payload: directMessage('s', 1), id: 'm1' }]);
        const given = (): number => both.flatMap((one) => timesOf(one, '"lease_given"')).length;
        // The first of them to know passes its durable on; then it is said by both.
        await sleep(leaseMs);
        const before = given();
        await sleep(2 * leaseMs);
        expect(given()).toBe(before);
        way.setMode({ kind: 'open' });
        await until('the message', () => target.acked.length === 1, { timeoutMs: 30_000 });
        for (const one of both) await one.kill('SIGTERM');
        await way.close();
      }, 60_000);
    },
  );
}
