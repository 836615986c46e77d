import { answerMark, firstAnswerMark } from '../../../shared/http/answer-mark.ts';
import type { Outcome } from '../../../shared/message/outcome.ts';
import { parseBatchReply } from '../../../shared/message/parse-batch-reply.ts';
import type { BatchFailure } from './protocol.ts';

/** What came of a request, by what has to be done about it. */
export type PostResult =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly outcomes: ReadonlyMap<string, Outcome>;
      readonly isFirst?: true;
    }
  | BatchFailure;

export type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>;

export interface HttpAnswer {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: AnswerHeaders;
  readonly body: Uint8Array;
}

/** Whether the answer comes from a function of ours, not from what stands in front of it. */
export const isMarked = (headers: AnswerHeaders): boolean => headers[answerMark.name] !== undefined;

/**
 * What an HTTP answer says of the request. A list of outcomes can come from a function only. Anything else counts as the
 * function's own word if it carries the mark, and otherwise as that of a gateway.
 * @param nowMs milliseconds since the epoch, for a `Retry-After` that is a date
 */
export const readAnswer = (answer: HttpAnswer, nowMs: number): PostResult => {
  const { status, headers, body } = answer;
  const outcomes = status === 200 ? parseBatchReply(body) : undefined;
  if (outcomes !== undefined) {
    return {
      kind: 'answered',
      status,
      outcomes,
      ...(headers[firstAnswerMark.name] === undefined ? {} : { isFirst: true }),
    };
  }
  const waitMs = retryAfterMs(headers['retry-after'], nowMs);
  return isMarked(headers) ? ofFunction(status, body, waitMs) : ofGateway(status, body, waitMs);
};

/** `Retry-After` in seconds or as a date, as milliseconds; 0 if there is none. */
export const retryAfterMs = (value: string | string[] | undefined, nowMs: number): number => {
  const text = Array.isArray(value) ? value[0] : value;
  if (text === undefined) return 0;
  if (/^\d+$/.test(text)) return Math.min(Number(text), 3_600) * 1_000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? 0 : Math.min(3_600_000, Math.max(0, at - nowMs));
};

const ofFunction = (status: number, body: Uint8Array, waitMs: number): PostResult => {
  const error = errorIn(body);
  const code = error?.code === undefined ? '' : `${error.code}: `;
  const reason = error === undefined ? `HTTP ${status}` : `HTTP ${status} ${code}${error.reason}`.slice(0, 500);
  if (status === 200) return { kind: 'nonsense', status, reason: 'the function’s answer is no list of outcomes' };
  if (status === 503 && error?.code === 'overloaded')
    return { kind: 'overloaded', status, reason, retryAfterMs: waitMs };
  const common = ofEither(status, reason, waitMs);
  if (common !== undefined) return common;
  if (status === 502 || status === 504) return { kind: 'gateway_error', status, reason };
  if (status >= 400 && status < 500) return { kind: 'refused', status, reason };
  return { kind: 'died', status, reason };
};

/** The function's own reason, if it gave one in the common error shape. */
const errorIn = (body: Uint8Array): { readonly code: string | undefined; readonly reason: string } | undefined => {
  try {
    const { error } = JSON.parse(new TextDecoder().decode(body)) as { error?: { code?: unknown; reason?: unknown } };
    if (typeof error?.reason !== 'string') return undefined;
    return { code: typeof error.code === 'string' ? error.code : undefined, reason: error.reason };
  } catch {
    // Not our error shape: the status says enough.
    return undefined;
  }
};

/** What means the same whoever says it. */
const ofEither = (status: number, reason: string, waitMs: number): BatchFailure | undefined => {
  if (status === 429) return { kind: 'overloaded', status, reason, retryAfterMs: waitMs };
  if (status === 503 || status === 408) return { kind: 'unavailable', status, reason, retryAfterMs: waitMs };
  if (status === 413) return { kind: 'too_large', status, reason };
  if (status === 401 || status === 403 || status === 404 || status === 405 || (status >= 300 && status < 400)) {
    return { kind: 'misconfigured', status, reason };
  }
  return undefined;
};

/** What queue-proxy of Knative says when more requests wait for a pod than it lets wait. */
const queueIsFull = 'pending request queue full';

/** Its body is not repeated: it may hold anything. */
const ofGateway = (status: number, body: Uint8Array, waitMs: number): PostResult => {
  const reason = `HTTP ${status} from a gateway, not from the function`;
  if (status === 503 && textOf(body).includes(queueIsFull)) {
    return { kind: 'overloaded', status, reason, retryAfterMs: waitMs };
  }
  const common = ofEither(status, reason, waitMs);
  if (common !== undefined) return common;
  // A page of its own in place of the function's answer: the function was not asked.
  if (status < 300) return { kind: 'unavailable', status, reason, retryAfterMs: waitMs };
  // The function is away, or this request killed it, or a filter before it does not let this request through.
  return { kind: 'gateway_error', status, reason };
};

const textOf = (body: Uint8Array): string => new TextDecoder().decode(body.subarray(0, 4_096));
