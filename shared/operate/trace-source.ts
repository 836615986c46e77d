/** A span as people look at it. */
export interface TraceSpan {
  readonly spanId: string;
  /** Null for a root. */
  readonly parentSpanId: string | null;
  readonly service: string;
  readonly name: string;
  readonly kind: string;
  /** Milliseconds since 1970. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly isFailed: boolean;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  /** Traces that it is linked to. */
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
}

/** Where spans are kept: a Jaeger, or the collector of `npm start`, which answers as one. */
export interface TraceSource {
  readonly url: string;
  /** The spans of a trace by their start; none if it is not known (any more). @throws Error if the source does not answer */
  spans(traceId: string): Promise<readonly TraceSpan[]>;
  /** The newest trace with a span of this delivery, by its identity. @throws Error if the source does not answer */
  traceOf(identity: string, aroundMs: number): Promise<string | undefined>;
}

/** A client of Jaeger's query API. */
export const createTraceSource = (url: string, timeoutMs = 3_000): TraceSource => {
  const get = async (path: string): Promise<readonly unknown[]> => {
    const answer = await fetch(new URL(path, url.endsWith('/') ? url : `${url}/`), {
      signal: AbortSignal.timeout(timeoutMs),
      redirect: 'error',
    });
    // What it does not know, or not any more.
    if (answer.status === 404) return [];
    if (!answer.ok) throw new Error(`the trace store answered ${answer.status}`);
    const data = ((await answer.json()) as { readonly data?: unknown } | null)?.data;
    return Array.isArray(data) ? (data as readonly unknown[]) : [];
  };
  return {
    url,
    spans: async (traceId) => {
      const [trace] = await get(`api/traces/${encodeURIComponent(traceId)}`);
      return spansOf(trace).toSorted((one, other) => one.startMs - other.startMs);
    },
    traceOf: async (identity, aroundMs) => {
      const services = (await get('api/services')).filter((name) => typeof name === 'string').slice(0, maxServices);
      // The connector's first: it has a span of every delivery.
      services.sort((one, other) => Number(other.includes('connector')) - Number(one.includes('connector')));
      for (const service of services) {
        const query = new URLSearchParams({
          service,
          tags: JSON.stringify({ 'messaging.message.id': identity }),
          start: String(Math.round((aroundMs - searchMs) * 1_000)),
          end: String(Math.round((aroundMs + searchMs) * 1_000)),
          limit: '1',
        });
        const [trace] = await get(`api/traces?${query.toString()}`);
        const traceId = (trace as { readonly traceID?: unknown } | undefined)?.traceID;
        if (typeof traceId === 'string') return traceId;
      }
      return undefined;
    },
  };
};

/** Services that are asked for a delivery. */
const maxServices = 20;
/** A message was delivered at most so long before or after it was stored. */
const searchMs = 24 * 3_600_000;
/** Spans and attributes that are shown. */
const maxSpans = 2_000;
const maxAttributes = 100;
const maxValueCharacters = 1_000;

interface JaegerSpan {
  readonly spanID: string;
  readonly traceID: string;
  readonly operationName: string;
  readonly references?: readonly { readonly refType: string; readonly traceID: string; readonly spanID: string }[];
  readonly startTime: number;
  readonly duration: number;
  readonly tags?: readonly { readonly key: string; readonly value: unknown }[];
  readonly processID: string;
}

interface JaegerTrace {
  readonly spans?: readonly JaegerSpan[];
  readonly processes?: Readonly<Record<string, { readonly serviceName?: string }>>;
}

const spansOf = (value: unknown): readonly TraceSpan[] => {
  const { spans = [], processes = {} } = (value ?? {}) as JaegerTrace;
  return spans.slice(0, maxSpans).map((span) => {
    const references = span.references ?? [];
    const parent = references.find(({ refType, traceID }) => refType === 'CHILD_OF' && traceID === span.traceID);
    const attributes = attributesOf(span.tags ?? []);
    return {
      spanId: span.spanID,
      parentSpanId: parent?.spanID ?? null,
      service: processes[span.processID]?.serviceName ?? '',
      name: span.operationName,
      kind: String(attributes['span.kind'] ?? 'internal'),
      startMs: span.startTime / 1_000,
      durationMs: span.duration / 1_000,
      isFailed: attributes['error'] === true,
      attributes,
      links: references
        .filter((reference) => reference !== parent)
        .map(({ traceID, spanID }) => ({ traceId: traceID, spanId: spanID })),
    };
  });
};

const attributesOf = (tags: NonNullable<JaegerSpan['tags']>): TraceSpan['attributes'] =>
  Object.fromEntries(
    tags
      .slice(0, maxAttributes)
      .map(({ key, value }) => [
        key,
        typeof value === 'number' || typeof value === 'boolean' ? value : String(value).slice(0, maxValueCharacters),
      ]),
  );
