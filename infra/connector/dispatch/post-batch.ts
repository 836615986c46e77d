import type { Dispatcher } from 'undici';
import { cloudEventsBatchType } from '../../../shared/message/cloud-event.ts';
import type { Outcome } from '../../../shared/message/outcome.ts';
import { parseBatchReply } from '../../../shared/message/parse-batch-reply.ts';
import type { BatchFailure } from './protocol.ts';

/** What came of a request, by what has to be done about it. */
export type PostResult =
  | { readonly kind: 'answered'; readonly status: number; readonly outcomes: ReadonlyMap<string, Outcome> }
  | BatchFailure;

export interface PostOptions {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly timeoutMs: number;
  readonly maxReplyBytes: number;
  /** Ends the request early, at shutdown. */
  readonly signal: AbortSignal;
}

class ReplyTooLarge extends Error {}

/** `Retry-After` in seconds or as a date, as milliseconds; 0 where there is none. */
export const retryAfterMs = (value: string | string[] | undefined, nowMs: number): number => {
  const text = Array.isArray(value) ? value[0] : value;
  if (text === undefined) return 0;
  if (/^\d+$/.test(text)) return Math.min(Number(text), 3_600) * 1_000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? 0 : Math.min(3_600_000, Math.max(0, at - nowMs));
};

/** Posts a batch and reads the answer. Never throws. */
export const postBatch = async (client: Dispatcher, options: PostOptions): Promise<PostResult> => {
  const deadline = AbortSignal.timeout(options.timeoutMs);
  try {
    const { statusCode, headers, body } = await client.request({
      path: options.path,
      method: 'POST',
      headers: { 'content-type': cloudEventsBatchType, ...options.headers },
      body: options.body,
      signal: AbortSignal.any([deadline, options.signal]),
    });
    const reply = await readReply(body, options.maxReplyBytes);
    if (statusCode !== 200) return ofStatus(statusCode, reply, retryAfterMs(headers['retry-after'], Date.now()));
    const outcomes = parseBatchReply(reply);
    if (outcomes !== undefined) return { kind: 'answered', status: 200, outcomes };
    return { kind: 'nonsense', status: 200, reason: 'the function’s answer is no list of outcomes' };
  } catch (error) {
    if (options.signal.aborted) return { kind: 'unavailable', reason: 'the connector stops', retryAfterMs: 0 };
    if (error instanceof ReplyTooLarge) {
      return { kind: 'nonsense', status: 200, reason: `the answer has more than ${options.maxReplyBytes} bytes` };
    }
    return ofError(error, deadline.aborted);
  }
};

/** Whether the function answers its health check now. Never throws. */
export const isHealthy = async (
  client: Dispatcher,
  options: Pick<PostOptions, 'path' | 'headers' | 'signal' | 'timeoutMs'>,
): Promise<boolean> => {
  // Held until the answer is there: some versions of node collect a timeout that only `any` refers to before it is over.
  const deadline = AbortSignal.timeout(options.timeoutMs);
  try {
    const { statusCode, body } = await client.request({
      path: options.path,
      method: 'GET',
      headers: options.headers,
      signal: AbortSignal.any([deadline, options.signal]),
    });
    await body.dump();
    return statusCode === 200 && !deadline.aborted;
  } catch {
    return false;
  }
};

const readReply = async (body: Dispatcher.ResponseData['body'], maxBytes: number): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      body.destroy();
      throw new ReplyTooLarge();
    }
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, bytes);
};

const ofStatus = (status: number, reply: Buffer, retryMs: number): PostResult => {
  const reason = reasonIn(status, reply);
  if (status === 429) return { kind: 'overloaded', status, reason, retryAfterMs: retryMs };
  if (status === 503 || status === 408) return { kind: 'unavailable', status, reason, retryAfterMs: retryMs };
  if (status === 502 || status === 504) return { kind: 'gateway_error', status, reason };
  if (status === 413) return { kind: 'too_large', status, reason };
  if (status === 401 || status === 403 || status === 404 || status === 405 || (status >= 300 && status < 400)) {
    return { kind: 'misconfigured', status, reason };
  }
  if (status >= 400 && status < 500) return { kind: 'refused', status, reason };
  return { kind: 'died', status, reason };
};

/** A reason for logs and dead letters: the function's own where it gave one in the common error shape. */
const reasonIn = (status: number, reply: Buffer): string => {
  try {
    const { error } = JSON.parse(reply.toString('utf8')) as { error?: { code?: unknown; reason?: unknown } };
    if (typeof error?.reason === 'string') {
      const code = typeof error.code === 'string' ? `${error.code}: ` : '';
      return `HTTP ${status} ${code}${error.reason}`.slice(0, 500);
    }
  } catch {
    // Not our error shape: the status says enough, and a body from elsewhere may hold anything.
  }
  return `HTTP ${status}`;
};

/** Codes of errors that come before the request has left: the function has not seen it. */
const notSentCodes = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
]);

const ofError = (error: unknown, timedOut: boolean): PostResult => {
  if (timedOut) return { kind: 'timeout', reason: 'the function did not answer in time' };
  const code = (error as { code?: unknown }).code;
  const name = typeof code === 'string' ? code : 'unknown error';
  // Several addresses were tried: undici wraps what each of them said.
  const inner = error instanceof AggregateError ? (error.errors[0] as { code?: unknown } | undefined)?.code : undefined;
  if (notSentCodes.has(name) || (typeof inner === 'string' && notSentCodes.has(inner))) {
    return { kind: 'unavailable', reason: `the gateway cannot be reached (${name})`, retryAfterMs: 0 };
  }
  if (name === 'UND_ERR_HEADERS_TIMEOUT' || name === 'UND_ERR_BODY_TIMEOUT') {
    return { kind: 'timeout', reason: 'the function did not answer in time' };
  }
  return { kind: 'died', reason: `the connection broke (${name})` };
};
