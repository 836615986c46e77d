import {
  emit,
  mayStart,
  meetBreaker,
  scheduleAt,
  type DispatchState,
  type RequestInFlight,
  type RequestState,
} from './dispatch-state.ts';
import { finishRequest } from './finish-request.ts';
import { anyAcked, isDependencyDown, judgeAnswer, noVerdicts, onlyMessage } from './judge.ts';
import { isDeath, judgeFailure, type WholeFailure } from './judge-failure.ts';
import type { LanePart } from './lane.ts';
import { endIsolation, isSolitary, killsNeeded, noteAnswered, noteFailed, noteStart } from './poison-search.ts';
import type { BatchFailure, DispatchEvent } from './protocol.ts';
import type { QueuedMessage } from './queued-message.ts';

/** Messages that may be given up on the word of the health check alone before another answer must prove the function. */
const maxUnprovenKills = 3;
const leastBatchBytes = 4_096;
/** Before the first look whether a function that died is back; doubled for each further one. */
const returnPollMs = 50;
const maxReturnPollMs = 2_000;
/** Gateway errors in a row that raise the question whether a message is their cause. */
const gatewayErrorsUntilSearch = 2;

type RequestEvent = Extract<
  DispatchEvent,
  { type: 'batch_answered' | 'batch_failed' | 'health_answered' | 'timer' | 'drain' }
>;
type Handler<E extends RequestEvent['type']> = (
  state: DispatchState,
  request: RequestInFlight,
  event: Extract<RequestEvent, { type: E }>,
  nowMs: number,
) => void;

/** Health checks in a row that must be answered well: one for each of a few endpoints, should a gateway lead to them in turn. */
const soundChecksNeeded = 3;
/** Deaths of a message alone that proved nothing, until the function is looked at before it is sent. */
const unprovenDeathsUntilCheck = 5;

/** Sends the parts as one request. */
export const startRequest = (state: DispatchState, parts: readonly LanePart[], nowMs: number): void => {
  const id = (state.lastRequestId += 1);
  const start = noteStart(state.search, state.requests.size + 1);
  const polls = { pollAtMs: 0, pollDelayMs: returnPollMs, pollEndsAtMs: nowMs + state.backoff.maxMs };
  const request: RequestInFlight = { id, parts, start, state: 'posted', soundChecks: 0, failure: undefined, ...polls };
  state.requests.set(id, request);
  const only = onlyMessage(parts);
  const isChecked = only !== undefined && only.tries.unprovenDeaths >= unprovenDeathsUntilCheck;
  if (isChecked) checkHealth(state, request, 'checking_sound');
  else postRequest(state, request);
};

const postRequest = (state: DispatchState, request: RequestInFlight): void => {
  const { id, parts } = request;
  request.state = 'posted';
  const messages = messagesOf(parts).map(({ message, deliveryCount, tries }) => ({
    message,
    attempt: deliveryCount + tries.attempts,
  }));
  emit(state, { type: 'post_batch', requestId: id, messages });
};

const messagesOf = (parts: readonly LanePart[]): readonly QueuedMessage[] =>
  parts.length === 1 ? parts[0]!.messages : parts.flatMap(({ messages }) => messages);

/**
 * A message that kills leaves a dead endpoint behind, which a gateway may lead to for a while: a look after the death shows no more
 * than that. So the whole function is looked at before the next try; what dies then is the message's own doing.
 */
const onSoundChecked: Handler<'health_answered'> = (state, request, { isAlive }, nowMs) => {
  if (!mayStart(state)) return finishRequest(state, request, noVerdicts(), nowMs);
  request.soundChecks = isAlive ? request.soundChecks + 1 : 0;
  if (request.soundChecks >= soundChecksNeeded) return postRequest(state, request);
  if (isAlive) return checkHealth(state, request, 'checking_sound');
  // A function whose health nobody can see is sent its messages all the same: nothing is proven then.
  if (nowMs >= request.pollEndsAtMs) return postRequest(state, request);
  request.state = 'awaiting_sound';
  request.pollAtMs = nowMs + request.pollDelayMs;
  request.pollDelayMs = Math.min(request.pollDelayMs * 2, maxReturnPollMs);
  scheduleAt(state, request.pollAtMs);
};

