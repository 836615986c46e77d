import { retryableCodes, terminalCodes, type ErrorCode } from '../errors/error-code.ts';
import type { Outcome } from './outcome.ts';

/**
 * Reads the answer to a batch: the outcomes by id. A result of no known shape is left out, so its message counts as
 * failed; undefined if the body as a whole is no {@link BatchReply}. Of two results for one id the worse counts, so
 * that a message is never acknowledged on a contradiction.
 */
export const parseBatchReply = (body: Uint8Array): ReadonlyMap<string, Outcome> | undefined => {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
  const results = (value as { results?: unknown } | null)?.results;
  if (!Array.isArray(results)) return undefined;
  const outcomes = new Map<string, Outcome>();
  for (const result of results as readonly unknown[]) {
    const outcome = readOutcome(result);
    if (outcome === undefined) continue;
    const earlier = outcomes.get(outcome.id);
    if (earlier === undefined || earlier.outcome === 'ack') outcomes.set(outcome.id, outcome);
  }
  return outcomes;
};

const readOutcome = (value: unknown): Outcome | undefined => {
  if (typeof value !== 'object' || value === null) return undefined;
  const { id, outcome, code, reason, delayMs } = value as Record<string, unknown>;
  if (typeof id !== 'string') return undefined;
  const text = typeof reason === 'string' ? reason.slice(0, 1_000) : '';
  if (outcome === 'ack') return { id, outcome };
  if (outcome === 'reject') {
    // A code of a newer function still refuses the message; the code is kept in the reason.
    if (isErrorCode(code)) return { id, outcome, code, reason: text };
    return { id, outcome, code: 'function_refused', reason: `${String(code).slice(0, 60)}: ${text}` };
  }
  if (outcome !== 'retry') return undefined;
  const retry = { id, outcome, code: isErrorCode(code) ? code : 'internal_error', reason: text } as const;
  return typeof delayMs === 'number' && delayMs >= 0 ? { ...retry, delayMs } : retry;
};

const knownCodes: ReadonlySet<string> = new Set([...terminalCodes, ...retryableCodes]);

const isErrorCode = (code: unknown): code is ErrorCode => typeof code === 'string' && knownCodes.has(code);
