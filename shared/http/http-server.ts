import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerMark } from './answer-mark.ts';

export interface HttpRequest {
  readonly method: string;
  /** Path without query. */
  readonly path: string;
  readonly query: string;
  /** Lower-case names; a repeated header is joined with `, `. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface HttpReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

/** An answer that goes on: server-sent events of the operator's page. */
export interface HttpStream {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Writes until it is done or the client is gone (then the signal aborts). */
  stream(write: (chunk: string) => void, signal: AbortSignal): Promise<void>;
}

export interface HttpServerOptions {
  readonly port: number;
  readonly host?: string;
  /** A larger body is answered with 413 without being kept. */
  readonly maxBodyBytes: number;
  /** Longest time a client may take to send its request. */
  readonly requestTimeoutMs: number;
  handle(request: HttpRequest): Promise<HttpReply | HttpStream>;
  /** Whether the function can take work now; `/_/ready` answers 503 while it cannot. */
  isReady(): boolean;
  onError(error: unknown): void;
}

export interface HttpServer {
  readonly port: number;
  readonly inFlight: number;
  /** Stops accepting, lets requests in flight finish for at most `graceMs`, then cuts what is left. */
  close(graceMs: number): Promise<void>;
}

/** An error answer in the one shape that clients and the connector read. */
export const errorReply = (
  status: number,
  code: string,
  reason: string,
  headers: Readonly<Record<string, string>> = {},
): HttpReply => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify({ error: { code, reason } }),
});

class BodyTooLarge extends Error {}

/** How long the rest of a refused body is read past. */
const lingerMs = 2_000;

/**
 * A small HTTP/1.1 server with the contract of an OpenFaaS workload: `/_/health`, `/_/ready`, a body limit, and a drain
 * that answers what is in flight. Errors of the handler become 500 with code `internal_error`. Every answer carries the mark.
 */
export const startHttpServer = async (options: HttpServerOptions): Promise<HttpServer> => {
  let inFlight = 0;
  let closing = false;
  const aborts = new Set<AbortController>();

  const send = (response: ServerResponse, reply: HttpReply): void => {
    response.writeHead(reply.status, {
      ...reply.headers,
      'content-length': Buffer.byteLength(reply.body),
      ...(closing ? { connection: 'close' } : {}),
    });
    response.end(reply.body);
  };

  /**
   * Answers at once, then reads the rest of the body for a while. A connection that is closed with unread bytes in it
   * is reset. A sender that is still writing (a gateway) would see the reset instead of the answer.
   */
  const refuseLarge = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const reply = errorReply(413, 'payload_too_large', `the body is over the limit of ${options.maxBodyBytes} bytes`);
    response.writeHead(reply.status, {
      ...reply.headers,
      'content-length': Buffer.byteLength(reply.body),
      connection: 'close',
    });
    response.write(reply.body);
    if (!incoming.readableEnded && !incoming.destroyed) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, lingerMs);
        incoming
          .once('close', resolve)
          .once('end', resolve)
          .once('error', () => resolve());
        response.once('close', () => {
          clearTimeout(timer);
          resolve();
        });
        incoming.resume();
      });
    }
    response.end();
  };

  const answer = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [path = '/', query = ''] = (incoming.url ?? '/').split('?', 2);
    if (path === '/_/health' || path === '/healthz') return send(response, { status: 200, body: 'OK' });
    if (path === '/_/ready') {
      const ready = !closing && options.isReady();
      return send(response, { status: ready ? 200 : 503, body: ready ? 'OK' : 'not ready' });
    }
    let body: Buffer;
    try {
      body = await readBody(incoming, options.maxBodyBytes);
    } catch (error) {
      if (!(error instanceof BodyTooLarge)) throw error;
      return await refuseLarge(incoming, response);
    }
    const reply = await options.handle({
      method: incoming.method ?? 'GET',
      path,
      query,
      headers: headersOf(incoming),
      body,
    });
    if ('body' in reply) return send(response, reply);
    const abort = new AbortController();
    aborts.add(abort);
    response.once('close', () => abort.abort());
    response.writeHead(reply.status, reply.headers);
    await reply.stream((chunk) => response.write(chunk), abort.signal);
    aborts.delete(abort);
    response.end();
  };

  const server: Server = createServer((incoming, response) => {
    inFlight += 1;
    response.setHeader(answerMark.name, answerMark.value);
    answer(incoming, response)
      .catch((error: unknown) => {
        options.onError(error);
        if (response.headersSent || response.destroyed) response.destroy();
        else send(response, errorReply(500, 'internal_error', 'the function failed; see its log'));
      })
      .finally(() => {
        inFlight -= 1;
      });
  });
  server.requestTimeout = options.requestTimeoutMs;
  // Longer than any proxy in front keeps its idle connections, so that it is not we who close under a request.
  server.keepAliveTimeout = 75_000;
  server.on('clientError', (_error, socket) => socket.destroy());

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host ?? '0.0.0.0', () => {
      server.off('error', reject);
      resolve();
    });
  });

  return {
    port: (server.address() as AddressInfo).port,
    get inFlight() {
      return inFlight;
    },
    close: async (graceMs) => {
      closing = true;
      for (const abort of aborts) abort.abort();
      await new Promise<void>((resolve) => {
        const cut = setTimeout(() => server.closeAllConnections(), graceMs);
        server.close(() => {
          clearTimeout(cut);
          resolve();
        });
        server.closeIdleConnections();
      });
    },
  };
};

const readBody = async (incoming: IncomingMessage, maxBytes: number): Promise<Buffer> => {
  if (Number(incoming.headers['content-length'] ?? 0) > maxBytes) throw new BodyTooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  // A body that is given up is not destroyed, because the answer goes out on the same connection.
  for await (const chunk of incoming.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new BodyTooLarge();
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size);
};

const headersOf = (incoming: IncomingMessage): Record<string, string> => {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return headers;
};
