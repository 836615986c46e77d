import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench, BenchContext, BenchResult } from './bench.ts';
import type { BenchState } from './databases.ts';
import { routeMessage } from './messages.ts';
import { processorSeconds } from './processor-time.ts';
import { ratioSpread, spreadOf } from './statistics.ts';
import { startStubGateway } from './stub-gateway.ts';
import { drainBacklog, startSystem, type System } from './system.ts';
import { naturalRows } from './words.ts';

const limits = ', limits: { maxInFlightMessages: 20000 }';
const isHeld = (route: string | undefined): boolean => route?.startsWith('held') === true;
/** Longer than the measurement: a lane that waits is not looked at meanwhile. */
const holdMs = 600_000;

const messagesOf = (routes: readonly string[], rows: readonly (readonly string[])[]) =>
  routes.map((outputRouteId, index) => routeMessage({ outputRouteId } as BenchState, [rows[index % rows.length]!]));

/** Microseconds of the connector for each message, in turn with and without lanes that wait. */
const runLanes = async (context: BenchContext): Promise<BenchResult> => {
  const rounds = context.short ? 1 : 7;
  const lanes = context.short ? 100 : 10_000;
  const messages = context.short ? 100 : 5_000;
  const rows = naturalRows(200, 8, 23);
  const times = { one: [] as number[], held: [] as number[] };
  const seen = new Set<string>();
  const gateway = await startStubGateway(({ data }) => {
    if (!isHeld(data?.route_id)) return { outcome: 'ack' };
    seen.add(data!.route_id!);
    return { outcome: 'retry', code: 'database_conflict', reason: 'waits for a lock', delayMs: holdMs };
  });
  const systems: System[] = [];
  try {
    for (let count = 0; count < 2; count += 1) {
      systems.push(
        await startSystem(context, {
          databaseUrl: context.postgres.url,
          gatewayUrl: gateway.url,
          triggerLimits: limits,
        }),
      );
    }
    const [one, held] = systems as [System, System];
    await held.publish(
      messagesOf(
        Array.from({ length: lanes }, (_, index) => `held:${index}`),
        rows,
      ),
    );
    while (seen.size < lanes) await sleep(50, undefined, { signal: context.signal });
    const backlog = messagesOf(
      Array.from({ length: messages }, () => 'one:lane'),
      rows,
    );
    for (let round = -1; round < rounds; round += 1) {
      for (const [name, system] of [['one', one] as const, ['held', held] as const]) {
        const before = processorSeconds(system.connector.pid);
        await drainBacklog(system, backlog);
        const time = ((processorSeconds(system.connector.pid) - before) * 1e6) / messages;
        if (round >= 0) times[name].push(time);
      }
      context.note(`round ${round + 1} of ${rounds}`);
    }
  } finally {
    for (const system of systems) await system.close();
    await gateway.close();
  }
  return {
    measurements: [
      { name: 'connector, one lane', unit: 'us', spread: spreadOf(times.one) },
      { name: `connector, one lane beside ${lanes} that wait`, unit: 'us', spread: spreadOf(times.held) },
    ],
    ratios: [
      {
        name: `processor time of the connector per message, ${lanes} lanes held, against one lane`,
        spread: ratioSpread(times.held, times.one),
        required: { rule: 'at most', value: 1.3 },
      },
    ],
  };
};

/** What a message costs the connector beside ten thousand lanes that wait. */
export const lanesBench: Bench = { name: 'lanes', seconds: 30, run: runLanes };
