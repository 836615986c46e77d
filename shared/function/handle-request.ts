import { randomUUID } from 'node:crypto';

import { batchReply, singleReply } from './outcome-reply.ts';
import { errorReply, type HttpReply, type HttpRequest } from '../http/http-server.ts';
import { toOutcome } from '../message/to-outcome.ts';
import { RetryableError } from '../errors/sync-error.ts';
import { decodeRequest } from '../message/decode-request.ts';
import type { Delivery, MessageType } from '../message/delivery.ts';
import type { Outcome } from '../message/outcome.ts';
import { within } from '../process/within.ts';
import { startRequestTrace, type RequestTrace } from '../telemetry/request-trace.ts';
import type { FunctionMetrics } from '../telemetry/function-metrics.ts';
import type { Log } from '../telemetry/log.ts';

export interface RequestHandlerOptions {
  readonly functionName: string;
  readonly accepts: readonly MessageType[];
  /** Milliseconds since the epoch: the time of a message that brings none. */
  readonly nowMs: () => number;
  readonly monotonicMs: () => number;
  /** A request answers by then: below the gateway's own timeout, so that the outcome is ours to say. */
  readonly deadlineMs: number;
  readonly log: Log;
  readonly metrics: FunctionMetrics;
  /** One outcome for every delivery; what it throws all the same is the outcome of all of them. */
  process(deliveries: readonly Delivery[], trace: RequestTrace): Promise<readonly Outcome[]>;
}

/** decode -> process -> reply: the frame of every function that handles messages. */
export const createRequestHandler = (
  options: RequestHandlerOptions,
): ((request: HttpRequest) => Promise<HttpReply>) => {
  let coldStart = true;
  return async (request) => {
    if (request.method !== 'POST') {
      return errorReply(405, 'method_not_allowed', 'messages are posted', { allow: 'POST' });
    }
    const nowMs = options.nowMs();
    const startedMs = options.monotonicMs();
    const decoded = decodeRequest(request.headers, request.body, {
      accepts: options.accepts,
      nowMs,
      newId: randomUUID,
    });
    const { deliveries } = decoded;
    const trace = startRequestTrace({
      functionName: options.functionName,
      headers: request.headers,
      deliveries,
      coldStart,
      nowMs,
    });
    coldStart = false;
    let outcomes: readonly Outcome[];
    try {
      outcomes =
        deliveries.length === 0 ? [] : await withinDeadline(options.process(deliveries, trace), options.deadlineMs);
    } catch (error) {
      outcomes = deliveries.map(({ id }) => toOutcome(id, error));
    }
    const results = [...decoded.rejections, ...completeOutcomes(deliveries, outcomes)];
    const reply =
      decoded.mode === 'batch'
        ? batchReply(results)
        : singleReply(
            results[0] ?? toOutcome('', new RetryableError('no_outcome', 'there was no message')),
            decoded.mode,
          );
    trace.end(results, reply.status);
    options.metrics.request(deliveries.length, options.monotonicMs() - startedMs, results);
    for (const result of results) {
      if (result.outcome === 'ack') continue;
      options.log.warn(result.outcome, { id: result.id, code: result.code, reason: result.reason });
    }
    return reply;
  };
};

/**
 * The work's outcomes, or a rejection when its time is up. The work goes on by itself then; whatever it still stores, the
 * ledger keeps from being stored again.
 */
const withinDeadline = <T>(work: Promise<T>, deadlineMs: number): Promise<T> =>
  within(deadlineMs, work, () => {
    throw new RetryableError('function_timeout', `the function had no answer after ${deadlineMs} ms`);
  });

/** Every id gets exactly one outcome: the first that was said, or a failure if none was. */
const completeOutcomes = (deliveries: readonly Delivery[], outcomes: readonly Outcome[]): Outcome[] => {
  const byId = new Map<string, Outcome>();
  for (const outcome of outcomes) if (!byId.has(outcome.id)) byId.set(outcome.id, outcome);
  return deliveries.map(
    ({ id }) =>
      byId.get(id) ?? toOutcome(id, new RetryableError('no_outcome', 'the function said nothing of the message')),
  );
};
