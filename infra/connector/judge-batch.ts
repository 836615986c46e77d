import type { ErrorCode, TerminalCode } from '../../shared/errors/error-code.ts';
import type { Outcome } from '../../shared/message/outcome.ts';
import type { TriggerLimits } from '../../shared/routing/routing.ts';
import type { HeldMessage } from './held-message.ts';
import type { LanePart } from './lanes.ts';
import type { PostResult } from './post-batch.ts';

/** What happens to a message after a request; one that is in neither list stays and is tried again. */
export interface Verdicts {
  readonly acked: HeldMessage[];
  readonly rejected: { readonly message: HeldMessage; readonly code: ErrorCode; readonly reason: string }[];
  /** Messages that stay, with why, for counters and traces. */
  readonly retried: { readonly message: HeldMessage; readonly code: ErrorCode; readonly delayMs: number }[];
}

export interface JudgeContext {
  readonly limits: Pick<TriggerLimits, 'maxAttempts' | 'killsBeforeDeadLetter'>;
  /** Requests of which the function has acknowledged something so far: proof that it works for other messages. */
  readonly answers: number;
  /** Deliveries after which the server would give up silently; undefined where it never does. */
  readonly maxDeliver: (message: HeldMessage) => number | undefined;
}

/**
 * Failures of what stands behind the function: they say nothing of the message, however often they come, so they never
 * use up its attempts.
 */
const surroundingCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'database_unavailable',
  'database_misconfigured',
  'nats_unavailable',
  'publish_failed',
  'overloaded',
  'shutting_down',
  'function_unavailable',
  'function_timeout',
]);

/**
 * Whether every message came back because of something behind the function, so that asking on is of no use now. A forward
 * that is not confirmed is the matter of its own stream, and of nobody else.
 */
export const isSurroundingsDown = (outcomes: Iterable<Outcome>): boolean => {
  let any = false;
  for (const outcome of outcomes) {
    if (outcome.outcome !== 'retry' || outcome.code === 'publish_failed') return false;
    if (!surroundingCodes.has(outcome.code)) return false;
    any = true;
  }
  return any;
};

export const noVerdicts = (): Verdicts => ({ acked: [], rejected: [], retried: [] });

/** Whether others were acknowledged since the message first failed: not everybody fails. */
const isProvenHealthy = (message: HeldMessage, context: JudgeContext): boolean =>
  message.answersAtFirstFailure !== undefined && context.answers > message.answersAtFirstFailure;

const judgeRetry = (
  message: HeldMessage,
  retry: { readonly code: ErrorCode; readonly reason: string; readonly delayMs?: number },
  context: JudgeContext,
  answersBefore: number,
  verdicts: Verdicts,
): void => {
  // Whether the message or the whole function is at fault shows only when others are answered meanwhile; an unknown id
  // and a missing outcome are the message's own.
  const isProven = message.answersAtLastRetry !== undefined && context.answers > message.answersAtLastRetry;
  const isOwn = retry.code.startsWith('unknown_') || retry.code === 'no_outcome' || isProven;
  message.answersAtFirstFailure ??= answersBefore;
  // Since the last one: what was acknowledged before an outage says nothing in it.
  message.answersAtLastRetry = answersBefore;
  message.lastFailure = retry;
  if (!surroundingCodes.has(retry.code) && isOwn) message.attempts += 1;
  const maxDeliver = context.maxDeliver(message);
  const isLastDelivery = maxDeliver !== undefined && message.deliveryCount >= maxDeliver;
  if (message.attempts >= context.limits.maxAttempts || (isLastDelivery && message.attempts > 0)) {
    const tries = isLastDelivery ? 'at its last delivery' : `after ${message.attempts} attempts`;
    verdicts.rejected.push({ message, code: retry.code, reason: `given up ${tries}: ${retry.reason}` });
    return;
  }
  verdicts.retried.push({ message, code: retry.code, delayMs: retry.delayMs ?? 0 });
};

