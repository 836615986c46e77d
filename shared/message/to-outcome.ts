import type { Outcome } from './outcome.ts';
import { RetryableError, TerminalError } from '../errors/sync-error.ts';

/** Reasons travel in headers and logs: they are one line and bounded. */
const maxReasonCharacters = 1_000;

/** One line of bounded length; never the payload itself. */
export const reasonOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, ' ').slice(0, maxReasonCharacters);

/** For a delivery that may not pass an earlier one, which comes back to be tried again. */
export const heldBack = (id: string): Outcome => ({
  id,
  outcome: 'retry',
  code: 'held_back',
  reason: 'an earlier message comes back to be tried again, and this one may not pass it',
});

/** The one place where an error becomes an outcome: terminal ones are rejected, all others, known or not, are retried. */
export const toOutcome = (id: string, error: unknown): Outcome => {
  if (error instanceof TerminalError) return { id, outcome: 'reject', code: error.code, reason: reasonOf(error) };
  if (error instanceof RetryableError) {
    const retry = { id, outcome: 'retry', code: error.code, reason: reasonOf(error) } as const;
    return error.delayMs === undefined ? retry : { ...retry, delayMs: error.delayMs };
  }
  return { id, outcome: 'retry', code: 'internal_error', reason: reasonOf(error) };
};
