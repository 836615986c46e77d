import { always, type Fault, type FaultContext } from '../faults.ts';
import type { DatabasePair } from './database-pair.ts';

const pairFault = (name: string, work: (pair: DatabasePair, context: FaultContext) => Promise<unknown>): Fault => ({
  name,
  target: always('database'),
  inject: async (context) => {
    const { pair } = context.world;
    if (pair === undefined) return false;
    const isHit = pair.primary.pid !== undefined;
    return (await work(pair, context)) !== false && isHit;
  },
});

/** Faults of a primary and its synchronous standby. Each is over when there are both again. */
export const databaseFaults: readonly Fault[] = [
  pairFault('lose-primary', (pair) => pair.loseMachine()),
  pairFault('freeze-primary', (pair, { random }) => pair.freezeMachine(random.between(500, 4_000))),
  pairFault('switch-over', (pair) => pair.switchOver()),
  pairFault('switch-over-behind-address', (pair, { random, world }) =>
    // A pooler keeps its connections to what is a standby now, whoever closes those to the pooler.
    pair.switchOverBehindAddress(random.between(500, 3_000), world.pooler !== undefined),
  ),
  pairFault('lose-standby', (pair, { random }) => pair.loseStandby(random.between(500, 5_000))),
  pairFault('lose-primary-ahead', (pair, { random }) => pair.loseMachineBehind(random.between(500, 3_000))),
  pairFault('crash-then-lose-primary', (pair, { random }) => pair.crashThenLoseMachine(random.between(1_000, 4_000))),
  pairFault('fill-database-disk', (pair, { random }) => pair.fillDisk(random.between(500, 4_000))),
];
