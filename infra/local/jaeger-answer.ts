import type { CollectedSpan } from './otlp-spans.ts';

/** What a GET of Jaeger's query API is answered with; undefined: no such path. Only what `manage` asks is known. */
export const jaegerAnswer = (
  requested: string,
  spans: readonly CollectedSpan[],
): { readonly status: number; readonly body: unknown } | undefined => {
  const url = new URL(requested, 'http://collector');
  if (url.pathname === '/api/services') {
    return { status: 200, body: { data: [...new Set(spans.map(({ service }) => service))] } };
  }
  if (url.pathname === '/api/traces') return { status: 200, body: { data: search(url.searchParams, spans) } };
  const [, traceId] = /^\/api\/traces\/([0-9a-f]{32})$/.exec(url.pathname) ?? [];
  if (traceId === undefined) return undefined;
  const own = spans.filter((span) => span.traceId === traceId);
  return own.length === 0 ? { status: 404, body: { data: null } } : { status: 200, body: { data: [traceOf(own)] } };
};

/** The newest traces with a span of the service that has all tags. */
const search = (query: URLSearchParams, spans: readonly CollectedSpan[]): readonly object[] => {
  const tags = readTags(query.get('tags'));
  const limit = Number(query.get('limit') ?? '20');
  const found = new Set<string>();
  for (const span of spans.toReversed()) {
    if (found.size >= limit) break;
    if (span.service !== query.get('service')) continue;
    if (tags.every(([name, value]) => String(span.attributes[name]) === value)) found.add(span.traceId);
  }
  return [...found].map((traceId) => traceOf(spans.filter((span) => span.traceId === traceId)));
};

const readTags = (text: string | null): readonly (readonly [string, string])[] => {
  try {
    const value: unknown = JSON.parse(text ?? '{}');
    return Object.entries(value ?? {}).map(([name, tag]) => [name, String(tag)]);
  } catch {
    // Not the JSON that it must be: nothing has such a tag.
    return [['', text ?? '']];
  }
};

/** A trace of at least one span as Jaeger writes it; each service is a process. */
const traceOf = (spans: readonly CollectedSpan[]): object => {
  const services = [...new Set(spans.map(({ service }) => service))];
  return {
    traceID: spans[0]?.traceId,
    processes: Object.fromEntries(services.map((serviceName, index) => [`p${index}`, { serviceName }])),
    spans: spans.map((span) => ({
      traceID: span.traceId,
      spanID: span.spanId,
      operationName: span.name,
      references: [
        ...(span.parentSpanId === ''
          ? []
          : [{ refType: 'CHILD_OF', traceID: span.traceId, spanID: span.parentSpanId }]),
        ...span.links.map(({ traceId, spanId }) => ({ refType: 'FOLLOWS_FROM', traceID: traceId, spanID: spanId })),
      ],
      startTime: Math.round(span.startMs * 1_000),
      duration: Math.round(span.durationMs * 1_000),
      tags: [
        { key: 'span.kind', value: span.kind },
        ...Object.entries(span.attributes).map(([key, value]) => ({ key, value })),
        ...(span.failed ? [{ key: 'error', value: true }] : []),
      ],
      processID: `p${services.indexOf(span.service)}`,
    })),
  };
};
