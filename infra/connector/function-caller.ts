import { encodeBatch } from '../../shared/message/cloud-event.ts';
import { backoffMs } from './backoff.ts';
import { createCircuitBreaker } from './circuit-breaker.ts';
import { pause, soonOnce } from './clock.ts';
import type { FunctionCaller, FunctionCallerOptions } from './function-caller-options.ts';
import { attemptOf, type HeldMessage } from './held-message.ts';
import {
  isSurroundingsDown,
  judgeAnswer,
  judgeFailure,
  noVerdicts,
  type JudgeContext,
  type Verdicts,
  type WholeFailure,
} from './judge-batch.ts';
import { createLanes, type LanePart } from './lanes.ts';
import { isHealthy, postBatch, type PostResult } from './post-batch.ts';
import type { BatchSpan } from './telemetry.ts';
import { createFailureRate } from './failure-rate.ts';
import { createTrials, type TrialRequest } from './trials.ts';

/** Messages that may be given up on the word of the health check alone before another answer must prove the function. */
const maxUnprovenKills = 3;
const maxReplyBytes = 16 * 1024 * 1024;
const healthTimeoutMs = 5_000;
const leastBatchBytes = 4_096;
/** Between two looks whether a process that died is back. */
const returnPollMs = 50;
/** Gateway errors in a row, with a healthy function, that make its messages suspect. */
const gatewayErrorsUntilSuspect = 2;
/** What a message may be the cause of, and a broken process or gateway too. */
const deaths: ReadonlySet<PostResult['kind']> = new Set(['died', 'gateway_error', 'timeout']);
/** What says nothing of whether a message takes the function down, or that it may. */
const openQuestions: ReadonlySet<PostResult['kind']> = new Set(['died', 'gateway_error', 'unavailable', 'overloaded']);

