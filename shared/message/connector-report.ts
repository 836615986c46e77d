import type { DeliveryMinute, RouteFlow } from './delivery-minute.ts';

/** What a connector says of the functions that it calls and the durables that it reads. Times are milliseconds since 1970. */
export interface ConnectorReport {
  /** Its name, as the NATS server shows it. */
  readonly connector: string;
  readonly timeMs: number;
  readonly functions: readonly FunctionReport[];
  readonly durables: readonly DurableReport[];
  /** Who reads each durable, as far as it knows; absent where it reads without leases. */
  readonly leases?: readonly LeaseReport[];
  /** Only where it was asked for. */
  readonly history?: HistoryReport;
  readonly flows?: readonly RouteFlow[];
}

/** Who reads a durable, as far as one connector knows. */
export interface LeaseReport {
  readonly consumer: string;
  /** The connector that reads; null if nobody does. */
  readonly holder: string | null;
  /** Since when; null if nobody reads. */
  readonly sinceMs: number | null;
  /** Whether the connector that says so is the one that reads. */
  readonly isOurs: boolean;
}

export interface HistoryReport {
  /** Another one after each start: minutes of two runs add up. */
  readonly source: string;
  readonly minutes: readonly DeliveryMinute[];
}

/** What a connector is asked for beside its state. */
export interface ConnectorRequest {
  /** Minutes of the history from this time on; milliseconds since 1970. */
  readonly history_from?: number;
  /** What went through each route. */
  readonly flows?: boolean;
}

export interface FunctionReport {
  readonly name: string;
  /** Since when every request to it failed as a whole; null if the last one was answered. */
  readonly failingSinceMs: number | null;
  /** Why the last request failed; null if it was answered. */
  readonly reason: string | null;
}

export interface DurableReport {
  readonly stream: string;
  readonly consumer: string;
  /** When a message was acknowledged or given up last; null if none was since the connector started. */
  readonly lastSettledMs: number | null;
  /** Messages that wait for another try, by the code of their last failure. */
  readonly retries: readonly RetryReport[];
}

export interface RetryReport {
  readonly code: string;
  /** That of the newest failure. */
  readonly reason: string;
  readonly messages: number;
  /** When the first of these messages failed first. */
  readonly sinceMs: number;
}
