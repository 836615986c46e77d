import { RetryableError, TerminalError } from '../../shared/errors/sync-error.ts';
import type { PublishOutcome } from '../../shared/message/outgoing-message.ts';

/** Throws the first failure among the outcomes: as it is if it has a code, else RetryableError `publish_failed`. */
export const requirePublished = (outcomes: readonly (PublishOutcome | undefined)[]): void => {
  for (const outcome of outcomes) {
    if (outcome?.ok === true) continue;
    const cause = outcome?.error;
    if (cause instanceof TerminalError || cause instanceof RetryableError) throw cause;
    const reason = cause === undefined ? 'no answer' : cause.message;
    throw new RetryableError('publish_failed', `the server did not take a message: ${reason}`, { cause });
  }
};
