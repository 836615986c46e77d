import type { LatencyCounts } from './latency-classes.ts';

/** What a connector did in one minute that is over. */
export interface DeliveryMinute {
  /** When it began; milliseconds since 1970. */
  readonly minuteMs: number;
  /** Messages that were acknowledged, tries that have to be repeated, messages that became dead letters. */
  readonly acked: number;
  readonly retried: number;
  readonly deadLettered: number;
  /** First answers of a function's process. */
  readonly coldStarts: number;
  /** From the stream to the acknowledgement; of a replayed dead letter since it came first. */
  readonly latency: LatencyCounts;
  /** Messages that were not settled when the connector looked; null if it did not. */
  readonly waiting: number | null;
  /** Age of the oldest message that was sent to a function; null if none was. */
  readonly oldestMs: number | null;
}

/** What went through one route since a time. */
export interface RouteFlow {
  readonly routeId: string;
  readonly sinceMs: number;
  readonly acked: number;
  readonly retried: number;
  readonly deadLettered: number;
}
