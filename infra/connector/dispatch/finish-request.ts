import type { ErrorCode } from '../../../shared/errors/error-code.ts';
import { backoffMs } from '../backoff.ts';
import { emit, nextRandom, type DispatchState, type RequestInFlight } from './dispatch-state.ts';
import type { Verdicts } from './judge.ts';

/** Carries out what was decided and ends the request. */
export const finishRequest = (
  state: DispatchState,
  request: RequestInFlight,
  verdicts: Verdicts,
  nowMs: number,
): void => {
  const { acked, rejected, retried } = verdicts;
  for (const queued of acked) queued.isSettled = true;
  for (const { queued } of rejected) {
    queued.isSettled = true;
    state.search.isolated.delete(queued);
  }
  pauseLanes(state, request, retried, nowMs);
  noteRetries(state, retried);
  if (acked.length > 0) emit(state, { type: 'ack', messages: acked.map(({ message }) => message) });
  for (const { queued, code, reason } of rejected) {
    const { message, tries } = queued;
    emit(state, { type: 'reject', message, code, reason, attempts: tries.attempts });
  }
  state.lanes.complete(request.parts, nowMs);
  state.requests.delete(request.id);
  state.isStartDue = true;
};

/**
 * Back-offs of a search for a poison message grow no longer than this: each try is another question, and its key stands still
 * until the last is answered. With 200 ms at first: less than a second between halves, six between deaths of one message.
 */
const mostFailures = { halved: 3, alone: 6 } as const;

/** Lanes with something to try again wait: for as long as the function asked for, or for their back-off. */
const pauseLanes = (
  state: DispatchState,
  { parts, failure }: RequestInFlight,
  retried: Verdicts['retried'],
  nowMs: number,
): void => {
  const delays = new Map(retried.map(({ queued, delayMs }) => [queued, delayMs]));
  for (const { lane, messages } of parts) {
    const own = delays.size === 0 ? [] : messages.flatMap((queued) => delays.get(queued) ?? []);
    lane.failures = own.length > 0 ? lane.failures + 1 : 0;
    if (own.length === 0) continue;
    if (failure !== undefined) {
      lane.failures = Math.min(lane.failures, mostFailures[messages.length > 1 ? 'halved' : 'alone']);
    }
    const leastMs = Math.min(Math.max(...own), state.backoff.maxMs);
    lane.notBeforeMs = nowMs + Math.max(leastMs, backoffMs(state.backoff, lane.failures, nextRandom(state)));
  }
};

const noteRetries = (state: DispatchState, retried: Verdicts['retried']): void => {
  if (retried.length === 0) return;
  const byCode = new Map<ErrorCode, { readonly id: string; messages: number }>();
  for (const { queued, code } of retried) {
    const known = byCode.get(code);
    if (known === undefined) byCode.set(code, { id: queued.message.id, messages: 1 });
    else known.messages += 1;
  }
  for (const [code, { id, messages }] of byCode) {
    emit(state, { type: 'note', fact: { kind: 'retried', code, messages, id } });
  }
};