const isSound = ({ soundChecks }: RequestInFlight): boolean => soundChecks >= soundChecksNeeded;

/** The batch was answered with outcomes. */
const onAnswered: Handler<'batch_answered'> = (state, request, { status, outcomes }, nowMs) => {
  const { parts } = request;
  noteAnswered(state.search);
  endIsolation(state.search, messagesOf(parts));
  if (!parts.some(({ messages }) => messages.some(({ message }) => outcomes.has(message.id)))) {
    onWholeFailure(state, request, { kind: 'nonsense', status, reason: 'the answer names no message' }, nowMs);
    return;
  }
  // Only what was stored or passed on proves the function and all behind it; a refusal needs neither.
  if (anyAcked(outcomes)) state.answers += 1;
  state.search.unprovenKills = 0;
  const isDown = isDependencyDown(outcomes.values());
  meetBreaker(state, isDown ? { type: 'unavailable', retryAfterMs: 0 } : { type: 'succeeded' }, nowMs);
  finishRequest(state, request, judgeAnswer(parts, outcomes, { limits: state.limits, answers: state.answers }), nowMs);
};

/** What a message may be the cause of, and a broken process or gateway too. */
const deaths: ReadonlySet<BatchFailure['kind']> = new Set(['died', 'gateway_error', 'timeout']);
/** What leaves open whether a message takes the function down. */
const openQuestions: ReadonlySet<BatchFailure['kind']> = new Set([
  'died',
  'gateway_error',
  'unavailable',
  'overloaded',
]);

const onFailed: Handler<'batch_failed'> = (state, request, { failure }, nowMs) => {
  const messages = messagesOf(request.parts);
  // Of requests that died together only one was the cause: they say nothing of how often one fails.
  if (deaths.has(failure.kind) && isSolitary(state.search, request.start)) noteFailed(state.search, messages);
  if (!openQuestions.has(failure.kind)) endIsolation(state.search, messages);
  // The table has a handler of its own kind for each; the compiler cannot follow the pair.
  const handle = failureHandlers[failure.kind] as FailureHandler<BatchFailure['kind']>;
  handle(state, request, failure, nowMs);
};

type FailureHandler<K extends BatchFailure['kind']> = (
  state: DispatchState,
  request: RequestInFlight,
  failure: Extract<BatchFailure, { kind: K }>,
  nowMs: number,
) => void;

const onUnavailable: FailureHandler<'unavailable'> = (state, request, { retryAfterMs }, nowMs) => {
  meetBreaker(state, { type: 'unavailable', retryAfterMs }, nowMs);
  finishRequest(state, request, noVerdicts(), nowMs);
};

const onOverloaded: FailureHandler<'overloaded'> = (state, request, { retryAfterMs }, nowMs) => {
  meetBreaker(state, { type: 'overloaded', retryAfterMs, requestsInFlight: state.requests.size }, nowMs);
  finishRequest(state, request, noVerdicts(), nowMs);
};

const onMisconfigured: FailureHandler<'misconfigured'> = (state, request, { reason }, nowMs) => {
  emit(state, { type: 'note', fact: { kind: 'misconfigured', reason } });
  meetBreaker(state, { type: 'unavailable', retryAfterMs: state.backoff.maxMs }, nowMs);
  finishRequest(state, request, noVerdicts(), nowMs);
};

const onTooLarge: FailureHandler<'too_large'> = (state, request, { reason }, nowMs) => {
  const { parts } = request;
  const only = onlyMessage(parts);
  if (only !== undefined) {
    const rejected = [{ queued: only, code: 'payload_too_large' as const, reason }];
    finishRequest(state, request, { ...noVerdicts(), rejected }, nowMs);
    return;
  }
  const bytes = messagesOf(parts).reduce((sum, { message }) => sum + message.bodyBytes, 0);
  // Of requests that were in flight together each says it of its own size.
  state.maxBatchBytes = Math.max(leastBatchBytes, Math.min(state.maxBatchBytes, bytes >> 1));
  emit(state, { type: 'note', fact: { kind: 'batch_too_large', reason, nextMaxBytes: state.maxBatchBytes } });
  if (state.maxBatchBytes <= leastBatchBytes) {
    // Below the least size it is the count that has to shrink.
    for (const { lane, messages } of parts) {
      lane.search = { left: messages.length, size: Math.max(1, messages.length >> 1) };
    }
  }
  finishRequest(state, request, noVerdicts(), nowMs);
};

