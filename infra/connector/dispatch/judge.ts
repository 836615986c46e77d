import type { ErrorCode } from '../../../shared/errors/error-code.ts';
import type { Outcome } from '../../../shared/message/outcome.ts';
import type { TriggerLimits } from '../../../shared/routing/routing.ts';
import type { LanePart } from './lane.ts';
import { divide, narrow } from './poison-search.ts';
import type { QueuedMessage, Tries } from './queued-message.ts';

/** What happens to the messages of a request. One that is in no list stays in its lane and is sent again. */
export interface Verdicts {
  readonly acked: QueuedMessage[];
  readonly rejected: { readonly queued: QueuedMessage; readonly code: ErrorCode; readonly reason: string }[];
  /** Messages that stay, with why; their lanes pause. */
  readonly retried: { readonly queued: QueuedMessage; readonly code: ErrorCode; readonly delayMs: number }[];
}

export interface JudgeContext {
  readonly limits: Pick<TriggerLimits, 'maxAttempts' | 'killsBeforeDeadLetter'>;
  /** Answers of the function so far that acknowledged something: proof that it works for other messages. */
  readonly answers: number;
}

export const noVerdicts = (): Verdicts => ({ acked: [], rejected: [], retried: [] });

/** The only message of a request; undefined if it has more. */
export const onlyMessage = (parts: readonly LanePart[]): QueuedMessage | undefined =>
  parts.length === 1 && parts[0]!.messages.length === 1 ? parts[0]!.messages[0] : undefined;

/**
 * Failures of a dependency of the function: they say nothing of the message, however often they come, so they never use up
 * its attempts (C8).
 */
const dependencyCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'database_unavailable',
  'database_misconfigured',
  'database_timeout',
  'database_conflict',
  'nats_unavailable',
  'publish_failed',
  'held_back',
  'overloaded',
  'shutting_down',
  'function_unavailable',
  'function_timeout',
]);

/**
 * Of these, the ones that say nothing of other messages: a server or a stream that cannot be reached, or confirms no forward, is
 * the matter of what goes there; a lock that is waited for is the matter of its own state; a function that is busy answers soon.
 */
const localCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'database_timeout',
  'database_conflict',
  'nats_unavailable',
  'publish_failed',
  'overloaded',
]);

/** Whether every message came back because a dependency of the function is down, so that asking on is of no use now. */
export const isDependencyDown = (outcomes: Iterable<Outcome>): boolean => {
  let any = false;
  for (const outcome of outcomes) {
    // What waits behind another message says nothing of its own.
    if (outcome.outcome === 'retry' && outcome.code === 'held_back') continue;
    if (outcome.outcome !== 'retry' || localCodes.has(outcome.code)) return false;
    if (!dependencyCodes.has(outcome.code)) return false;
    any = true;
  }
  return any;
};

/**
 * Applies the outcomes of an answered request to its messages; one without an outcome failed.
 * @param context its answers count this one already
 */
export const judgeAnswer = (
  parts: readonly LanePart[],
  outcomes: ReadonlyMap<string, Outcome>,
  context: JudgeContext,
): Verdicts => {
  const verdicts = noVerdicts();
  // An answer that acknowledges others proves the function by itself.
  const answersBefore = anyAcked(outcomes) ? context.answers - 1 : context.answers;
  const blamed = new Set(parts.filter(({ messages }) => isBlamedTogether(messages, outcomes)));
  const isWholeBlamed = blamed.size === parts.length && parts.length > 1;
  for (const part of parts) {
    const isGroup = blamed.has(part) && (isWholeBlamed || part.messages.length > 1);
    for (const queued of part.messages) {
      // It was in a request and the function lived: only deaths in a row count.
      const { kills, unprovenDeaths } = queued.tries;
      if (kills + unprovenDeaths > 0)
        queued.tries = { ...queued.tries, kills: 0, killCode: undefined, unprovenDeaths: 0 };
      judgeOutcome(queued, outcomes.get(queued.message.id), context, { answersBefore, isGroup }, verdicts);
    }
    part.lane.gatewayErrors = 0;
    // The one that is found stays alone, so that no other key fails with it again.
    if (!isGroup && !(blamed.has(part) && part.lane.search !== undefined)) narrow(part);
    else if (!isWholeBlamed) divide([part]);
  }
  if (isWholeBlamed) divide(parts);
  return verdicts;
};

