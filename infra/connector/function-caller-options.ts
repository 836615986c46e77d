import type { ErrorCode } from '../../shared/errors/error-code.ts';
import type { TriggerLimits } from '../../shared/routing/routing.ts';
import type { Log } from '../../shared/telemetry/log.ts';
import type { Clock } from './clock.ts';
import type { Endpoint } from './endpoints.ts';
import type { HeldMessage } from './held-message.ts';
import type { ConnectorMetrics } from './metrics.ts';
import type { ConnectorTelemetry } from './telemetry.ts';

export interface FunctionCallerOptions {
  readonly functionName: string;
  readonly limits: TriggerLimits;
  readonly endpoint: Endpoint;
  readonly headers: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly metrics: ConnectorMetrics;
  readonly telemetry: ConnectorTelemetry;
  readonly maxDeliver: (message: HeldMessage) => number | undefined;
  readonly onAcked: (messages: readonly HeldMessage[]) => void;
  readonly onRejected: (message: HeldMessage, code: ErrorCode, reason: string) => void;
  /** The function became available or unavailable. */
  readonly onChange: () => void;
}

/** Sends a function its messages: batches, retries, and the isolation of those that take it down. */
export interface FunctionCaller {
  readonly functionName: string;
  /** Whether the function is away or overloaded: nothing more should be fetched for it. */
  readonly isOpen: boolean;
  readonly inFlight: number;
  /** Messages that are not settled, in requests or waiting for one. */
  readonly heldMessages: number;
  add(key: string, message: HeldMessage): void;
  block(key: string, sequence: number): void;
  unblock(key: string, sequence: number): void;
  /** Starts no further requests. */
  stop(): void;
  /** Resolves when no request is under way. */
  idle(): Promise<void>;
  /** Breaks off what is under way. */
  abort(): void;
}