/** A gateway says that it lost the function. With the same messages again and again, one of them may be the cause. */
const onGatewayError: FailureHandler<'gateway_error'> = (state, request, failure, nowMs) => {
  let errors = 0;
  for (const { lane, messages } of request.parts) {
    lane.gatewayErrors += 1;
    // While a poison message is searched for by halves, each half is known to be suspicious.
    errors = Math.max(errors, lane.gatewayErrors + (lane.search !== undefined && messages.length > 1 ? 1 : 0));
  }
  request.failure = failure;
  if (isSound(request)) onFailureAlive(state, request, nowMs);
  else if (errors >= gatewayErrorsUntilSearch) checkHealth(state, request, 'checking_gateway');
  else {
    meetBreaker(state, { type: 'unavailable', retryAfterMs: 0 }, nowMs);
    finishRequest(state, request, noVerdicts(), nowMs);
  }
};

const checkHealth = (state: DispatchState, request: RequestInFlight, next: RequestState): void => {
  request.state = next;
  emit(state, { type: 'check_health', requestId: request.id });
};

const onGatewayChecked: Handler<'health_answered'> = (state, request, { isAlive }, nowMs) => {
  if (isAlive) return onFailureAlive(state, request, nowMs);
  meetBreaker(state, { type: 'unavailable', retryAfterMs: 0 }, nowMs);
  // The only process of a function needs a moment to start again after it was killed.
  request.pollDelayMs = returnPollMs;
  request.pollEndsAtMs = nowMs + state.backoff.maxMs;
  awaitReturn(state, request, nowMs);
};

const awaitReturn = (state: DispatchState, request: RequestInFlight, nowMs: number): void => {
  if (!mayStart(state) || nowMs >= request.pollEndsAtMs) return finishRequest(state, request, noVerdicts(), nowMs);
  request.state = 'awaiting_return';
  request.pollAtMs = nowMs + request.pollDelayMs;
  scheduleAt(state, request.pollAtMs);
};

/** The time of the next look has come, or an earlier timer's. */
const onPollTime =
  (look: RequestState): Handler<'timer'> =>
  (state, request, _event, nowMs) => {
    // A paused function is not asked for its health either (C15): what waits for it waits in its lane.
    if (!mayStart(state)) finishRequest(state, request, noVerdicts(), nowMs);
    else if (nowMs >= request.pollAtMs) checkHealth(state, request, look);
    else scheduleAt(state, request.pollAtMs);
  };

const onReturnChecked: Handler<'health_answered'> = (state, request, { isAlive }, nowMs) => {
  if (isAlive) return onFailureAlive(state, request, nowMs);
  request.pollDelayMs = Math.min(request.pollDelayMs * 2, maxReturnPollMs);
  awaitReturn(state, request, nowMs);
};

const giveUpReturn: Handler<'drain'> = (state, request, _event, nowMs) =>
  finishRequest(state, request, noVerdicts(), nowMs);

/**
 * Whether the health check tells anything after this failure. A function that said 500, or is silent, lives all the same. One
 * that died and is back was killed; one that answers without sense has sense for its health check at least.
 */
const isHealthTelling = (failure: WholeFailure): boolean =>
  failure.kind === 'died' ? failure.status === undefined : failure.kind !== 'timeout';

