/** What a connector says of the functions that it calls and the durables that it reads. Times are milliseconds since 1970. */
export interface ConnectorReport {
  /** Its name, as the NATS server shows it. */
  readonly connector: string;
  readonly timeMs: number;
  readonly functions: readonly FunctionReport[];
  readonly durables: readonly DurableReport[];
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
