import { setTimeout as sleep } from 'node:timers/promises';
import { defaultDeadLetter } from '../../shared/routing/default-triggers.ts';
import { serverPids } from './cluster/server-processes.ts';
import { cutAfterCommit, cutOutcomes } from './answer-cuts.ts';
import { clockSignal } from './clock-jumps.ts';
import { failpointNames, meetFailpoint, type FailpointName } from './failpoints.ts';
import { insist } from './insist.ts';
import type { Random } from './random.ts';
import type { Link } from './links.ts';
import type { AnswerCut, LinkMode } from './tcp-proxy.ts';
import { linkNames, type World } from './world.ts';

export interface FaultContext {
  readonly world: World;
  readonly random: Random;
  /** Publishes earlier messages again. */
  readonly repeatMessages: (count: number) => Promise<void>;
  /** In place of the fault's own random duration. */
  readonly duration?: { readonly leastMs: number; readonly mostMs: number };
}

/** One kind of fault: what it hits, and how; it resolves when the fault is over, with whether it met anybody. */
export interface Fault {
  /** F1 to F24 of the fault list, if it is one of them. */
  readonly name: string;
  /** Faults with the same target follow each other. */
  readonly target: (random: Random) => string;
  readonly inject: (context: FaultContext, target: string) => Promise<boolean>;
}

const send = (pid: number | undefined, signal: NodeJS.Signals): boolean => {
  if (pid === undefined) return false;
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false; // it ended by itself a moment ago
    throw error;
  }
};

const freeze = async (pids: readonly (number | undefined)[], ms: number): Promise<boolean> => {
  const frozen = pids.filter((pid) => send(pid, 'SIGSTOP'));
  await sleep(ms);
  for (const pid of frozen) send(pid, 'SIGCONT');
  return frozen.length > 0;
};

const functionPid = ({ world, random }: FaultContext, name: string): number | undefined => {
  const pids = world.host.functions().find((status) => status.name === name)?.pids ?? [];
  return pids.length === 0 ? undefined : random.pick(pids);
};

const connectorPid = ({ world, random }: FaultContext): number | undefined => random.pick(world.connectors).pid;

const anyFunction = (random: Random): string =>
  `function ${random.pick(['state-direct', 'state-route', 'state-entry'])}`;
const anyLink = (random: Random): string => `link ${random.pick(linkNames)}`;
export const always = (target: string) => () => target;
const nameIn = (target: string): string => target.slice(target.indexOf(' ') + 1);
const linkOf = ({ world }: FaultContext, target: string) => world.links[nameIn(target) as (typeof linkNames)[number]];

/** Cuts so many answers; over when they are cut, or when none came for a while. */
const cut = async (link: Link, how: AnswerCut, count: number): Promise<boolean> => {
  const before = link.cuts;
  link.cutAnswers(how, count);
  for (let waitedMs = 0; link.cuts < before + count && waitedMs < 3_000; waitedMs += 20) await sleep(20);
  return link.cuts > before;
};

/** The link behaves so for a while. */
const bend = async (context: FaultContext, target: string, mode: LinkMode, ms: number): Promise<boolean> => {
  const link = linkOf(context, target);
  const before = link.met;
  link.setMode(mode);
  await sleep(ms);
  const hit = link.met > before;
  link.setMode({ kind: 'open' });
  return hit;
};

const limitLetters = async ({ world }: FaultContext, isFull: boolean): Promise<void> => {
  const manager = await world.connection.jetstreamManager({ checkAPI: false });
  // Not a limit on the number of messages: one that is set too late would remove letters that came meanwhile.
  await manager.streams.update(defaultDeadLetter.stream, { max_msg_size: isFull ? 1 : -1 });
};

/** Beyond every lease, but not beyond the default timeouts: a round would see few faults. */
const longFreezeMs = 15_000;

/** How long the fault lasts (milliseconds). */
const durationOf = ({ random, duration }: FaultContext, leastMs: number, mostMs: number): number =>
  random.between(duration?.leastMs ?? leastMs, duration?.mostMs ?? mostMs);

