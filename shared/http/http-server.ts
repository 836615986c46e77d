import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerMark } from './answer-mark.ts';

/** A request whose body has not come yet. */
export type HttpRequestHead = Omit<HttpRequest, 'body'>;

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
  /** All bodies that are being received or handled, together; one for which there is no room is answered with 503. */
  readonly maxBufferedBytes?: number;
  /** More are closed as they come. */
  readonly maxConnections?: number;
  /** Longest time a client may take to send its request. */
  readonly requestTimeoutMs: number;
  /** What a request is refused with by its headers, before its body is read; undefined lets it in. */
  admit?(request: HttpRequestHead): HttpReply | undefined;
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

/** Why a body is not read to its end. */
class BodyRefused extends Error {
  readonly reply: HttpReply;
  constructor(reply: HttpReply) {
    super(`answered with ${reply.status}`);
    this.reply = reply;
  }
}

const defaultMaxBufferedBytes = 64 * 1024 * 1024;
const defaultMaxConnections = 1_000;
/** Slow requests are looked for this often, or twice in their time. */
const checkEveryMs = 5_000;
/** What stands before a body is short. */
const maxHeadersMs = 10_000;

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
  const buffered = bufferedBytes(options.maxBufferedBytes ?? defaultMaxBufferedBytes);

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
  const refuse = async (incoming: IncomingMessage, response: ServerResponse, reply: HttpReply): Promise<void> => {
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
    const head = { method: incoming.method ?? 'GET', path, query, headers: headersOf(incoming) };
    const refusal = options.admit?.(head);
    if (refusal !== undefined) {
      return hasBody(incoming) ? await refuse(incoming, response, refusal) : send(response, refusal);
    }
    const share = buffered.open();
    let reply: HttpReply | HttpStream;
    try {
      reply = await options.handle({ ...head, body: await readBody(incoming, options.maxBodyBytes, share) });
    } catch (error) {
      if (!(error instanceof BodyRefused)) throw error;
      return await refuse(incoming, response, error.reply);
    } finally {
      share.release();
    }
    if ('body' in reply) return send(response, reply);
    const abort = new AbortController();
    aborts.add(abort);
    response.once('close', () => abort.abort());
    response.writeHead(reply.status, reply.headers);
    await reply.stream((chunk) => response.write(chunk), abort.signal);
    aborts.delete(abort);
    response.end();
  };

  const connectionsCheckingInterval = Math.min(checkEveryMs, Math.ceil(options.requestTimeoutMs / 2));
  const server: Server = createServer({ connectionsCheckingInterval }, (incoming, response) => {
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
  server.headersTimeout = Math.min(options.requestTimeoutMs, maxHeadersMs);
  server.maxConnections = options.maxConnections ?? defaultMaxConnections;
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

/** The bytes of all bodies that are in memory. */
const bufferedBytes = (maxBytes: number): { open(): BufferShare } => {
  let total = 0;
  return {
    open: () => {
      let own = 0;
      return {
        take: (bytes) => {
          if (total + bytes > maxBytes) return false;
          total += bytes;
          own += bytes;
          return true;
        },
        release: () => {
          total -= own;
          own = 0;
        },
      };
    },
  };
};

interface BufferShare {
  /** False if there is no room for so many more. */
  take(bytes: number): boolean;
  release(): void;
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

const readBody = async (incoming: IncomingMessage, maxBytes: number, share: BufferShare): Promise<Buffer> => {
  const tooLarge = (): BodyRefused =>
    new BodyRefused(errorReply(413, 'payload_too_large', `the body is over the limit of ${maxBytes} bytes`));
  if (Number(incoming.headers['content-length'] ?? 0) > maxBytes) throw tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  // A body that is given up is not destroyed, because the answer goes out on the same connection.
  for await (const chunk of incoming.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge();
    if (!share.take(chunk.length)) {
      const reason = 'the bodies of the requests under way take all the memory that they may';
      throw new BodyRefused(errorReply(503, 'overloaded', reason, { 'retry-after': '1' }));
    }
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
