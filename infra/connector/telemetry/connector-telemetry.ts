import type { Outcome } from '../../../shared/message/outcome.ts';

/** What a span may say of a message: nothing of its payload. */
export interface TracedMessage {
  readonly id: string;
  readonly stream: string;
  readonly subject: string;
  readonly sequence: number;
  readonly timestampNs: string;
  readonly deliveryCount: number;
  readonly messageType: string | undefined;
  readonly bodyBytes: number;
  /** The route that the message names, if it names one. */
  readonly routeId?: string | null;
  /** The reply subject of the delivery: it names the consumer. */
  readonly reply: string;
  /** W3C context of the producer, by lower-case header name. */
  readonly traceContext: Readonly<Record<string, string>>;
}

export interface BatchResult {
  /** In the order of the batch; undefined where the function gave none. */
  readonly outcomes: readonly (Outcome | undefined)[];
  /** Why the request failed as a whole, where it did. */
  readonly failure?: string | undefined;
  readonly httpStatus?: number | undefined;
  /** Whether it was the first answer of the function's process. */
  readonly isFirst?: boolean | undefined;
}

/** One request to a function, from its start to its end. */
export interface BatchSpan {
  /** Headers that carry the request's own context (`traceparent`). */
  readonly headers: Readonly<Record<string, string>>;
  /** The context that goes into an event, by its place in the batch: the message's deliver span, else the producer's. */
  contextOf(index: number): Readonly<Record<string, string>>;
  end(result: BatchResult): void;
}

/** How a message leaves the consumer. */
export type SettleOperation = 'ack' | 'term' | 'nak';

export interface DeadLetterReason {
  readonly code: string;
  readonly reason: string;
  /** Tries that ended in a failure of the message. */
  readonly attempts: number;
  /** Where the dead letter goes. */
  readonly subject: string;
}

/** Where spans are made. The connector calls it; what it does with it is not the connector's concern. */
export interface ConnectorTelemetry {
  startBatch(functionName: string, messages: readonly TracedMessage[]): BatchSpan;
  /** A message that is dead-lettered: headers for the dead letter, and its end with the error where it failed. */
  startDeadLetter(
    message: TracedMessage,
    why: DeadLetterReason,
  ): { readonly headers: Readonly<Record<string, string>>; end(error?: unknown): void };
  /** Messages that are settled; the end is when the server has read it. */
  startSettle(how: SettleOperation, messages: readonly TracedMessage[]): { end(error?: unknown): void };
}

/** Makes no spans; the producer's context goes through untouched. */
export const noTelemetry: ConnectorTelemetry = {
  startBatch: (_functionName, messages) => ({
    headers: {},
    contextOf: (index) => messages[index]?.traceContext ?? {},
    end: () => undefined,
  }),
  startDeadLetter: () => ({ headers: {}, end: () => undefined }),
  startSettle: () => ({ end: () => undefined }),
};
