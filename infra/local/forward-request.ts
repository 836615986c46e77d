import { request, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import type { Replica } from './function-replica.ts';
import type { GatewayAnswer } from './gateway-behaviour.ts';

/** Answers as the gateway itself; a call that is answered in part is cut off, as nothing else can be said any more. */
export const replyAsGateway = (
  response: ServerResponse,
  answer: GatewayAnswer,
  headers: Readonly<Record<string, string>> = {},
): void => {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  response.writeHead(answer.status, { ...answer.headers, ...headers });
  response.end(answer.text);
};

/**
 * Passes one call to a replica and its answer back, both bodies streamed and all end-to-end headers kept. Resolves when
 * the call is over, whichever way. What the gateway says of an upstream that fails or takes longer than `timeoutMs` is
 * `onFailure`'s to choose. One whose port is closed is told of.
 */
export const forwardRequest = (
  incoming: IncomingMessage,
  response: ServerResponse,
  replica: Replica,
  path: string,
  timeoutMs: number,
  onFailure: (event: 'unreachable' | 'timeout', reason: string) => GatewayAnswer,
  onRefused: () => void,
): Promise<void> =>
  new Promise((resolve) => {
    const upstream = request({
      host: '127.0.0.1',
      port: replica.port,
      method: incoming.method,
      path,
      headers: {
        ...endToEnd(incoming.headers),
        // Framing is ours to say again: without it the body of a GET or DELETE would be sent bare.
        ...(incoming.headers['transfer-encoding'] === undefined ? {} : { 'transfer-encoding': 'chunked' }),
        'x-forwarded-host': incoming.headers.host ?? '',
      },
      agent: replica.agent,
    });
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      upstream.destroy(new Error(`the function did not answer within ${String(timeoutMs)} ms`));
    }, timeoutMs);
    const finish = (): void => {
      clearTimeout(timer);
      resolve();
    };
    // A caller that goes away takes its call with it.
    response.once('close', () => {
      if (!response.writableFinished) upstream.destroy();
      finish();
    });
    upstream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') onRefused();
      replyAsGateway(response, onFailure(isLate ? 'timeout' : 'unreachable', error.message));
    });
    upstream.once('response', (reply) => {
      response.writeHead(reply.statusCode ?? 502, endToEnd(reply.headers));
      pipeline(reply, response, (error) => {
        // The status line is out: a cut connection is the only way left to say that the body is not whole.
        if (error) response.destroy();
      });
    });
    incoming.pipe(upstream);
  });

/** Headers that speak of one connection, not of the message (RFC 9110 7.6.1). */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
]);

const endToEnd = (headers: IncomingHttpHeaders): Record<string, string | string[]> => {
  const named = new Set((headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase()));
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !hopByHop.has(name) && !named.has(name)) kept[name] = value;
  }
  return kept;
};
