import {
  context as contextApi,
  INVALID_SPANID,
  INVALID_TRACEID,
  propagation,
  ProxyTracerProvider,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Link,
  type Span,
  type SpanContext,
  type SpanKind,
  type Tracer,
  type TracerProvider,
} from '@opentelemetry/api';

export { SpanKind, type Attributes, type Context, type Link, type Span } from '@opentelemetry/api';

const instrumentationName = 'state-sync-store';

/** Headers by lower-case name, as HTTP gives them and as we write them to NATS. */
export type TraceHeaders = Readonly<Record<string, string>>;

/** The root context: spans started in it begin a trace. */
export const rootContext: Context = contextApi.active();

/** The remote context that the headers carry, or the given one if they carry none. */
export const extractContext = (headers: TraceHeaders, base: Context = rootContext): Context =>
  headers['traceparent'] === undefined ? base : propagation.extract(base, headers);

/**
 * Whether the headers name a trace that is not recorded, told without making a context. With sampling on, most messages
 * are of this kind and should cost nothing.
 */
export const isUnsampledIn = (headers: TraceHeaders): boolean => {
  const traceparent = headers['traceparent'];
  return traceparent !== undefined && traceparent.length === 55 && traceparent.endsWith('-00');
};

/** The headers that carry the context on. They are in lower case, as clients that compare names exactly look for that. */
export const injectContext = (context: Context): Record<string, string> => {
  const headers: Record<string, string> = {};
  propagation.inject(context, headers);
  return headers;
};

/** Whether the context names a trace at all, and whether that trace is recorded. */
export const traceState = (context: Context): 'none' | 'sampled' | 'unsampled' => {
  const span = trace.getSpanContext(context);
  if (span === undefined || !isReal(span)) return 'none';
  return (span.traceFlags & 1) === 1 ? 'sampled' : 'unsampled';
};

/** Whether both contexts name the same trace. */
export const isSameTrace = (one: Context, other: Context | undefined): boolean => {
  const traceId = trace.getSpanContext(one)?.traceId;
  return traceId !== undefined && other !== undefined && trace.getSpanContext(other)?.traceId === traceId;
};

/** A link to the span of a context, or none if it has none that is recorded: the link would lead nowhere. */
export const linkTo = (context: Context, attributes?: Attributes): Link[] => {
  const span = trace.getSpanContext(context);
  if (span === undefined || traceState(context) !== 'sampled') return [];
  return [attributes === undefined ? { context: span } : { context: span, attributes }];
};

export interface SpanOptions {
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
  readonly links?: Link[];
  /** Milliseconds since the epoch with fractions; now if absent. */
  readonly startTime?: number;
}

/** A started span and the context that makes it the parent. */
export interface StartedSpan {
  readonly span: Span;
  readonly context: Context;
}

/** Starts a span below `parent`; the caller ends it. */
export const startSpan = (name: string, parent: Context, { attributes, ...options }: SpanOptions): StartedSpan => {
  const span = tracer().startSpan(name, options, parent);
  // Our sampler asks for no attributes. Given at the start, the SDK copies them twice, whether or not the span is recorded.
  if (attributes !== undefined && span.isRecording()) span.setAttributes(attributes);
  return { span, context: trace.setSpan(parent, span) };
};

/** Marks a span as failed with a stable code; the message never holds payload. */
export const failSpan = (span: Span, code: string, reason: string): void => {
  span.setAttribute('error.type', code);
  span.recordException({ name: code, message: reason });
  span.setStatus({ code: SpanStatusCode.ERROR, message: code });
};

/** Marks a span as failed by an error: its own stable code if it has one. */
export const failSpanBy = (span: Span, error: unknown): void => {
  const code = (error as { code?: unknown } | null)?.code;
  failSpan(
    span,
    typeof code === 'string' ? code : 'internal_error',
    error instanceof Error ? error.message : String(error),
  );
};

/** Runs work below a span that ends with it; an error fails the span and goes on. */
export const withSpan = async <T>(
  name: string,
  parent: Context,
  options: SpanOptions,
  work: (started: StartedSpan) => Promise<T>,
): Promise<T> => {
  const started = startSpan(name, parent, options);
  try {
    return await work(started);
  } catch (error) {
    failSpanBy(started.span, error);
    throw error;
  } finally {
    started.span.end();
  }
};

/**
 * Whether there is such a span. Contexts come from the propagator, which has looked at every digit, or from a tracer, which gives zeros
 * where it makes none; so the digits are not looked at again.
 */
const isReal = ({ traceId, spanId }: SpanContext): boolean => traceId !== INVALID_TRACEID && spanId !== INVALID_SPANID;

/** Looked up once for each provider: a lookup takes as long as a few attributes, and each span would have its own. */
const tracer = (): Tracer => {
  const provider = trace.getTracerProvider();
  const delegate = provider instanceof ProxyTracerProvider ? provider.getDelegate() : provider;
  if (known?.provider !== delegate) known = { provider: delegate, tracer: provider.getTracer(instrumentationName) };
  return known.tracer;
};

let known: { readonly provider: TracerProvider; readonly tracer: Tracer } | undefined;
