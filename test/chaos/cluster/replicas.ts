import type { ClusterInfo } from 'nats';
import { setTimeout as sleep } from 'node:timers/promises';
import type { World } from '../world.ts';

const pollMs = 250;
const patienceMs = 90_000;

/**
 * Waits until every server has what the leaders have; fails if that does not come. What a leader says of the others is not enough:
 * to nats-server 2.9 one is up to date that has the log, and not yet the messages.
 */
export const untilReplicated = async (
  world: World,
  /** Copies of the streams that do not have one on every server. */
  copies: ReadonlyMap<string, number> = new Map(),
): Promise<void> => {
  let late: readonly string[] = [];
  /** Under load each one is a little behind now and then: it was whole once since we began, and that is enough. */
  const whole = new Set<string>();
  const startedMs = performance.now();
  while (performance.now() - startedMs < patienceMs) {
    await sleep(pollMs);
    try {
      late = await findLate(world, copies, whole);
      if (late.length === 0) return;
    } catch (error) {
      late = [String(error)];
    }
  }
  throw new Error(`after ${String(patienceMs)} ms some server is still behind: ${late.join(', ')}`);
};

const findLate = async (
  { connection, brokers }: World,
  copies: ReadonlyMap<string, number>,
  whole: Set<string>,
): Promise<readonly string[]> => {
  const manager = await connection.jetstreamManager({ checkAPI: false });
  const late: string[] = [];
  const look = (name: string, isThere: boolean): void => {
    if (isThere) whole.add(name);
    else if (!whole.has(name)) late.push(name);
  };
  for await (const { config, cluster, state } of manager.streams.list()) {
    const count = copies.get(config.name) ?? brokers.all.length;
    look(config.name, isWhole(cluster, count));
    for await (const consumer of manager.consumers.list(config.name)) {
      // What watches a bucket has one copy, and is made again by its client.
      if (consumer.config.durable_name === undefined) continue;
      look(`${config.name}/${consumer.name}`, isWhole(consumer.cluster, count));
    }
    for (const broker of count < brokers.all.length ? [] : brokers.all) {
      const held = (await broker.held()).get(config.name);
      look(`${config.name} at ${broker.server.name}`, (held?.lastSequence ?? -1) >= state.last_seq);
    }
  }
  return late;
};

const isWhole = (cluster: ClusterInfo | undefined, count: number): boolean => {
  const others = cluster?.replicas ?? [];
  return cluster?.leader !== undefined && others.length === count - 1 && others.every(({ current }) => current);
};
