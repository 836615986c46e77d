import { request, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import type { Replica } from './function-replica.ts';

/** Answers as the gateway itself: a text for people and the header by which a caller tells it from the function. */
export const replyAsGateway = (
  response: ServerResponse,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void => {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'x-openfaas-internal': 'gateway',
    ...headers,
  });
  response.end(`${text}\n`);
};

/**
 * Passes one call to a replica and its answer back, both bodies streamed and all end-to-end headers kept. Resolves when
 * the call is over, whichever way; an upstream that fails or takes longer than `timeoutMs` is a 502, as of a gateway. One
 * whose port is closed is told of.
 */
export const forwardRequest = (
  incoming: IncomingMessage,
  response: ServerResponse,
  replica: Replica,
  path: string,
  timeoutMs: number,
  onRefused: () => void = () => undefined,
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
    let failure: string | undefined;
    const timer = setTimeout(() => {
      failure = `the function did not answer within ${String(timeoutMs)} ms`;
      upstream.destroy(new Error(failure));
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
      replyAsGateway(response, 502, failure ?? `the function failed: ${error.message}`);
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