/** The request failed as a whole, maybe through one of its messages. */
const onWholeFailure = (state: DispatchState, request: RequestInFlight, failure: WholeFailure, nowMs: number): void => {
  meetBreaker(state, { type: 'faulted' }, nowMs);
  const only = onlyMessage(request.parts);
  const isOther = isDeath(failure) && !isSolitary(state.search, request.start);
  if (only !== undefined && isOther) state.search.isolated.add(only);
  request.failure = failure;
  const asks = only !== undefined && !isOther && isHealthTelling(failure);
  if (isSound(request) && isDeath(failure)) {
    const isFunctionAlive = asks && state.search.unprovenKills < maxUnprovenKills;
    return concludeFailure(state, request, { isFunctionAlive, isOther }, nowMs);
  }
  if (asks && state.search.unprovenKills < maxUnprovenKills) checkHealth(state, request, 'confirming');
  else concludeFailure(state, request, { isFunctionAlive: false, isOther }, nowMs);
};

const onConfirmed: Handler<'health_answered'> = (state, request, { isAlive }, nowMs) => {
  if (isAlive) meetBreaker(state, { type: 'alive' }, nowMs);
  concludeFailure(state, request, { isFunctionAlive: isAlive, isOther: false }, nowMs);
};

/** It failed as a whole, and the function is seen to be there. */
const onFailureAlive = (state: DispatchState, request: RequestInFlight, nowMs: number): void => {
  onWholeFailure(state, request, request.failure!, nowMs);
  meetBreaker(state, { type: 'alive' }, nowMs);
};

const concludeFailure = (
  state: DispatchState,
  request: RequestInFlight,
  evidence: { readonly isFunctionAlive: boolean; readonly isOther: boolean },
  nowMs: number,
): void => {
  const { limits, search, answers } = state;
  const only = onlyMessage(request.parts);
  const needed = only === undefined ? 0 : killsNeeded(search, only, limits.killsBeforeDeadLetter);
  const found = { ...evidence, killsNeeded: needed };
  const verdicts = judgeFailure(request.parts, request.failure!, { limits, answers }, found);
  if (evidence.isFunctionAlive && verdicts.rejected.length > 0) search.unprovenKills += 1;
  finishRequest(state, request, verdicts, nowMs);
};

const failureHandlers: { readonly [K in BatchFailure['kind']]: FailureHandler<K> } = {
  unavailable: onUnavailable,
  overloaded: onOverloaded,
  misconfigured: onMisconfigured,
  too_large: onTooLarge,
  gateway_error: onGatewayError,
  died: onWholeFailure,
  timeout: onWholeFailure,
  nonsense: onWholeFailure,
  refused: onWholeFailure,
};

const ignore = (): void => undefined;

/** What an event does to a request, by what the request waits for. What comes late or twice is ignored (C10). */
const transitions: Readonly<Record<RequestState, { readonly [E in RequestEvent['type']]: Handler<E> }>> = {
  checking_sound: {
    batch_answered: ignore,
    batch_failed: ignore,
    health_answered: onSoundChecked,
    timer: ignore,
    drain: ignore,
  },
  awaiting_sound: {
    batch_answered: ignore,
    batch_failed: ignore,
    health_answered: ignore,
    timer: onPollTime('checking_sound'),
    drain: giveUpReturn,
  },
  posted: {
    batch_answered: onAnswered,
    batch_failed: onFailed,
    health_answered: ignore,
    timer: ignore,
    drain: ignore,
  },
  checking_gateway: {
    batch_answered: ignore,
    batch_failed: ignore,
    health_answered: onGatewayChecked,
    timer: ignore,
    drain: ignore,
  },
  awaiting_return: {
    batch_answered: ignore,
    batch_failed: ignore,
    health_answered: ignore,
    timer: onPollTime('checking_return'),
    drain: giveUpReturn,
  },
  checking_return: {
    batch_answered: ignore,
    batch_failed: ignore,
    health_answered: onReturnChecked,
    timer: ignore,
    drain: ignore,
  },
  confirming: {
    batch_answered: ignore,
    batch_failed: ignore,
    health_answered: onConfirmed,
    timer: ignore,
    drain: ignore,
  },
};

/** Gives an event to one request. */
export const stepRequest = (
  state: DispatchState,
  request: RequestInFlight | undefined,
  event: RequestEvent,
  nowMs: number,
): void => {
  if (request === undefined) return;
  // The table has a handler of its own event for each; the compiler cannot follow the pair.
  const handle = transitions[request.state][event.type] as Handler<RequestEvent['type']>;
  handle(state, request, event, nowMs);
};
