import type { Delivery, MessageType } from '../message/delivery.ts';
import type { Outcome } from '../message/outcome.ts';
import { traceMetadata } from '../metadata/traced-metadata.ts';
import type { Metadata } from '../metadata/cached-metadata.ts';
import { tracePublish, type PublishForDeliveries } from '../telemetry/trace-publish.ts';
import type { FunctionDatabase } from './function-database.ts';
import { createRequestHandler } from './handle-request.ts';
import type { Parts } from './open-parts.ts';
import type { FunctionApp } from './run-function.ts';
import { traceDatabase } from './trace-database.ts';

/** What one request works with: what it does with these is in the trace of its messages. */
export interface RequestParts {
  readonly metadata: Metadata;
  readonly database: FunctionDatabase;
  readonly publish: PublishForDeliveries;
}

export interface MessageFunction {
  readonly accepts: readonly MessageType[];
  /** One outcome for every delivery; what it throws all the same is the outcome of all of them. */
  process(deliveries: readonly Delivery[], parts: RequestParts): Promise<readonly Outcome[]>;
}

/** A function that handles messages, as its process runs it: request -> deliveries -> outcomes -> reply, traced. */
export const createMessageApp = (parts: Parts, definition: MessageFunction): FunctionApp => {
  const { runtime } = parts;
  return {
    handle: createRequestHandler({
      functionName: runtime.name,
      accepts: definition.accepts,
      nowMs: runtime.nowMs,
      monotonicMs: runtime.monotonicMs,
      deadlineMs: runtime.config.deadlineMs,
      maxExpandedBytes: runtime.config.maxExpandedBytes,
      log: runtime.log,
      metrics: parts.metrics,
      process: (deliveries, trace) =>
        definition.process(deliveries, {
          metadata: traceMetadata(parts.metadata, trace, deliveries),
          database: traceDatabase(parts.database, trace),
          publish: tracePublish(parts.bus.publish, trace),
        }),
    }),
    metrics: parts.metricsText,
    close: parts.close,
  };
};
