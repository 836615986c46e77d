import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findStream } from '../../shared/nats/ensure-stream.ts';
import { machineSlowness } from '../support/machine-speed.ts';
import { testSeed } from '../support/test-seed.ts';
import { until } from '../support/until.ts';
import { createStates } from './create-states.ts';
import { always, deathAt, fault, faults, type Fault } from './faults.ts';
import { failpointNames } from './failpoints.ts';
import { statePlans } from './history.ts';
import { readState } from './observe.ts';
import { createRandom } from './random.ts';
import { runRound, type RoundOptions, type RoundResult } from './round.ts';
import { startWorld, type World } from './world.ts';

const seed = testSeed;
const testMs = 180_000;
/** PgBouncer may have to be fetched first. */
const startMs = 300_000;
const ackWaitSeconds = 2;
let world: World;

beforeAll(async () => {
  const times = { ackWaitSeconds, requestTimeoutMs: 1_500, functionDeadlineMs: 1_000 };
  world = await startWorld({ random: createRandom(seed), pooler: true, times, say: () => undefined });
}, startMs);

afterAll(() => world.stop());

const run = (name: string, options: Pick<RoundOptions, 'faults'> & Partial<RoundOptions>): Promise<RoundResult> =>
  runRound(world, {
    random: createRandom(seed),
    name,
    // Faults in turn end it sooner.
    loadMs: 60_000,
    slowPoison: false,
    pause: { leastMs: 50, mostMs: 150 },
    inTurn: true,
    twoConnectors: false,
    poisonShare: 0.05,
    recoveryMs: 30_000 * machineSlowness(),
    say: () => undefined,
    ...options,
  });

const expectKept = (result: RoundResult): void => {
  const { differences, injected } = result;
  const lines = differences.map(({ invariant, text }) => `${invariant}: ${text}`);
  const told = injected.map(({ name, target, atMs }) => `${atMs} ms ${name} (${target})`);
  expect(lines, `seed ${seed}\n${told.join('\n')}\n${result.timeline.join('\n')}`).toEqual([]);
};

const shortly = (name: string, leastMs: number, mostMs = leastMs): Fault => fault(name, { leastMs, mostMs });

describe('a known history', () => {
  it(
    'is stored and passed on exactly once, in order, while faults of every kind go on',
    async () => {
      const random = await run('random', {
        faults: faults.filter(({ name }) => name !== 'freeze-database'),
        inTurn: false,
        loadMs: 10_000,
        pause: { leastMs: 50, mostMs: 500 },
      });
      expectKept(random);
      expect(random.injected.length).toBeGreaterThan(10);
    },
    testMs,
  );

  it(
    'F8, F9: survives a death after the commit, amid the forwards, before the ledger knows, amid the acks',
    async () => {
      const result = await run('failpoints', { faults: failpointNames.map(deathAt), twoConnectors: false });
      expectKept(result);
      expect(result.injected.map(({ target }) => target)).toEqual(failpointNames.map((name) => `failpoint ${name}`));
      expect(result.missed).toEqual([]);
      expect(result.counts['connector starts']).toBeGreaterThanOrEqual(3);
    },
    testMs,
  );

  it(
    'F10, F11: outlives a connector and a function that freeze for longer than anybody waits for them',
    async () => {
      const frozen = shortly('freeze-connector', ackWaitSeconds * 2_000);
      const result = await run('frozen', {
        faults: [shortly('freeze-function', 2_500), frozen],
        twoConnectors: true,
        poisonShare: 0,
        plans: statePlans.filter(({ name }) => ['direct-quiet', 'route-individual', 'mixed'].includes(name)),
      });
      expectKept(result);
    },
    testMs,
  );

  it(
    'F19, F20: is not harmed by functions and connectors that are replaced under load',
    async () => {
      const deploy: Fault = {
        name: 'deploy',
        target: always('functions'),
        inject: async (context) => {
          await context.world.useFunctions();
          return true;
        },
      };
      const ends = ['state-direct', 'state-route', 'state-entry'].map((name): Fault => ({
        ...fault('end-function'),
        target: always(`function ${name}`),
      }));
      expectKept(await run('deploy', { faults: [...ends, deploy, fault('end-connector')] }));
    },
    testMs,
  );

  it(
    'F21: is not harmed by clocks that jump by an hour and back while it waits and tries again',
    async () => {
      const jump = { ...fault('jump-clock'), target: always('connector') };
      const jumpOf = (name: string): Fault => ({ ...jump, target: always(`function ${name}`) });
      const away = shortly('stop-database', 600);
      const functions = ['state-direct', 'state-route', 'state-entry'].map(jumpOf);
      expectKept(await run('clocks', { faults: [jump, ...functions, away, jump, ...functions, away, jump, away] }));
    },
    testMs,
  );

  it(
    'F12: takes messages without an id of a stream that is made anew for new ones, although their sequences were used before',
    async () => {
      const [state] = await createStates(world.database.pool, [
        statePlans.find(({ name }) => name === 'direct-quiet')!,
      ]);
      const { connection } = world;
      const send = async (names: readonly string[]): Promise<readonly number[]> => {
        const sequences: number[] = [];
        for (const message of names) {
          const query_state = [{ message, row: '0' }];
          const body = JSON.stringify({ type: 'query_state_direct', state_id: state!.stateId, query_state });
          await until(`the publish of ${message}`, async () => {
            // A stream that was made anew has no leader yet: nats-server 2.9 refuses then, and stores nothing.
            sequences.push((await connection.jetstream().publish('processor.state.sync', body)).seq);
            return true;
          });
        }
        return sequences;
      };
      const stored = async (): Promise<readonly (string | null | undefined)[]> =>
        [...(await readState(world.database.pool, state!)).rows.values()].map((row) => row.get('message'));
      const manager = await connection.jetstreamManager({ checkAPI: false });
      await manager.streams.delete('processor_state_sync');
      await until('the stream', async () => (await findStream(connection, 'processor_state_sync')) !== undefined);
      const first = await send(['one', 'two', 'three']);
      await until('the first three', async () => (await stored()).length === 3);
      await manager.streams.delete('processor_state_sync');
      await until('the stream again', async () => (await findStream(connection, 'processor_state_sync')) !== undefined);
      expect(await send(['four', 'five', 'six'])).toEqual(first);
      await until('all six', async () => (await stored()).length === 6);
      expect(await stored()).toEqual(['one', 'two', 'three', 'four', 'five', 'six']);
    },
    testMs,
  );
});
