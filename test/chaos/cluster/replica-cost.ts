import { createJetStreamPublisher } from '../../../shared/nats/jetstream-publisher.ts';
import { until } from '../../support/until.ts';
import { createStates } from '../create-states.ts';
import { insist } from '../insist.ts';
import { statePlans, type ChaosState } from '../history.ts';
import type { World } from '../world.ts';
import { untilReplicated } from './replicas.ts';

/** What one number of replicas costs: messages a second, the middle one of the turns. */
export interface ReplicaCost {
  readonly replicas: number;
  readonly publishedPerSecond: number;
  readonly storedPerSecond: number;
}

const stream = 'processor_state_sync';
const subject = 'processor.state.sync';
const turns = 3;

/** Publishes and stores the same number of messages with three copies and with one, in turn, on the same servers. */
export const measureReplicas = async (world: World, messages: number): Promise<readonly ReplicaCost[]> => {
  const [state] = await createStates(world.database.pool, [statePlans.find(({ name }) => name === 'direct-quiet')!]);
  const rates = new Map<number, { readonly published: number; readonly stored: number }[]>([
    [3, []],
    [1, []],
  ]);
  await runTurn(world, state!, 'warm', messages);
  for (let turn = 1; turn <= turns; turn += 1) {
    for (const [replicas, seen] of rates) {
      await setReplicas(world, replicas);
      seen.push(await runTurn(world, state!, `${String(replicas)}-${String(turn)}`, messages));
    }
  }
  await setReplicas(world, world.brokers.all.length);
  return [...rates].map(([replicas, seen]) => ({
    replicas,
    publishedPerSecond: middle(seen.map(({ published }) => published)),
    storedPerSecond: middle(seen.map(({ stored }) => stored)),
  }));
};

const setReplicas = async (world: World, replicas: number): Promise<void> => {
  await insist(async () => {
    const manager = await world.connection.jetstreamManager({ checkAPI: false });
    await manager.streams.update(stream, { num_replicas: replicas });
  });
  await untilReplicated(world, new Map([[stream, replicas]]));
};

const runTurn = async (world: World, { stateId }: ChaosState, name: string, messages: number) => {
  const { pool } = world.database;
  const countOf = async (): Promise<number> =>
    (await pool.query<{ count: number }>('select count from state where id = $1', [stateId]))[0]?.count ?? 0;
  const before = await countOf();
  const publisher = createJetStreamPublisher(world.connection, { ackTimeoutMs: 10_000 });
  const startedMs = performance.now();
  const perSecond = (): number => Math.round((messages * 1_000) / (performance.now() - startedMs));
  const outcomes = await publisher.publish(
    Array.from({ length: messages }, (_, index) => {
      const query_state = [{ message: `${name}-${String(index)}`, row: '0', size: '1', note: 'n' }];
      const payload = new TextEncoder().encode(
        JSON.stringify({ type: 'query_state_direct', state_id: stateId, query_state }),
      );
      return { stream, baseSubject: subject, subject, payload, id: `${stateId}-${name}-${String(index)}` };
    }),
  );
  const published = perSecond();
  const refused = outcomes.filter(({ ok }) => !ok).length;
  if (refused > 0) throw new Error(`${String(refused)} of ${String(messages)} messages were not confirmed`);
  await until('every message is stored', async () => (await countOf()) === before + messages, { timeoutMs: 120_000 });
  const stored = perSecond();
  await publisher.close();
  return { published, stored };
};

const middle = (values: readonly number[]): number =>
  values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)]!;
