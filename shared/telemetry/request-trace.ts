import { memberOf } from '../json/json-value.ts';
import type { Delivery } from '../message/delivery.ts';
import type { Outcome } from '../message/outcome.ts';
import { destinationTemplate } from './destination-template.ts';
import { recordedContext } from './sampler.ts';
import { shareWork, type SharedWork, type Sharer } from './shared-work.ts';
import { maxTraceHops, traceHops } from './trace-hops.ts';
import {
  extractContext,
  failSpan,
  isSameTrace,
  isUnsampledIn,
  linkTo,
  rootContext,
  SpanKind,
  startSpan,
  traceState,
  type Attributes,
  type Context,
  type Span,
  type StartedSpan,
  type TraceHeaders,
} from './trace.ts';

/** The spans of one request: its server span, and a `process` span per sampled message. */
export interface RequestTrace {
  /** Whether any of its spans is recorded; if none is, looking for something to say is a waste. */
  readonly isRecorded: boolean;
  /** Whether neither the request nor any message has a trace: then nothing that is sent carries one on. */
  readonly isEmpty: boolean;
  /** Where work belongs that is no single message's: the message's own span when it is alone, else the server span. */
  readonly work: Context;
  /** The context of one delivery: its forwards are its children. */
  of(deliveryId: string): Context;
  /** Runs what several deliveries share: one span for all of them, and its like in the trace of each (shared-work.ts). */
  share<T>(work: SharedWork<T>): Promise<T>;
  /** Ends every span with its outcome. */
  end(outcomes: readonly Outcome[], httpStatus: number): void;
}

export interface RequestTraceOptions {
  readonly functionName: string;
  readonly headers: TraceHeaders;
  readonly deliveries: readonly Delivery[];
  /** Whether this is the first request of the process. */
  readonly coldStart: boolean;
  readonly nowMs: number;
}

/**
 * Starts the spans of one request. In Jaeger a trace ends where only a link goes on, so each sampled message has one
 * `process` span: a child of the message's own context, linked to the request. A message without a trace begins one of its own
 * if the sampler says so.
 */
export const startRequestTrace = (options: RequestTraceOptions): RequestTrace => {
  const { deliveries, nowMs } = options;
  const isAlone = deliveries.length === 1;
  const contexts = deliveries.map(({ traceContext }) =>
    isUnsampledIn(traceContext) ? undefined : extractContext(traceContext),
  );
  const server = startServer(options, contexts);
  const byId = new Map<string, Context>();
  const spans = new Map<string, Span>();
  const requestLinks = linkTo(server.context);
  const startProcess = (delivery: Delivery, own: Context): void => {
    const isCut = traceHops(own) >= maxTraceHops;
    const inRequest = traceState(own) === 'none' && isAlone;
    const parent = inRequest ? server.context : isCut ? rootContext : own;
    const name = `process ${delivery.subject === '' ? delivery.type : destinationTemplate(delivery.subject)}`;
    const started = startSpan(name, parent, {
      kind: SpanKind.CONSUMER,
      links: [...(inRequest ? [] : requestLinks), ...(isCut ? linkTo(own) : [])],
    });
    byId.set(delivery.id, started.context);
    if (!started.span.isRecording()) return;
    started.span.setAttributes(processAttributes(delivery, nowMs));
    spans.set(delivery.id, started.span);
  };
  // Without a tracer there is nothing to begin: what came with a message goes on with it.
  const isTracing = traceState(server.context) !== 'none';
  deliveries.forEach((delivery, index) => {
    const own = contexts[index];
    if (own !== undefined && isTracing) startProcess(delivery, own);
  });
  let headersById: ReadonlyMap<string, TraceHeaders> | undefined;
  /** Made when it is asked for: most messages that are not recorded lead to no other. */
  const contextOf = (deliveryId: string): Context => {
    const known = byId.get(deliveryId);
    if (known !== undefined) return known;
    headersById ??= new Map(deliveries.map(({ id, traceContext }) => [id, traceContext]));
    return extractContext(headersById.get(deliveryId) ?? {}, server.context);
  };
  const only = isAlone && spans.size === 1 ? byId.get(deliveries[0]!.id) : undefined;
  const sharer: Sharer = {
    work: only ?? server.context,
    // Alone, the shared span is in the message's own trace already.
    ownOf: (deliveryId) => (only === undefined && spans.has(deliveryId) ? byId.get(deliveryId) : undefined),
  };
  const isRecorded = server.span.isRecording() || spans.size > 0;
  return {
    isRecorded,
    isEmpty: !isTracing && deliveries.every(({ traceContext }) => traceContext['traceparent'] === undefined),
    work: sharer.work,
    of: contextOf,
    share: (work) => (isRecorded ? shareWork(sharer, work) : work.run()),
    end: (outcomes, httpStatus) => {
      let failed = 0;
      for (const outcome of outcomes) {
        const span = spans.get(outcome.id);
        span?.setAttribute('ism.outcome', outcome.outcome);
        if (outcome.outcome === 'ack') continue;
        failed += 1;
        if (span) failSpan(span, outcome.code, outcome.reason);
      }
      for (const span of spans.values()) span.end();
      server.span.setAttributes({ 'ism.batch.failed': failed, 'http.response.status_code': httpStatus });
      if (httpStatus >= 500) server.span.setAttribute('error.type', String(httpStatus));
      server.span.end();
    },
  };
};

const startServer = (options: RequestTraceOptions, contexts: readonly (Context | undefined)[]): StartedSpan => {
  const { functionName, deliveries } = options;
  const isSampled = contexts.some((context) => context !== undefined && traceState(context) === 'sampled');
  const base = extractContext(options.headers);
  // Alone, the request is in the trace of its message already.
  const linked = isSameTrace(base, contexts[0]) ? [] : contexts;
  const server = startSpan(`POST /function/${functionName}`, isSampled ? recordedContext(base) : base, {
    kind: SpanKind.SERVER,
    links: linked.flatMap((context, index) =>
      context === undefined ? [] : linkTo(context, { 'messaging.message.id': deliveries[index]!.id }),
    ),
  });
  if (server.span.isRecording()) {
    server.span.setAttributes({
      'http.request.method': 'POST',
      'http.route': `/function/${functionName}`,
      'faas.name': functionName,
      'faas.trigger': 'pubsub',
      'faas.coldstart': options.coldStart,
      ...(deliveries.length === 1 ? {} : { 'messaging.batch.message_count': deliveries.length }),
    });
  }
  return server;
};

const processAttributes = (delivery: Delivery, nowMs: number): Attributes => ({
  'messaging.system': 'nats',
  'messaging.operation.name': 'process',
  'messaging.operation.type': 'process',
  ...(delivery.subject === ''
    ? {}
    : {
        'messaging.destination.name': delivery.subject,
        'messaging.destination.template': destinationTemplate(delivery.subject),
      }),
  'messaging.message.id': delivery.id,
  'ism.message.type': delivery.type,
  'ism.delivery.attempt': delivery.attempt,
  'ism.delivery.wait_ms': Math.max(0, nowMs - delivery.timestampMs),
  ...idAttributes(delivery),
});

/** Ids that a message names, as attributes; nothing else of it is told. */
const idAttributes = ({ message }: Delivery): Attributes => {
  const attributes: Attributes = {};
  for (const name of ['state', 'route', 'processor'] as const) {
    const id = memberOf(message, `${name}_id`);
    if (typeof id === 'string') attributes[`ism.${name}.id`] = id.slice(0, 200);
  }
  return attributes;
};