export const createFunctionCaller = (options: FunctionCallerOptions): FunctionCaller => {
  const { limits, clock, metrics, log, functionName } = options;
  const backoff = { initialMs: limits.backoffInitialMs, maxMs: limits.backoffMaxMs };
  const { client, path, healthPath } = options.endpoint;
  const lanes = createLanes();
  const breaker = createCircuitBreaker({ ...backoff, maxRequests: limits.maxConcurrentRequests }, options.random);
  const trials = createTrials();
  const failures = createFailureRate();
  const aborted = new AbortController();
  const idleWaiters: (() => void)[] = [];

  let inFlight = 0;
  let answers = 0;
  let unprovenKills = 0;
  let maxBatchBytes = limits.maxBatchBytes;
  let stopped = false;
  let wasOpen = false;
  let timer: { readonly atMs: number; readonly cancel: () => void } | undefined;
  const pumpSoon = soonOnce(clock, () => pump());

  const context = (): JudgeContext => ({ limits, answers, maxDeliver: options.maxDeliver });

  const schedule = (atMs: number): void => {
    if (timer !== undefined && timer.atMs <= atMs) return;
    timer?.cancel();
    const cancel = clock.after(Math.max(1, atMs - clock.nowMs()), () => {
      timer = undefined;
      pump();
    });
    timer = { atMs, cancel };
  };

  /** Starts as many requests as there are messages, free slots and an available function. */
  const pump = (): void => {
    if (stopped) return;
    const nowMs = clock.nowMs();
    const nextLaneMs = lanes.wake(nowMs);
    if (nextLaneMs !== undefined) schedule(nextLaneMs);
    // An idle function gets what there is at once: while it works on that, the next request fills by itself.
    const [lingerMs, maxMessages] = [inFlight === 0 ? 0 : limits.lingerMs, limits.maxBatchMessages];
    for (;;) {
      const freeSlots = trials.slots(breaker.slots(nowMs)) - inFlight;
      if (freeSlots <= 0) {
        if (breaker.reopensAtMs !== undefined && breaker.reopensAtMs > nowMs) schedule(breaker.reopensAtMs);
        return;
      }
      const taken = lanes.take({ maxMessages, maxBytes: maxBatchBytes, lingerMs, freeSlots }, nowMs);
      if (taken === undefined) return;
      if ('waitMs' in taken) return schedule(nowMs + taken.waitMs);
      inFlight += 1;
      void call(taken.parts);
    }
  };

  const post = (messages: readonly HeldMessage[], span: BatchSpan): Promise<PostResult> => {
    const body = encodeBatch(
      messages.map((message, index) => {
        const { traceparent, tracestate } = span.contextOf(index);
        return { ...message, attempt: attemptOf(message), traceparent, tracestate };
      }),
    );
    metrics.add('request_bytes', body.byteLength, functionName);
    const request = { path, headers: { ...options.headers, ...span.headers }, body, signal: aborted.signal };
    return postBatch(client, { ...request, timeoutMs: limits.requestTimeoutMs, maxReplyBytes });
  };

  const isAlive = (): Promise<boolean> =>
    isHealthy(client, {
      path: healthPath,
      headers: options.headers,
      timeoutMs: healthTimeoutMs,
      signal: aborted.signal,
    });

  /** Whether the function answers its health check again before its messages would be tried again anyway. */
  const comesBack = async (): Promise<boolean> => {
    const endsAtMs = clock.nowMs() + backoff.maxMs;
    let delayMs = returnPollMs;
    while (clock.nowMs() < endsAtMs) {
      await pause(clock, delayMs);
      if (stopped) return false;
      if (await isAlive()) return true;
      delayMs = Math.min(delayMs * 2, 2_000);
    }
    return false;
  };

  const judgeWholeFailure = async (
    parts: readonly LanePart[],
    result: WholeFailure,
    request: TrialRequest,
  ): Promise<Verdicts> => {
    breaker.faulted(clock.nowMs());
    const only = parts.length === 1 && parts[0]!.messages.length === 1 ? parts[0]!.messages[0] : undefined;
    const isSingle = only !== undefined;
    const isDeath = result.kind === 'gateway_error' || (result.kind === 'died' && result.status === undefined);
    // Other requests died with the process: any of them may have killed it.
    const isOther = isDeath && !request.isSolitary();
    if (only !== undefined && isOther) trials.accuse(only);
    // A 500 or a silence comes from a process that lives, so its health proves nothing; one that died and is back was
    // killed, and one that answers without sense has sense for its health check at least.
    const isTelling = result.kind === 'died' ? result.status === undefined : result.kind !== 'timeout';
    const alive = isSingle && isTelling && !isOther && unprovenKills < maxUnprovenKills && (await isAlive());
    const killsNeeded = only === undefined ? 0 : failures.killsNeeded(only, limits.killsBeforeDeadLetter);
    const verdicts = judgeFailure(parts, result, context(), { isFunctionAlive: alive, isOther, killsNeeded });
    if (alive && verdicts.rejected.length > 0) unprovenKills += 1;
    return verdicts;
  };

  const onGatewayError = async (
    parts: readonly LanePart[],
    result: Extract<PostResult, { kind: 'gateway_error' }>,
    request: TrialRequest,
  ): Promise<Verdicts> => {
    let errors = 0;
    for (const { lane, messages } of parts) {
      lane.gatewayErrors += 1;
      // While a killer is searched for by halves, each half is known to be suspect.
      errors = Math.max(errors, lane.gatewayErrors + (lane.suspects > 0 && messages.length > 1 ? 1 : 0));
    }
    const isSuspect = errors >= gatewayErrorsUntilSuspect;
    if (isSuspect && (await isAlive())) return await judgeWholeFailure(parts, result, request);
    breaker.unavailable(clock.nowMs());
    // The only process of a function needs a moment to start again after it was killed.
    if (isSuspect && (await comesBack())) return await judgeWholeFailure(parts, result, request);
    return noVerdicts();
  };

  const onTooLarge = (parts: readonly LanePart[], reason: string): Verdicts => {
    const messages = parts.flatMap((part) => part.messages);
    if (messages.length === 1) {
      return { ...noVerdicts(), rejected: [{ message: messages[0]!, code: 'payload_too_large', reason }] };
    }
    const bytes = messages.reduce((sum, message) => sum + message.bodyBytes, 0);
    // Of requests that were under way together each says it of its own size.
    maxBatchBytes = Math.max(leastBatchBytes, Math.min(maxBatchBytes, bytes >> 1));
    log.warn('batch_too_large', { function: functionName, reason, nextMaxBytes: maxBatchBytes });
    // Below the least size it is the count that has to shrink.
    for (const { lane, messages: own } of parts) {
      if (maxBatchBytes > leastBatchBytes) continue;
      lane.suspects = own.length;
      lane.nextSize = Math.max(1, own.length >> 1);
    }
    return noVerdicts();
  };

  const judge = async (parts: readonly LanePart[], result: PostResult, request: TrialRequest): Promise<Verdicts> => {
    const nowMs = clock.nowMs();
    switch (result.kind) {
      case 'answered': {
        const known = parts.some(({ messages }) => messages.some(({ id }) => result.outcomes.has(id)));
        if (!known) {
          const failure = { ...result, kind: 'nonsense', reason: 'the answer names no message' } as const;
          return await judgeWholeFailure(parts, failure, request);
        }
        // Only what was stored or passed on proves the function and all behind it; a refusal needs neither.
        if ([...result.outcomes.values()].some(({ outcome }) => outcome === 'ack')) answers += 1;
        unprovenKills = 0;
        if (isSurroundingsDown(result.outcomes.values())) breaker.unavailable(nowMs);
        else breaker.succeeded();
        return judgeAnswer(parts, result.outcomes, context());
      }
      case 'unavailable':
        breaker.unavailable(nowMs, result.retryAfterMs);
        return noVerdicts();
      case 'overloaded':
        breaker.overloaded(nowMs, inFlight, result.retryAfterMs);
        return noVerdicts();
      case 'misconfigured':
        log.error('function_misconfigured', { function: functionName, reason: result.reason });
        breaker.unavailable(nowMs, limits.backoffMaxMs);
        return noVerdicts();
      case 'too_large':
        return onTooLarge(parts, result.reason);
      case 'gateway_error':
        return await onGatewayError(parts, result, request);
      default:
        return await judgeWholeFailure(parts, result, request);
    }
  };

  /** Lets the lanes of what stays wait, and hands on what is settled. */
  const apply = (parts: readonly LanePart[], verdicts: Verdicts): void => {
    for (const message of verdicts.acked) message.done = true;
    for (const { message } of verdicts.rejected) message.done = true;
    trials.acquit(verdicts.rejected.map(({ message }) => message));
    const delays = new Map(verdicts.retried.map(({ message, delayMs }) => [message, delayMs]));
    const nowMs = clock.nowMs();
    for (const { lane, messages } of parts) {
      const retried = messages.filter((message) => delays.has(message));
      lane.failures = retried.length > 0 ? lane.failures + 1 : 0;
      if (retried.length === 0) continue;
      const leastMs = Math.max(...retried.map((message) => delays.get(message)!));
      lane.notBeforeMs =
        nowMs + Math.max(Math.min(leastMs, backoff.maxMs), backoffMs(backoff, lane.failures, options.random));
    }
    for (const { code } of verdicts.retried) metrics.add('retried', 1, code);
    if (verdicts.acked.length > 0) options.onAcked(verdicts.acked);
    for (const { message, code, reason } of verdicts.rejected) options.onRejected(message, code, reason);
    lanes.complete(parts, nowMs);
  };

  const report = (result: PostResult, verdicts: Verdicts, count: number): void => {
    metrics.add('requests', 1, result.kind);
    if (result.kind !== 'answered') {
      const fields = { function: functionName, kind: result.kind, reason: result.reason, messages: count };
      log.warn('request_failed', fields);
    }
    const logged = new Set<string>();
    for (const { message, code } of verdicts.retried) {
      if (logged.has(code)) continue;
      logged.add(code);
      log.warn('messages_retried', { function: functionName, code, id: message.id, messages: verdicts.retried.length });
    }
    if (breaker.isOpen === wasOpen) return;
    wasOpen = breaker.isOpen;
    log.warn(wasOpen ? 'function_unavailable' : 'function_available', { function: functionName });
    options.onChange();
  };

  const call = async (parts: readonly LanePart[]): Promise<void> => {
    const messages = parts.flatMap((part) => part.messages);
    const span = options.telemetry.startBatch(functionName, messages);
    const request = trials.begin(inFlight);
    const result = await post(messages, span);
    // Of requests that died together only one was the cause: they say nothing of how often one fails.
    if (result.kind === 'answered') failures.succeeded();
    else if (deaths.has(result.kind) && request.isSolitary()) failures.failed(messages);
    if (!openQuestions.has(result.kind)) trials.acquit(messages);
    const verdicts = await judge(parts, result, request);
    span.end({
      outcomes: messages.map(({ id }) => (result.kind === 'answered' ? result.outcomes.get(id) : undefined)),
      failure: result.kind === 'answered' ? undefined : result.reason,
      httpStatus: 'status' in result ? result.status : undefined,
    });
    metrics.add('request_messages', messages.length, functionName);
    apply(parts, verdicts);
    report(result, verdicts, messages.length);
    inFlight -= 1;
    if (inFlight === 0) for (const done of idleWaiters.splice(0)) done();
    pump();
  };

  return {
    functionName,
    get isOpen() {
      return breaker.isOpen;
    },
    get inFlight() {
      return inFlight;
    },
    get heldMessages() {
      return lanes.heldMessages;
    },
    add: (key, message) => {
      lanes.add(key, message, clock.nowMs());
      // One look per burst: messages that arrive together are taken together.
      if (inFlight === 0 || lanes.readyMessages >= limits.maxBatchMessages) pumpSoon();
      else schedule(clock.nowMs() + limits.lingerMs);
    },
    block: (key, sequence) => lanes.block(key, sequence),
    unblock: (key, sequence) => {
      lanes.unblock(key, sequence, clock.nowMs());
      schedule(clock.nowMs());
    },
    stop: () => {
      stopped = true;
      timer?.cancel();
    },
    idle: () => (inFlight === 0 ? Promise.resolve() : new Promise((resolve) => idleWaiters.push(resolve))),
    abort: () => aborted.abort(),
  };
};
