import type { ErrorCode } from '../../../shared/errors/error-code.ts';
import { noVerdicts, onlyMessage, type JudgeContext, type Verdicts } from './judge.ts';
import type { LanePart } from './lane.ts';
import { divide } from './poison-search.ts';
import type { BatchFailure } from './protocol.ts';
import type { QueuedMessage } from './queued-message.ts';

/** A request that failed as a whole, maybe through one of its messages. */
export type WholeFailure = Extract<
  BatchFailure,
  { kind: 'died' | 'gateway_error' | 'timeout' | 'nonsense' | 'refused' }
>;

/** A function that died without a word: nobody answered, or a gateway says that it is gone. */
export const isDeath = (failure: WholeFailure): boolean =>
  failure.kind === 'gateway_error' || (failure.kind === 'died' && failure.status === undefined);

/** What is known about the function when a request has failed as a whole. */
export interface Evidence {
  /** Whether it answered its health check just now. */
  readonly isFunctionAlive: boolean;
  /** Whether another request may have caused the failure. */
  readonly isOther: boolean;
  /** How many such failures in a row blame a message. */
  readonly killsNeeded: number;
}

/**
 * After a request that failed as a whole through what may be one message's fault: its lanes are divided until one message is
 * alone. That one is given up after `killsNeeded` failures in a row, and each of them counts only if the function is known to
 * work: a function that fails for everyone must cost nobody's message (C7).
 */
export const judgeFailure = (
  parts: readonly LanePart[],
  failure: WholeFailure,
  context: JudgeContext,
  evidence: Evidence,
): Verdicts => {
  const verdicts = noVerdicts();
  divide(parts);
  const only = onlyMessage(parts);
  if (only !== undefined) judgeOnly(only, failure, context, evidence, verdicts);
  for (const { messages } of parts) {
    for (const queued of messages) {
      const { tries } = queued;
      if (tries.answersAtFirstFailure === undefined) {
        queued.tries = { ...tries, answersAtFirstFailure: context.answers };
      }
      if (verdicts.rejected[0]?.queued === queued) continue;
      verdicts.retried.push({ queued, code: killCode(failure), delayMs: 0 });
    }
  }
  return verdicts;
};

const judgeOnly = (
  only: QueuedMessage,
  failure: WholeFailure,
  context: JudgeContext,
  evidence: Evidence,
  verdicts: Verdicts,
): void => {
  const { kind, reason } = failure;
  const { answersAtFirstFailure } = only.tries;
  const isProven =
    evidence.isFunctionAlive || (answersAtFirstFailure !== undefined && context.answers > answersAtFirstFailure);
  if (kind === 'refused' && isProven) {
    verdicts.rejected.push({ queued: only, code: 'function_refused', reason });
    return;
  }
  if (kind !== 'refused' && isProven && !evidence.isOther) {
    const { kills, attempts, killCode: known } = only.tries;
    const code = known === 'function_killed' ? known : killCode(failure);
    only.tries = { ...only.tries, kills: kills + 1, attempts: attempts + 1, killCode: code };
  } else if (isDeath(failure)) {
    only.tries = { ...only.tries, unprovenDeaths: only.tries.unprovenDeaths + 1 };
  }
  if (only.tries.kills < evidence.killsNeeded) return;
  const times = `alone in its request it failed ${only.tries.kills} times`;
  verdicts.rejected.push({
    queued: only,
    code: only.tries.killCode ?? killCode(failure),
    reason: `${times}: ${reason}`,
  });
};

/** Code of a message that alone, again and again, makes its request fail. */
const killCode = (failure: WholeFailure): ErrorCode => {
  if (failure.kind === 'timeout') return 'function_timeout';
  if (failure.kind === 'nonsense') return 'no_outcome';
  // A gateway that refuses this request and no other.
  const isRefusal = failure.kind === 'gateway_error' && failure.status >= 400 && failure.status < 500;
  return isRefusal ? 'function_refused' : 'function_killed';
};