/** Applies the outcomes of an answered request to its messages; one without an outcome failed. */
export const judgeAnswer = (
  parts: readonly LanePart[],
  outcomes: ReadonlyMap<string, Outcome>,
  context: JudgeContext,
): Verdicts => {
  const verdicts = noVerdicts();
  // An answer that acknowledges others proves the function by itself.
  const proves = [...outcomes.values()].some(({ outcome }) => outcome === 'ack');
  const answersBefore = proves ? context.answers - 1 : context.answers;
  for (const { lane, messages } of parts) {
    for (const message of messages) {
      // It was in a request and the function lived.
      message.kills = 0;
      const outcome = outcomes.get(message.id);
      if (outcome?.outcome === 'ack') verdicts.acked.push(message);
      else if (outcome?.outcome === 'reject') {
        verdicts.rejected.push({ message, code: outcome.code, reason: outcome.reason });
      } else {
        const missing = { code: 'no_outcome', reason: 'the function’s answer does not name the message' } as const;
        judgeRetry(message, outcome ?? missing, context, answersBefore, verdicts);
      }
    }
    // A request with these messages was answered: the cause of an earlier failure is among those that are left.
    lane.suspects = Math.max(0, lane.suspects - messages.length);
    lane.nextSize = Math.max(1, lane.suspects >> 1);
    lane.gatewayErrors = 0;
  }
  return verdicts;
};

/** A request that failed as a whole, maybe through one of its messages. */
export type WholeFailure = Extract<PostResult, { kind: 'died' | 'gateway_error' | 'timeout' | 'nonsense' | 'refused' }>;

/** Codes of a message that alone, again and again, makes its request fail. */
const killCode = (kind: PostResult['kind']): ErrorCode =>
  kind === 'timeout' ? 'function_timeout' : kind === 'nonsense' ? 'no_outcome' : 'function_killed';

/**
 * After a request that failed as a whole through what may be one message's fault: the shares are sent apart, then halved,
 * until one message is left alone. It is given up after several such failures (`killsNeeded`), and only while the function is
 * known to work (`isFunctionAlive`): a function that fails for everyone must cost nobody's message. Nor does a failure count that
 * another request may have caused (`isOther`).
 */
export const judgeFailure = (
  parts: readonly LanePart[],
  result: WholeFailure,
  context: JudgeContext,
  evidence: { readonly isFunctionAlive: boolean; readonly isOther: boolean; readonly killsNeeded: number },
): Verdicts => {
  const verdicts = noVerdicts();
  for (const { lane, messages } of parts) {
    for (const message of messages) {
      message.lastFailure = { code: killCode(result.kind), reason: result.reason };
    }
    lane.suspects = messages.length;
    lane.nextSize = parts.length > 1 ? messages.length : Math.max(1, messages.length >> 1);
  }
  const only = parts.length === 1 && parts[0]!.messages.length === 1 ? parts[0]!.messages[0] : undefined;
  if (only !== undefined) {
    const isProven = evidence.isFunctionAlive || isProvenHealthy(only, context);
    if (result.kind === 'refused' && isProven) {
      verdicts.rejected.push({ message: only, code: 'function_refused' satisfies TerminalCode, reason: result.reason });
      return verdicts;
    }
    if (result.kind !== 'refused' && !evidence.isOther && isProven) {
      only.kills += 1;
      only.attempts += 1;
    }
    if (only.kills >= evidence.killsNeeded) {
      const reason = `alone in its request it failed ${only.kills} times: ${result.reason}`;
      verdicts.rejected.push({ message: only, code: killCode(result.kind), reason });
    }
  }
  for (const { messages } of parts) {
    for (const message of messages) {
      message.answersAtFirstFailure ??= context.answers;
      if (verdicts.rejected.some((rejected) => rejected.message === message)) continue;
      verdicts.retried.push({ message, code: killCode(result.kind), delayMs: 0 });
    }
  }
  return verdicts;
};
