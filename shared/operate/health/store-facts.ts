import type { Pause } from '../../message/pause.ts';
import type { ConnectorReport } from '../../message/connector-report.ts';
import type { DeadLetterSummary } from '../../nats/dead-letter-store.ts';
import type { StreamStatus } from '../../nats/stream-status.ts';
import type { FunctionState } from '../gateway.ts';

/** Something that answers, or the code and reason why it does not. */
export type Answer<T> =
  ({ readonly ok: true } & T) | { readonly ok: false; readonly code: string; readonly reason: string };

export type NamedStream = {
  readonly name: string;
  readonly selectors: readonly string[];
  /** The functions that get its messages; empty for a stream that others read. */
  readonly functions: readonly string[];
} & Answer<{
  /** Null if there is no such stream yet. */
  readonly stream: StreamStatus | null;
}>;

/** What is known of the store at one moment. */
export interface StoreFacts {
  readonly time: string;
  readonly nats: Answer<{
    readonly server: string;
    readonly version: string;
    readonly latencyMs: number;
    readonly maxPayloadBytes: number;
  }>;
  readonly streams: readonly NamedStream[];
  readonly deadLetters: { readonly stream: string } & Answer<DeadLetterSummary>;
  readonly database: Answer<{
    readonly latencyMs: number;
    readonly version: string;
    readonly ledgerRows: number;
    /** Whether `ledgerRows` was counted; else it is the planner's estimate. */
    readonly isLedgerCounted: boolean;
  }>;
  /** Null if no gateway is configured. */
  readonly functions: Answer<{ readonly list: readonly FunctionState[] }> | null;
  /** What operators have paused and is not over. */
  readonly pauses: Answer<{ readonly list: readonly Pause[] }>;
  /** What the connectors say that run now. */
  readonly connectors: Answer<{ readonly list: readonly ConnectorReport[] }>;
}
