import type { Delivery } from '../message/delivery.ts';
import type { Outcome } from '../message/outcome.ts';
import {
  extractContext,
  failSpan,
  linkTo,
  rootContext,
  SpanKind,
  startSpan,
  traceState,
  type Attributes,
  type Context,
  type Span,
  type TraceHeaders,
} from './trace.ts';

/** The spans of one request: its server span, and a `process` span per sampled message. */
export interface RequestTrace {
  /** Where the shared work of the request belongs: the message's own span when it is alone, else the server span. */
  readonly work: Context;
  /** The context of one delivery: its forwards are its children. */
  of(deliveryId: string): Context;
  /** Ends every span with its outcome. */
  end(outcomes: readonly Outcome[]): void;
}

export interface RequestTraceOptions {
  readonly functionName: string;
  readonly headers: TraceHeaders;
  readonly deliveries: readonly Delivery[];
  /** Whether this is the first request of the process. */
  readonly coldStart: boolean;
  readonly nowMs: number;
}

const processAttributes = (delivery: Delivery, nowMs: number): Attributes => ({
  'messaging.system': 'nats',
  'messaging.operation.name': 'process',
  'messaging.operation.type': 'process',
  'messaging.destination.name': delivery.subject,
  'messaging.message.id': delivery.id,
  'ism.message.type': delivery.type,
  'ism.delivery.attempt': delivery.attempt,
  'ism.delivery.wait_ms': Math.max(0, nowMs - delivery.timestampMs),
});

/**
 * Starts the spans of one request. Links alone would break the trace of a message at the publish in Jaeger
 * (performance.md 6), so each sampled message has one `process` span as child of its own context, linked to the request.
 */
export const startRequestTrace = (options: RequestTraceOptions): RequestTrace => {
  const { deliveries, nowMs } = options;
  const single = deliveries.length === 1;
  const contexts = deliveries.map((delivery) => extractContext(delivery.traceContext, rootContext));
  const server = startSpan(`POST /function/${options.functionName}`, extractContext(options.headers), {
    kind: SpanKind.SERVER,
    attributes: {
      'http.request.method': 'POST',
      'http.route': `/function/${options.functionName}`,
      'faas.name': options.functionName,
      'faas.trigger': 'pubsub',
      'faas.coldstart': options.coldStart,
      ...(single ? {} : { 'messaging.batch.message_count': deliveries.length }),
    },
    links: contexts.flatMap((context, index) => linkTo(context, { 'messaging.message.id': deliveries[index]!.id })),
  });
  const byId = new Map<string, Context>();
  const spans = new Map<string, Span>();
  deliveries.forEach((delivery, index) => {
    const own = contexts[index]!;
    const state = traceState(own);
    // Alone, or traced by its producer: it gets a span. In a batch the untraced ones share the request's trace.
    if (state === 'unsampled') byId.set(delivery.id, own);
    else if (state === 'sampled' || single) {
      const started = startSpan(
        `process ${delivery.subject === '' ? delivery.type : destinationTemplate(delivery.subject)}`,
        state === 'sampled' ? own : server.context,
        {
          kind: SpanKind.CONSUMER,
          attributes: processAttributes(delivery, nowMs),
          links: state === 'sampled' ? linkTo(server.context) : [],
        },
      );
      byId.set(delivery.id, started.context);
      spans.set(delivery.id, started.span);
    }
  });
  const only = single ? byId.get(deliveries[0]!.id) : undefined;
  return {
    work: only ?? server.context,
    of: (deliveryId) => byId.get(deliveryId) ?? server.context,
    end: (outcomes) => {
      let failed = 0;
      for (const outcome of outcomes) {
        const span = spans.get(outcome.id);
        span?.setAttribute('ism.outcome', outcome.outcome);
        if (outcome.outcome === 'ack') continue;
        failed += 1;
        if (span) failSpan(span, outcome.code, outcome.reason);
      }
      for (const span of spans.values()) span.end();
      server.span.setAttribute('ism.batch.failed', failed);
      server.span.setAttribute('http.response.status_code', 200);
      server.span.end();
    },
  };
};

/** Subjects end in priorities and partition keys: span names keep what is before them (performance.md 6, item 10). */
export const destinationTemplate = (subject: string): string => subject.split('.').slice(0, 3).join('.');
