import { setTimeout as sleep } from 'node:timers/promises';
import { at, fieldsOf, listOf, textOf, type Fields } from './kubernetes-manifests.ts';

/** What KEDA's operator reads from a ScaledObject to go to zero and back. How many replicas there are above one is the HPA's. */
export interface ScaledTarget {
  readonly name: string;
  readonly triggers: readonly {
    readonly account: string;
    readonly stream: string;
    readonly consumer: string;
    readonly activationLag: number;
  }[];
  readonly pollingMs: number;
  readonly cooldownMs: number;
  readonly fallback: { readonly failures: number; readonly replicas: number };
}

const secondMs = 1_000;

/** Only what this stand-in knows; `test/platform/keda.test.ts` compares the rest with the kind's schema. */
export const scaledTargetOf = (body: Fields): ScaledTarget => ({
  name: textOf(at(body, 'spec', 'scaleTargetRef', 'name')),
  triggers: listOf(at(body, 'spec', 'triggers')).map((trigger) => {
    const metadata = fieldsOf(at(trigger, 'metadata'));
    return {
      account: textOf(metadata['account']),
      stream: textOf(metadata['stream']),
      consumer: textOf(metadata['consumer']),
      activationLag: Number(metadata['activationLagThreshold']),
    };
  }),
  pollingMs: Number(at(body, 'spec', 'pollingInterval')) * secondMs,
  cooldownMs: Number(at(body, 'spec', 'cooldownPeriod')) * secondMs,
  fallback: {
    failures: Number(at(body, 'spec', 'fallback', 'failureThreshold')),
    replicas: Number(at(body, 'spec', 'fallback', 'replicas')),
  },
});

/** What is remembered of a target between two looks. */
export interface ScalerMemory {
  readonly failures: number;
  readonly lastActiveMs: number;
}

/**
 * Zero or one, as KEDA 2.20 decides: any lag above its activation wakes the target; without one it sleeps after the cooldown.
 * A scaler that fails changes nothing until it has failed too often, then the fallback's replicas are wanted.
 * @param lags of each trigger; undefined where the consumer was not found or the endpoint did not answer
 */
export const nextReplicas = (
  target: ScaledTarget,
  lags: readonly (number | undefined)[],
  replicas: 0 | 1,
  memory: ScalerMemory,
  nowMs: number,
): { readonly replicas: 0 | 1; readonly memory: ScalerMemory } => {
  const failures = lags.includes(undefined) ? memory.failures + 1 : 0;
  const fallsBack = failures > target.fallback.failures && target.fallback.replicas > 0;
  const hasWork = lags.some((lag, index) => lag !== undefined && lag > (target.triggers[index]?.activationLag ?? 0));
  if (hasWork || fallsBack) return { replicas: 1, memory: { failures, lastActiveMs: nowMs } };
  const isCold = failures === 0 && nowMs - memory.lastActiveMs > target.cooldownMs;
  return { replicas: isCold ? 0 : replicas, memory: { ...memory, failures } };
};

interface MonitoredConsumer {
  readonly name: string;
  readonly num_pending: number;
  readonly num_ack_pending: number;
}
interface MonitoredAccounts {
  readonly account_details?: readonly {
    readonly name: string;
    readonly stream_detail?: readonly {
      readonly name: string;
      readonly consumer_detail?: readonly MonitoredConsumer[];
    }[];
  }[];
}

/** Asks `/jsz` as the scaler does; undefined if the consumer is not there. */
const lagOf = async (
  monitorUrl: string,
  { account, stream, consumer }: ScaledTarget['triggers'][number],
): Promise<number | undefined> => {
  const query = new URLSearchParams({ acc: account, consumers: 'true', config: 'true' });
  const answer = (await (await fetch(`${monitorUrl}/jsz?${query.toString()}`)).json()) as MonitoredAccounts;
  const found = answer.account_details
    ?.find(({ name }) => name === account)
    ?.stream_detail?.find(({ name }) => name === stream)
    ?.consumer_detail?.find(({ name }) => name === consumer);
  return found === undefined ? undefined : found.num_pending + found.num_ack_pending;
};

/** A workload of one replica that can be started and stopped. */
export interface Workload {
  start(): Promise<{ stop(): Promise<void> }>;
}

/** Stands in for KEDA: one loop for each target. */
export const startLagScaler = (options: {
  readonly monitorUrl: string;
  readonly targets: readonly ScaledTarget[];
  readonly workloads: Readonly<Record<string, Workload>>;
  /** When each target was last told to start, by its name. */
  readonly onStart?: (name: string) => void;
}): { replicas(): Readonly<Record<string, 0 | 1>>; stop(): Promise<void> } => {
  const ending = new AbortController();
  const running = new Map<string, { stop(): Promise<void> }>();
  const watch = async (target: ScaledTarget): Promise<void> => {
    let memory: ScalerMemory = { failures: 0, lastActiveMs: -Infinity };
    while (!ending.signal.aborted) {
      const lags = await Promise.all(
        target.triggers.map((trigger) => lagOf(options.monitorUrl, trigger).catch(() => undefined)),
      );
      const now = running.has(target.name) ? 1 : 0;
      const next = nextReplicas(target, lags, now, memory, performance.now());
      memory = next.memory;
      if (next.replicas > now) {
        options.onStart?.(target.name);
        running.set(target.name, await options.workloads[target.name]!.start());
      } else if (next.replicas < now) {
        const ended = running.get(target.name)!;
        await ended.stop();
        running.delete(target.name);
      }
      await sleep(target.pollingMs, undefined, { signal: ending.signal }).catch(() => undefined);
    }
    await running.get(target.name)?.stop();
  };
  const loops = options.targets.map(watch);
  return {
    replicas: () => Object.fromEntries(options.targets.map(({ name }) => [name, running.has(name) ? 1 : 0])),
    stop: async () => {
      ending.abort();
      await Promise.all(loops);
    },
  };
};
