import type { NatsConnection } from '../../shared/nats/connect.ts';
import type { ConsumerLag } from '../../shared/nats/consumer-lag.ts';
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
}

/** One durable's way: intake, dispatch, settle. */
export interface Pipeline {
  /** Makes stream and consumer, and begins to pull; tried until it works. */
  start(): Promise<void>;
  readonly isConsuming: boolean;
  readonly heldMessages: number;
  /** How far its consumers are behind; without those that the server does not answer for. */
  lags(): Promise<readonly ConsumerLag[]>;
  /** Tells the server that everything held is being worked on. */
  keepAlive(): void;
  /** Ends what is in flight, within the time, and hands back the rest with a delay. */
  stop(graceMs: number): Promise<void>;
}

/** Answers of the last moments; a connection that breaks loses fewer. */
const maxRecentAnswers = 10_000;

export const createPipeline = (options: PipelineOptions): Pipeline => {
  const { route, clock, log } = options;
  const held = createHeldMessages<Source>();
  const recent = createRecentAnswers(maxRecentAnswers);
  const wake = (): void => intake.wake();
  const settler = createSettler({ ...options, stream: route.name, held, recent, onSettled: wake });
  const dispatchers = createDispatchers(options, settler, wake);
  const intake = createIntake({ ...options, held, recent, settler, dispatchers });
  const all = [...dispatchers.values()];
  return {
    start: intake.start,
    get isConsuming() {
      return intake.isConsuming;
    },
    get heldMessages() {
      return held.size;
    },
    lags: intake.lags,
    keepAlive: settler.keepAlive,
    stop: async (graceMs) => {
      intake.stop();
      for (const dispatcher of all) dispatcher.feed({ type: 'drain' });
      const idle = Promise.all([...all.map((dispatcher) => dispatcher.idle()), settler.idle()]);
      await within(graceMs, idle, () => undefined, clock.after);
      for (const dispatcher of all) dispatcher.feed({ type: 'abort' });
      await Promise.all(all.map((dispatcher) => dispatcher.idle()));
      intake.close();
      const messages = await settler.handBack();
      if (messages > 0) log.info('handed_back', { consumer: options.durable, messages });
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
