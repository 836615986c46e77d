import { createServer, type IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { jaegerAnswer } from './jaeger-answer.ts';
import { parseOtlpSpans, type CollectedSpan } from './otlp-spans.ts';

export interface TraceCollector {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly url: string;
  /** The spans it holds, in order of arrival. */
  spans(): readonly CollectedSpan[];
  /** The spans of one trace (id in lower-case hex). */
  trace(traceId: string): readonly CollectedSpan[];
  clear(): void;
  readonly close: () => Promise<void>;
}

/**
 * An OTLP/HTTP receiver (JSON) on 127.0.0.1 that keeps the newest spans in memory: traces work with nothing installed.
 * It can be asked for them as a Jaeger is.
 *
 * @param options.maxSpans the oldest ones go first; default 50,000.
 */
export const startTraceCollector = async (
  options: { readonly port?: number; readonly maxSpans?: number } = {},
): Promise<TraceCollector> => {
  const maxSpans = options.maxSpans ?? 50_000;
  let kept: CollectedSpan[] = [];

  const receive = async (request: IncomingMessage): Promise<number> => {
    if (request.method !== 'POST' || request.url !== '/v1/traces') return 404;
    if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) return 415;
    try {
      kept.push(...parseOtlpSpans(JSON.parse((await readBody(request)).toString('utf8'))));
    } catch {
      return 400; // whatever it was, it was not an export request; the sender logs the status
    }
    // Cut in steps: shifting one array for every span would be quadratic.
    if (kept.length > maxSpans * 1.25) kept = kept.slice(-maxSpans);
    return 200;
  };

  const server = createServer((request, response) => {
    const asked = request.method === 'GET' ? jaegerAnswer(request.url ?? '/', kept.slice(-maxSpans)) : undefined;
    if (asked !== undefined) {
      response.writeHead(asked.status, { 'content-type': 'application/json' }).end(JSON.stringify(asked.body));
      return;
    }
    void receive(request).then((status) => {
      request.resume();
      response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the trace collector has no port');
  return {
    url: `http://127.0.0.1:${String(address.port)}`,
    spans: () => kept.slice(-maxSpans),
    trace: (traceId) => kept.slice(-maxSpans).filter((span) => span.traceId === traceId),
    clear: () => {
      kept = [];
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
};

const maxBodyBytes = 64 * 1024 * 1024;

const unzip = promisify(gunzip);

const readBody = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > maxBodyBytes) throw new RangeError('body over the limit');
    chunks.push(chunk as Buffer);
  }
  const body = Buffer.concat(chunks);
  return request.headers['content-encoding'] === 'gzip' ? unzip(body, { maxOutputLength: maxBodyBytes }) : body;
};
