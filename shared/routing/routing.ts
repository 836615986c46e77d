import type { StreamSettings } from './stream-settings.ts';

/** One route of `routing.yaml`: where messages of a selector travel (reference.md A.2). */
export interface RouteConfig {
  readonly selector: string;
  /** Name of the JetStream stream and prefix of its durable names. */
  readonly name: string;
  readonly url: string;
  /** Base subject. */
  readonly subject: string;
  readonly queue: string | null;
  readonly jetstreamEnabled: boolean;
  readonly ackWaitSeconds: number;
  /** Fetch size that the reference uses; our own bounds are the limits of a trigger. */
  readonly batchSize: number;
  readonly concurrentEnabled: boolean;
  readonly concurrentMaxWorkers: number;
  /** Together with `concurrentEnabled`: subjects carry a priority and a partition. */
  readonly concurrentPriorityEnabled: boolean;
  readonly concurrentMaxWorkersHigh: number;
}

/** What one trigger may hold in memory and how it tries again. */
export interface TriggerLimits {
  /** Most messages in one request. */
  readonly maxBatchMessages: number;
  /** Most payload bytes in one request. */
  readonly maxBatchBytes: number;
  /** How long a request may wait to be filled while the function has others; an idle one gets its messages at once. */
  readonly lingerMs: number;
  /** Most messages that are fetched and not settled. */
  readonly maxInFlightMessages: number;
  readonly maxInFlightBytes: number;
  /** Most requests at the same time, over all keys. */
  readonly maxConcurrentRequests: number;
  readonly requestTimeoutMs: number;
  /** Attempts of one message before it is dead-lettered, its first one counted. */
  readonly maxAttempts: number;
  readonly backoffInitialMs: number;
  readonly backoffMaxMs: number;
  /** How often a message may take its function down before it is dead-lettered. */
  readonly killsBeforeDeadLetter: number;
}

/** Which function handles which message types of a route, and which field keeps their order. */
export interface TriggerConfig {
  readonly selector: string;
  readonly function: string;
  readonly types: readonly string[];
  /** Name of the envelope field whose value is the ordering key. */
  readonly key: string;
  readonly limits: TriggerLimits;
}

export interface DeadLetterConfig {
  readonly stream: string;
  readonly subject: string;
}

/** The whole of `routing.yaml`, checked. */
export interface Routing {
  /** By selector, in the order of the file. */
  readonly routes: ReadonlyMap<string, RouteConfig>;
  readonly triggers: readonly TriggerConfig[];
  readonly deadLetter: DeadLetterConfig;
  readonly streams: StreamSettings;
  /** What the file says and nobody here uses, each with its place. */
  readonly warnings: readonly string[];
}

/** The selectors that the store itself publishes to and consumes from (reference.md A.2). */
export const monitorSelector = 'processor/monitor';
export const syncSelector = 'processor/state/sync';
export const routerSelector = 'processor/state/router';