/** Whether the answer acknowledges anything. */
export const anyAcked = (outcomes: ReadonlyMap<string, Outcome>): boolean => {
  for (const { outcome } of outcomes.values()) if (outcome === 'ack') return true;
  return false;
};

/**
 * Whether all of these came back with an error that the function did not expect. One statement stores several messages, so the
 * cause may be any one of them (C7).
 */
const isBlamedTogether = (messages: readonly QueuedMessage[], outcomes: ReadonlyMap<string, Outcome>): boolean =>
  messages.every(({ message }) => {
    const outcome = outcomes.get(message.id);
    return outcome?.outcome === 'retry' && outcome.code === 'internal_error';
  });

interface RetryContext {
  /** Answers that acknowledged something before the one that is judged. */
  readonly answersBefore: number;
  /** Whether the message is blamed only together with others: it may be any of them. */
  readonly isGroup: boolean;
}

interface Retry {
  readonly code: ErrorCode;
  readonly reason: string;
  readonly delayMs?: number;
}

const noOutcome: Retry = { code: 'no_outcome', reason: 'the function’s answer does not name the message' };

const judgeOutcome = (
  queued: QueuedMessage,
  outcome: Outcome | undefined,
  context: JudgeContext,
  retryContext: RetryContext,
  verdicts: Verdicts,
): void => {
  if (outcome?.outcome === 'ack') verdicts.acked.push(queued);
  else if (outcome?.outcome === 'reject') {
    verdicts.rejected.push({ queued, code: outcome.code, reason: outcome.reason });
  } else judgeRetry(queued, outcome ?? noOutcome, context, retryContext, verdicts);
};

const judgeRetry = (
  queued: QueuedMessage,
  retry: Retry,
  context: JudgeContext,
  retryContext: RetryContext,
  verdicts: Verdicts,
): void => {
  const before = queued.tries.attempts;
  queued.tries = triesAfterRetry(queued.tries, retry, context, retryContext);
  const { attempts } = queued.tries;
  // What a dependency does gives nobody up, however many attempts the message has used (C8).
  const isOwn = attempts > before;
  const isLastDelivery = queued.maxDeliver !== undefined && queued.deliveryCount >= queued.maxDeliver;
  if ((isOwn && attempts >= context.limits.maxAttempts) || (isLastDelivery && attempts > 0)) {
    const tries = isLastDelivery ? 'at its last delivery' : `after ${attempts} attempts`;
    verdicts.rejected.push({ queued, code: retry.code, reason: `given up ${tries}: ${retry.reason}` });
    return;
  }
  verdicts.retried.push({ queued, code: retry.code, delayMs: retry.delayMs ?? 0 });
};

/**
 * The tries of a message after a `retry`. Whether the message or the whole function is at fault shows only when others are
 * acknowledged meanwhile, so an attempt counts only then. An unknown id and a missing outcome are the message's own.
 */
const triesAfterRetry = (
  tries: Tries,
  { code }: Retry,
  context: JudgeContext,
  { answersBefore, isGroup }: RetryContext,
): Tries => {
  const isProven = tries.answersAtLastRetry !== undefined && context.answers > tries.answersAtLastRetry;
  const isOwn = code.startsWith('unknown_') || code === 'no_outcome' || isProven;
  const counts = isOwn && !isGroup && !dependencyCodes.has(code);
  return {
    ...tries,
    attempts: tries.attempts + (counts ? 1 : 0),
    answersAtFirstFailure: tries.answersAtFirstFailure ?? answersBefore,
    answersAtLastRetry: answersBefore,
  };
};
