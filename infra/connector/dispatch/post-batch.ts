import type { Dispatcher } from 'undici';
import { cloudEventsBatchType } from '../../../shared/message/cloud-event.ts';
import { isMarked, readAnswer, type PostResult } from './read-answer.ts';

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
    return readAnswer({ status: statusCode, headers, body: reply }, Date.now());
  } catch (error) {
    if (options.signal.aborted) return { kind: 'unavailable', reason: 'the connector stops', retryAfterMs: 0 };
    if (error instanceof ReplyTooLarge) {
      return { kind: 'nonsense', status: 200, reason: `the answer has more than ${options.maxReplyBytes} bytes` };
    }
    return ofError(error, deadline.aborted);
  }
};

/** Whether the function itself answers its health check now: what a gateway says for it is no sign of life. Never throws. */
export const isHealthy = async (
  client: Dispatcher,
  options: Pick<PostOptions, 'path' | 'headers' | 'signal' | 'timeoutMs'>,
): Promise<boolean> => {
  // Held until the answer is there: some versions of node collect a timeout that only `any` refers to before it is over.
  const deadline = AbortSignal.timeout(options.timeoutMs);
  try {
    const { statusCode, headers, body } = await client.request({
      path: options.path,
      method: 'GET',
      headers: options.headers,
      signal: AbortSignal.any([deadline, options.signal]),
    });
    await body.dump();
    return statusCode === 200 && isMarked(headers) && !deadline.aborted;
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
