import type { NatsConnection } from '../../shared/nats/connect.ts';
import type { ConsumerLag } from '../../shared/nats/consumer-lag.ts';
import type { RouteConfig, TriggerConfig } from '../../shared/routing/routing.ts';
import type { Log } from '../../shared/telemetry/log.ts';
import type { Clock } from './clock.ts';
import type { DeadLetters } from './dead-letters.ts';
import type { Endpoints } from './endpoints.ts';
import type { HeldMessage } from './held-message.ts';
import type { ConnectorMetrics } from './metrics.ts';
import type { ConnectorTelemetry } from './telemetry.ts';

export interface PipelineOptions {
  readonly route: RouteConfig;
  /** Durable name and what it receives. */
  readonly durable: string;
  readonly filterSubjects: readonly string[];
  readonly triggers: readonly TriggerConfig[];
  readonly connection: NatsConnection;
  readonly endpoints: Pick<Endpoints, 'of'>;
  readonly headers: Readonly<Record<string, string>>;
  readonly deadLetters: DeadLetters;
  /** Tells the monitor of a message that was given up; best effort. */
  readonly reportFailed: (message: HeldMessage, reason: string) => void;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly metrics: ConnectorMetrics;
  readonly telemetry: ConnectorTelemetry;
}

/** One durable's way: pull, group by key, call the functions, settle. */
export interface Pipeline {
  /** Makes stream and consumer, and begins to pull; tried until it works. */
  start(): Promise<void>;
  readonly isConsuming: boolean;
  readonly heldMessages: number;
  /** How far its consumers are behind; without those that the server does not answer for. */
  lags(): Promise<readonly ConsumerLag[]>;
  /** Tells the server that everything held is being worked on. */
  keepAlive(): void;
  /** Ends what is under way, within the time, and hands back the rest with a delay. */
  stop(graceMs: number): Promise<void>;
}
