import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { batchReply, singleReply } from './outcome-reply.ts';
import { firstAnswerMark } from '../http/answer-mark.ts';
import { errorReply, type HttpReply, type HttpRequest } from '../http/http-server.ts';
import { heldBack, toOutcome } from '../message/to-outcome.ts';
import { RetryableError } from '../errors/sync-error.ts';
import { decodeRequest, type DecodedMessage } from '../message/decode-request.ts';
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
  /** What one message may take when it is read, and what is read at the same time, about. */
  readonly maxExpandedBytes: number;
  readonly log: Log;
  readonly metrics: FunctionMetrics;
  /** One outcome for every delivery; what it throws all the same is the outcome of all of them. */
  process(deliveries: readonly Delivery[], trace: RequestTrace): Promise<readonly Outcome[]>;
}

/** decode -> process -> reply: the frame of every function that handles messages. */
export const createRequestHandler = (
  options: RequestHandlerOptions,
): ((request: HttpRequest) => Promise<HttpReply>) => {
  const startTrace = traceStarter(options.functionName);
  let isFirst = true;
  return async (request) => {
    if (request.method !== 'POST') {
      return errorReply(405, 'method_not_allowed', 'messages are posted', { allow: 'POST' });
    }
    const nowMs = options.nowMs();
    const startedMs = options.monotonicMs();
    const { mode, messages } = decodeRequest(request.headers, request.body, {
      accepts: options.accepts,
      nowMs,
      newId: randomUUID,
      maxExpandedBytes: options.maxExpandedBytes,
    });
    const results: Outcome[] = [];
    const iterator = messages[Symbol.iterator]();
    let deliveryCount = 0;
    let isHeldBack = false;
    // Almost always one: a batch that takes more memory than one message may is handled part by part.
    for (let isOver = false; !isOver;) {
      const part = await readPart(iterator, options);
      const { deliveries } = part;
      isOver = part.isOver;
      deliveryCount += deliveries.length;
      const trace = startTrace(request, deliveries, nowMs);
      const leftMs = options.deadlineMs - (options.monotonicMs() - startedMs);
      const outcomes: readonly Outcome[] = isHeldBack
        ? deliveries.map(({ id }) => heldBack(id))
        : await outcomesOf(deliveries, Math.max(1, leftMs), options, trace);
      // What comes back may be of any key: nothing of a later part may pass it.
      isHeldBack ||= outcomes.some(({ outcome }) => outcome === 'retry');
      const own = [...part.rejections, ...outcomes];
      trace.end(own, mode === 'batch' ? 200 : singleReply(own[0] ?? nothing(), mode).status);
      results.push(...own);
    }
    const reply = mode === 'batch' ? batchReply(results) : singleReply(results[0] ?? nothing(), mode);
    options.metrics.request(deliveryCount, options.monotonicMs() - startedMs, results);
    logFailures(results, options.log);
    if (!isFirst) return reply;
    isFirst = false;
    return { ...reply, headers: { ...reply.headers, [firstAnswerMark.name]: firstAnswerMark.value } };
  };
};

type StartTrace = (request: HttpRequest, deliveries: readonly Delivery[], nowMs: number) => RequestTrace;

/** Only the first trace of a process is of a cold start. */
const traceStarter = (functionName: string): StartTrace => {
  let coldStart = true;
  return ({ headers }, deliveries, nowMs) => {
    const trace = startRequestTrace({ functionName, headers, deliveries, coldStart, nowMs });
    coldStart = false;
    return trace;
  };
};

const logFailures = (results: readonly Outcome[], log: Log): void => {
  for (const result of results) {
    if (result.outcome === 'ack') continue;
    log.warn(result.outcome, { id: result.id, code: result.code, reason: result.reason });
  }
};

/** One outcome for each delivery, whatever happens. */
const outcomesOf = async (
  deliveries: readonly Delivery[],
  leftMs: number,
  { process, deadlineMs }: RequestHandlerOptions,
  trace: RequestTrace,
): Promise<readonly Outcome[]> => {
  if (deliveries.length === 0) return [];
  try {
    return completeOutcomes(deliveries, await withinDeadline(process(deliveries, trace), leftMs, deadlineMs));
  } catch (error) {
    return deliveries.map(({ id }) => toOutcome(id, error));
  }
};

/** What a request of no message is answered with. */
const nothing = (): Outcome => toOutcome('', new RetryableError('no_outcome', 'there was no message'));

/** Reading goes on for so long before the event loop turns. */
const maxTurnMs = 5;

interface RequestPart {
  readonly deliveries: readonly Delivery[];
  readonly rejections: readonly Outcome[];
  readonly isOver: boolean;
}

/** Reads messages until they take the memory that one may, or until there are no more. */
const readPart = async (
  messages: Iterator<DecodedMessage>,
  { maxExpandedBytes, monotonicMs }: RequestHandlerOptions,
): Promise<RequestPart> => {
  const deliveries: Delivery[] = [];
  const rejections: Outcome[] = [];
  let bytes = 0;
  let turnStartedMs = monotonicMs();
  while (bytes < maxExpandedBytes) {
    const next = messages.next();
    if (next.done === true) return { deliveries, rejections, isOver: true };
    if ('rejection' in next.value) rejections.push(next.value.rejection);
    else {
      deliveries.push(next.value.delivery);
      bytes += next.value.bytes;
    }
    if (monotonicMs() - turnStartedMs < maxTurnMs) continue;
    await nextTurn();
    turnStartedMs = monotonicMs();
  }
  return { deliveries, rejections, isOver: false };
};

/**
 * The work's outcomes, or a rejection when its time is up. The work goes on by itself then; whatever it still stores, the
 * ledger keeps from being stored again.
 */
const withinDeadline = <T>(work: Promise<T>, leftMs: number, deadlineMs: number): Promise<T> =>
  within(leftMs, work, () => {
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
