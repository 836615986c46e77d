import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach } from 'vitest';
import { startTcpProxy, type TcpProxy } from '../chaos/tcp-proxy.ts';
import { directMessage, type ConnectorBench } from './connector-bench.ts';
import { endConnectorProcesses, startConnectorProcess, type ConnectorProcess } from './connector-process.ts';
import { useConnectorSuite, type ConnectorSuite } from './connector-suite.ts';
import type { Script, ScriptedFunction } from './scripted-function.ts';
import type { NatsVariant } from './test-nats.ts';
import { until } from './until.ts';
import { watchLateness, type LatenessWatch } from './watch-lateness.ts';

export const defaultAckWaitSeconds = 90;
export const leaseMs = 3_000;
/**
 * What is promised, on an idle machine: after a kill keys move within the lease and two seconds; after a planned stop another one reads
 * within a second, and keys move within one more. On a loaded machine the tests allow as much more as this process's own timers were
 * late while they waited (`watchLateness`).
 */
export const afterKillMs = leaseMs + 2_000;
export const afterStopMs = 1_000;
export const keysAfterStopMs = afterStopMs + 1_000;
export const keys = 5;
/** Enough that messages are always on their way, few enough that the rest is soon done. */
const mostWaiting = 3_000;
/** At most so many messages so often, 2,000 a second: some are on their way at any moment, and processors are left for what is tested. */
const publishing = { count: 20, everyMs: 10 };

/** Publishes on until it is told to end; returns how many messages there were. */
export const publishOn = (bench: ConnectorBench, target: ScriptedFunction): (() => Promise<number>) => {
  const over = new AbortController();
  let count = 0;
  const published = (async () => {
    while (!over.signal.aborted) {
      await until('room', () => over.signal.aborted || count - distinct(target) < mostWaiting);
      const messages = Array.from({ length: publishing.count }, () => {
        const n = count++;
        return { payload: directMessage(`s${n % keys}`, n), id: `m${n}` };
      });
      await Promise.all([bench.publish(messages), sleep(publishing.everyMs)]);
    }
    return count;
  })();
  return () => {
    over.abort();
    return published;
  };
};

/** How many messages were stored after a later one of their key; what comes twice counts the first time. */
export const inversions = ({ acked }: ScriptedFunction): number => {
  const last = new Map<string, number>();
  const seen = new Set<string>();
  let count = 0;
  for (const { id, data, streamsequence } of acked) {
    if (seen.has(id)) continue;
    seen.add(id);
    const key = String(data?.['state_id']);
    if ((last.get(key) ?? 0) > streamsequence) count += 1;
    last.set(key, Math.max(last.get(key) ?? 0, streamsequence));
  }
  return count;
};

/** How many messages were acknowledged. It is asked every few milliseconds: it reads on from where it was. */
export const distinct = ({ acked }: ScriptedFunction): number => {
  const read = ids.get(acked) ?? { count: 0, seen: new Set<string>() };
  ids.set(acked, read);
  for (; read.count < acked.length; read.count += 1) read.seen.add(acked[read.count]!.id);
  return read.seen.size;
};

/** When each key was last acknowledged, and the longest pause that it had since `watchKeys` was called. */
export const watchKeys = (target: ScriptedFunction, script: Script = () => undefined) => {
  let watchedFromMs = performance.now();
  const lastMs = new Map<string, number>();
  const pauses = new Map<string, number>();
  target.script = async (call) => {
    const reply = await script(call);
    // Nobody was told anything.
    if (reply === 'silence') return reply;
    const nowMs = performance.now();
    for (const { data } of call.events) {
      const key = String(data?.['state_id']);
      pauses.set(key, Math.max(pauses.get(key) ?? 0, nowMs - (lastMs.get(key) ?? watchedFromMs)));
      lastMs.set(key, nowMs);
    }
    return reply;
  };
  return {
    reset: () => {
      watchedFromMs = performance.now();
      pauses.clear();
      lastMs.clear();
    },
    longestMs: () => Math.max(...pauses.values()),
    keysSince: () => pauses.size,
  };
};

/** When lines with all of these texts were logged. */
export const timesOf = ({ log }: ConnectorProcess, ...texts: readonly string[]): readonly number[] =>
  log
    .split('\n')
    .filter((line) => texts.every((text) => line.includes(text)))
    .map((line) => Date.parse(String((JSON.parse(line) as { readonly time?: string }).time)));

/** When it last began to read the state stream; 0 if never. */
export const takesOf = (one: ConnectorProcess): number => timesOf(one, '"lease_taken"', consumer).at(-1) ?? 0;

export const hasTaken = ({ log }: ConnectorProcess): boolean => log.includes('"lease_taken"');

/** Which of the connectors reads the state stream: the one that said so last. */
export const holderOf = (connectors: readonly ConnectorProcess[]): ConnectorProcess =>
  connectors.toSorted((a, b) => takesOf(b) - takesOf(a))[0]!;

/** A way to the functions that can be cut. */
export const wayTo = (target: ScriptedFunction): Promise<TcpProxy> =>
  startTcpProxy(Number(new URL(target.url).port), Math.random);

/** A connector suite with connectors that are processes of their own, and a watch of how loaded the machine is. */
export interface HandoverSuite {
  readonly suite: ConnectorSuite;
  natsUrl(): string;
  startBoth(
    target: ScriptedFunction,
    env?: Readonly<Record<string, string>>,
  ): Promise<readonly [ConnectorProcess, ConnectorProcess]>;
  /** One that reaches the functions by that way only. */
  startBehind(way: TcpProxy): Promise<ConnectorProcess>;
  watch(): LatenessWatch;
}

/**
 * What is judged by how long it takes is tried once more before it is red. A disk or a neighbour of this machine may hold up the
 * servers for seconds, which `watchLateness` does not see. Twice in a row it is the connector. A wrong order is red at once.
 */
export const judgedByTime = { retry: { count: 1, condition: /to be less than/ } };

/** For one `describe` block. */
export const useHandoverSuite = (variant: NatsVariant): HandoverSuite => {
  const suite = useConnectorSuite(variant);
  let watched: LatenessWatch | undefined;
  afterEach(async () => {
    watched?.stop();
    await endConnectorProcesses();
  });
  const natsUrl = (): string => suite.server.url;
  return {
    suite,
    natsUrl,
    startBoth: async (target, env = {}) => {
      const common = { natsUrl: natsUrl(), gatewayUrl: target.url, ackWaitSeconds: defaultAckWaitSeconds };
      const options = { ...common, env };
      return [await startConnectorProcess(options), await startConnectorProcess(options)];
    },
    startBehind: ({ port }) =>
      startConnectorProcess({
        natsUrl: natsUrl(),
        gatewayUrl: `http://127.0.0.1:${port}`,
        ackWaitSeconds: defaultAckWaitSeconds,
      }),
    watch: () => (watched = watchLateness()),
  };
};

const consumer = 'processor_state_sync_sub_1';
const ids = new WeakMap<ScriptedFunction['acked'], { count: number; readonly seen: Set<string> }>();
