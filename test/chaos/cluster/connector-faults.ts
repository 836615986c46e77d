import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectorRunner } from '../connector-runner.ts';
import { always, type Fault, type FaultContext } from '../faults.ts';
import type { LinkMode } from '../tcp-proxy.ts';
import type { ConnectorWays } from '../world.ts';

/** Something that befalls the connector that reads the stream of rows now. */
const holderFault = (
  name: string,
  work: (context: FaultContext, holder: ConnectorRunner) => Promise<boolean>,
): Fault => ({
  name,
  target: always('connector'),
  inject: (context) => work(context, context.world.holder()),
});

const send = ({ pid }: ConnectorRunner, signal: NodeJS.Signals): Promise<boolean> => {
  if (pid !== undefined) process.kill(pid, signal);
  return Promise.resolve(pid !== undefined);
};

const lasting = ({ random, duration }: FaultContext, leastMs: number, mostMs: number): number =>
  random.between(duration?.leastMs ?? leastMs, duration?.mostMs ?? mostMs);

/** It is cut off on one side only. */
const cutOff = (name: string, sideOf: (ways: ConnectorWays) => ConnectorWays['nats']): Fault =>
  holderFault(name, async (context, holder) => {
    const side = sideOf(context.world.waysOf(holder));
    const mode: LinkMode = { kind: context.random.pick(['refuse', 'stall', 'hold'] as const) };
    const before = side.met;
    side.setMode(mode);
    await sleep(lasting(context, 1_000, 12_000));
    const isHit = side.met > before;
    side.setMode({ kind: 'open' });
    return isHit;
  });

/** Faults of the one of several connectors that holds a lease. */
export const connectorFaults: readonly Fault[] = [
  holderFault('kill-holder', (_context, holder) => send(holder, 'SIGKILL')),
  holderFault('end-holder', (_context, holder) => send(holder, 'SIGTERM')),
  // Past its lease.
  holderFault('freeze-holder', async (context, { pid }) => {
    if (pid === undefined) return false;
    process.kill(pid, 'SIGSTOP');
    await sleep(lasting(context, 4_000, 12_000));
    process.kill(pid, 'SIGCONT');
    return true;
  }),
  cutOff('part-holder-from-nats', ({ nats }) => nats),
  cutOff('part-holder-from-functions', ({ gateway }) => gateway),
];
