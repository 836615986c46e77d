import { pausedNow } from '../../shared/message/pause.ts';
import type { NatsConnection } from '../../shared/nats/connect.ts';
import { within } from '../../shared/process/within.ts';
import type { RouteConfig, TriggerConfig } from '../../shared/routing/routing.ts';
import type { Log } from '../../shared/telemetry/log.ts';
import type { Clock } from './clock.ts';
import { createDispatcher, type Dispatcher } from './dispatch/dispatcher.ts';
import type { Endpoints } from './dispatch/endpoints.ts';
import { createHeldMessages } from './intake/held-messages.ts';
import { createIntake } from './intake/intake.ts';
import type { ReceivedMessage } from './intake/received-message.ts';
import type { Source } from './intake/take-delivery.ts';
import type { LeasedWork } from './lease/leased-pipeline.ts';
import type { Tenure } from './lease/tenure.ts';
import { plannedStop, type StopStep } from './planned-stop.ts';
import type { DeadLetters } from './settle/dead-letters.ts';
import { createRecentAnswers } from './settle/recent-answers.ts';
import { createSettler, type Settler } from './settle/settler.ts';
import type { ConnectorTelemetry } from './telemetry/connector-telemetry.ts';
import type { ConnectorMetrics } from './telemetry/metrics.ts';

export interface PipelineOptions {
  readonly route: RouteConfig;
  /** Durable name and what it receives. */
  readonly durable: string;
  readonly filterSubjects: readonly string[];
  readonly triggers: readonly TriggerConfig[];
  readonly connection: NatsConnection;
  readonly endpoints: Pick<Endpoints, 'of'>;
  readonly headers: Readonly<Record<string, string>>;
  /** The shared token: what a replay is signed with. */
  readonly token: string | undefined;
  readonly deadLetters: DeadLetters;
  /** Tells the monitor of a message that was given up; best effort. */
  readonly reportFailed: (message: ReceivedMessage, reason: string) => void;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly metrics: ConnectorMetrics;
  readonly telemetry: ConnectorTelemetry;
  /** The time in which it reads. */
  readonly tenure: Tenure;
}

/** One durable's way: intake, dispatch, settle. */
export type Pipeline = LeasedWork;

/** So long a planned stop waits for what is in flight, before somebody else may read; the ledger makes that one's second try harmless. */
const handOverMs = 400;

/** Answers of the last moments; a connection that breaks loses fewer. */
const maxRecentAnswers = 10_000;

export const createPipeline = (options: PipelineOptions): Pipeline => {
  const { route, clock, log } = options;
  const held = createHeldMessages<Source>();
  const recent = createRecentAnswers(maxRecentAnswers);
  const wake = (): void => intake.wake();
  const settler = createSettler({ ...options, stream: route.name, held, recent, onSettled: wake });
  const dispatchers = createDispatchers(options, settler, wake);
  let isPaused = false;
  const intake = createIntake({ ...options, held, recent, settler, dispatchers, isPaused: () => isPaused });
  const all = [...dispatchers.values()];
  const handBack = async (): Promise<void> => {
    const messages = await settler.handBack();
    if (messages > 0) log.info('handed_back', { consumer: options.durable, messages });
  };
  return {
    start: intake.start,
    get isConsuming() {
      return intake.isConsuming;
    },
    get heldMessages() {
      return held.size;
    },
    lags: intake.lags,
    setPauses: (pauses) => {
      for (const [functionName, dispatcher] of dispatchers) {
        const paused = pausedNow(pauses, { durable: options.durable, functionName }, clock.epochMs());
        isPaused = paused.isDurablePaused;
        const { isFunctionPaused, keys } = paused;
        dispatcher.feed({ type: 'pauses_changed', isFunctionPaused, keys });
      }
      wake();
    },
    keepAlive: settler.keepAlive,
    wake,
    resume: () => {
      settler.keepAlive();
      for (const dispatcher of all) dispatcher.feed({ type: 'resume' });
      intake.resume();
    },
    abandon: async () => {
      // First of all, so that no answer that comes from now on settles anything.
      held.clear();
      for (const dispatcher of all) dispatcher.feed({ type: 'abort' });
      intake.close();
      await intake.stop();
    },
    stop: async (graceMs, handOver = () => Promise.resolve()) => {
      const startedMs = clock.nowMs();
      const idle = async (): Promise<void> =>
        void (await Promise.all([...all.map((dispatcher) => dispatcher.idle()), settler.idle()]));
      const idleWithin = async (mostMs: number): Promise<void> => {
        const leftMs = Math.max(0, Math.min(graceMs, mostMs) - (clock.nowMs() - startedMs));
        await within(leftMs, idle(), () => undefined, clock.after);
      };
      const steps: Readonly<Record<StopStep, () => Promise<void>>> = {
        drain: async () => {
          for (const dispatcher of all) dispatcher.feed({ type: 'drain' });
        },
        end_pulls: () => intake.stop(),
        wait_shortly: () => idleWithin(handOverMs),
        hand_back: async () => {
          // A sign of life would make what is handed back wait for a whole ack wait.
          intake.close();
          await handBack();
        },
        give_up_lease: handOver,
        wait: () => idleWithin(graceMs),
        abort: async () => {
          for (const dispatcher of all) dispatcher.feed({ type: 'abort' });
          await Promise.all(all.map((dispatcher) => dispatcher.idle()));
        },
      };
      for (const step of plannedStop) await steps[step]();
    },
  };
};

/** One for each function that a trigger of the route names. */
const createDispatchers = (
  options: PipelineOptions,
  settler: Settler,
  onChange: () => void,
): ReadonlyMap<string, Dispatcher> => {
  const dispatchers = new Map<string, Dispatcher>();
  for (const { function: functionName, limits } of options.triggers) {
    if (dispatchers.has(functionName)) continue;
    const endpoint = options.endpoints.of(functionName);
    dispatchers.set(
      functionName,
      createDispatcher({
        ...options,
        functionName,
        endpoint,
        limits,
        onAcked: settler.ack,
        onRejected: settler.reject,
        onChange,
      }),
    );
  }
  return dispatchers;
};
