import type { Outcome } from '../message/outcome.ts';
import { errorReply, type HttpReply } from '../http/http-server.ts';

/** Codes of a message that could not be read at all; the rest of the refusals are 422. */
const unreadable = new Set(['invalid_json', 'invalid_envelope', 'missing_type', 'unknown_type']);

/** A batch is answered with 200 and one outcome for every id. */
export const batchReply = (results: readonly Outcome[]): HttpReply => ({
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ results }),
});

/**
 * A single message is answered by status: 2xx stored, 4xx refused for good, 503 try again (with Retry-After). An event that is
 * stored is answered without a body: a broker or channel takes one for an event in reply, and calls it a failed delivery.
 */
export const singleReply = (outcome: Outcome, mode: 'event' | 'message'): HttpReply => {
  if (outcome.outcome === 'ack') {
    if (mode === 'event') return { status: 200, body: '' };
    return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(outcome) };
  }
  if (outcome.outcome === 'reject') {
    return errorReply(unreadable.has(outcome.code) ? 400 : 422, outcome.code, outcome.reason);
  }
  return errorReply(503, outcome.code, outcome.reason, {
    'retry-after': String(Math.max(1, Math.ceil((outcome.delayMs ?? 1_000) / 1_000))),
  });
};