export const faults: readonly Fault[] = [
  {
    name: 'kill-function',
    target: anyFunction,
    inject: async (context, target) => send(functionPid(context, nameIn(target)), 'SIGKILL'),
  },
  {
    name: 'freeze-function',
    target: anyFunction,
    inject: (context, target) =>
      freeze(
        [functionPid(context, nameIn(target))],
        durationOf(context, 200, Math.min(context.world.times.requestTimeoutMs * 1.5, longFreezeMs)),
      ),
  },
  {
    name: 'end-function',
    target: anyFunction,
    inject: async (context, target) => send(functionPid(context, nameIn(target)), 'SIGTERM'),
  },
  {
    name: 'die-at-failpoint',
    target: (random) => `failpoint ${random.pick(failpointNames)}`,
    inject: (context, target) =>
      meetFailpoint(context.world.failpointFolder, nameIn(target) as FailpointName, {
        count: context.random.between(0, 3),
        waitMs: durationOf(context, 3_000, 3_000),
      }),
  },
  {
    name: 'kill-connector',
    target: always('connector'),
    inject: async (context) => send(connectorPid(context), 'SIGKILL'),
  },
  {
    name: 'end-connector',
    target: always('connector'),
    inject: async (context) => send(connectorPid(context), 'SIGTERM'),
  },
  {
    name: 'freeze-connector',
    target: always('connector'),
    inject: (context) =>
      freeze(
        [connectorPid(context)],
        durationOf(context, 200, Math.min(context.world.times.ackWaitSeconds * 2_000, longFreezeMs)),
      ),
  },
  {
    name: 'jump-clock',
    target: (random) => (random.chance(0.5) ? 'connector' : anyFunction(random)),
    inject: async (context, target) =>
      send(target === 'connector' ? connectorPid(context) : functionPid(context, nameIn(target)), clockSignal),
  },
  {
    name: 'crash-database',
    target: always('database'),
    inject: async ({ world }) => {
      const { server } = world.database;
      const isHit = server.pid !== undefined;
      // What a crash leaves behind for a moment can stand in the way of the next start.
      await insist(() => server.restart('immediate'));
      return isHit;
    },
  },
  {
    name: 'stop-database',
    target: always('database'),
    inject: async (context) => {
      const { server } = context.world.database;
      const isHit = server.pid !== undefined;
      await server.stop();
      await sleep(durationOf(context, 500, 4_000));
      await insist(() => server.restart('fast'));
      return isHit;
    },
  },
  {
    name: 'freeze-database',
    target: always('database'),
    inject: (context) => freeze(serverPids(context.world.database.server), durationOf(context, 500, 6_000)),
  },
  {
    name: 'end-backends',
    target: always('database'),
    inject: async ({ world }) => {
      const ended = await insist(() =>
        world.database.pool.query(
          `select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend'`,
        ),
      );
      return ended.length > 0;
    },
  },
  {
    name: 'kill-pooler',
    target: always('pooler'),
    inject: async ({ world }) => {
      if (world.pooler?.pid === undefined) return false;
      await world.pooler.restart();
      return true;
    },
  },
  {
    name: 'kill-broker',
    target: always('broker'),
    inject: async (context) => {
      const { server } = context.random.pick(context.world.brokers.all);
      const isHit = server.pid !== undefined;
      await server.kill('SIGKILL');
      await sleep(durationOf(context, 0, 1_500));
      await insist(() => server.restart());
      return isHit;
    },
  },
  {
    name: 'restart-broker-and-repeat',
    target: always('broker'),
    inject: async ({ world, random, repeatMessages }) => {
      const { server } = random.pick(world.brokers.all);
      const isHit = server.pid !== undefined;
      await insist(() => server.restart());
      await repeatMessages(60);
      return isHit;
    },
  },
  {
    name: 'freeze-broker',
    target: always('broker'),
    inject: (context) =>
      freeze([context.random.pick(context.world.brokers.all).server.pid], durationOf(context, 300, 4_000)),
  },
  {
    name: 'fill-dead-letters',
    target: always('dead letters'),
    inject: async (context) => {
      await insist(() => limitLetters(context, true));
      await sleep(durationOf(context, 1_000, 4_000));
      await insist(() => limitLetters(context, false));
      // The server does not tell whom it refused: the stream was full, that is what is counted.
      return true;
    },
  },
  { name: 'cut-link', target: anyLink, inject: async (context, target) => linkOf(context, target).cutAll() > 0 },
  {
    name: 'refuse-link',
    target: anyLink,
    inject: (context, target) => bend(context, target, { kind: 'refuse' }, durationOf(context, 300, 3_000)),
  },
  {
    name: 'delay-link',
    target: anyLink,
    inject: (context, target) => {
      const mode = { kind: 'delay', leastMs: 20, mostMs: context.random.between(50, 300) } as const;
      return bend(context, target, mode, durationOf(context, 1_000, 4_000));
    },
  },
  {
    name: 'trickle-link',
    target: anyLink,
    inject: (context, target) => {
      const mode = { kind: 'trickle', bytesPerSecond: context.random.between(200, 20_000) } as const;
      return bend(context, target, mode, durationOf(context, 1_000, 4_000));
    },
  },
  {
    name: 'stall-link',
    target: anyLink,
    inject: (context, target) => bend(context, target, { kind: 'stall' }, durationOf(context, 500, 6_000)),
  },
  {
    name: 'hold-link',
    target: anyLink,
    inject: (context, target) => {
      // Now and then longer than a request for messages goes without a sign of life.
      const isLong = context.random.chance(0.3) && nameIn(target) === 'connector-nats';
      const ms = isLong ? durationOf(context, 15_000, 15_000) : durationOf(context, 1_000, 8_000);
      return bend(context, target, { kind: 'hold' }, ms);
    },
  },
  {
    name: 'cut-after-commit',
    target: always('link function-database'),
    inject: (context, target) => cut(linkOf(context, target), cutAfterCommit, context.random.between(1, 3)),
  },
  {
    name: 'cut-outcomes',
    target: always('link connector-gateway'),
    inject: (context, target) =>
      cut(linkOf(context, target), cutOutcomes(context.random.pick([0, 0.5])), context.random.between(1, 2)),
  },
];

/** The fault of that name; with how long it lasts, if that is not to be random. */
export const fault = (name: string, duration?: { readonly leastMs: number; readonly mostMs: number }): Fault => {
  const found = faults.find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no fault ${name}`);
  return duration === undefined
    ? found
    : { ...found, inject: (context, target) => found.inject({ ...context, duration }, target) };
};

/** The death of a process at that very point, for which there is time: the one before it may still be starting again. */
export const deathAt = (name: FailpointName): Fault => ({
  ...fault('die-at-failpoint', { leastMs: 20_000, mostMs: 20_000 }),
  target: always(`failpoint ${name}`),
});
