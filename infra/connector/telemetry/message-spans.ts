import { deliveryInfo } from '../../../shared/nats/jetstream-message.ts';
import { destinationTemplate } from '../../../shared/telemetry/destination-template.ts';
import { maxTraceHops, traceHops } from '../../../shared/telemetry/trace-hops.ts';
import {
  extractContext,
  injectContext,
  isUnsampledIn,
  linkTo,
  rootContext,
  SpanKind,
  startSpan,
  traceState,
  type Attributes,
  type Context,
  type Link,
  type StartedSpan,
} from '../../../shared/telemetry/trace.ts';
import type { TracedMessage } from './connector-telemetry.ts';

/** What is remembered of a message while it is held. */
interface MessageTrace {
  /** The producer's context; where it gave none or its trace is full, our first span's. */
  origin: Context;
  /** The latest `deliver` span: settling and dead-lettering come after it. */
  last: Context;
  deliveries: number;
  /** What all spans of the message say of it; made with the first that is recorded. */
  attributes: Attributes | undefined;
}

/** The contexts of the messages that are held, and their `deliver` spans. */
export interface MessageSpans {
  /** Where the message comes from: undefined where that is not recorded; without a trace where the producer gave none. */
  origin(message: TracedMessage): Context | undefined;
  /** What follows from the message's latest delivery; undefined where nothing is recorded of it. */
  last(message: TracedMessage): Context | undefined;
  /** What every span of the message says of it. */
  attributes(message: TracedMessage): Attributes;
  /** Headers for what follows: our own context, or the producer's as it came. */
  headers(message: TracedMessage): Readonly<Record<string, string>>;
  /** One more try; undefined where the message's trace is not recorded. */
  deliver(message: TracedMessage, links: Link[]): StartedSpan | undefined;
}

export const createMessageSpans = (): MessageSpans => {
  const traces = new WeakMap<TracedMessage, MessageTrace>();
  const traceOf = (message: TracedMessage): MessageTrace | undefined => {
    if (isUnsampledIn(message.traceContext)) return undefined;
    let known = traces.get(message);
    if (known === undefined) {
      const origin = extractContext(message.traceContext);
      traces.set(message, (known = { origin, last: origin, deliveries: 0, attributes: undefined }));
    }
    return known;
  };
  return {
    origin: (message) => traceOf(message)?.origin,
    last: (message) => traceOf(message)?.last,
    attributes: (message) => traceOf(message)?.attributes ?? messageAttributes(message),
    headers: (message) => {
      const trace = traceOf(message);
      return trace === undefined || trace.deliveries === 0 ? message.traceContext : injectContext(trace.last);
    },
    deliver: (message, links) => {
      const trace = traceOf(message);
      return trace === undefined ? undefined : startDeliver(trace, message, links);
    },
  };
};

const messageAttributes = (message: TracedMessage): Attributes => ({
  'messaging.system': 'nats',
  'messaging.destination.name': message.subject,
  'messaging.destination.template': destinationTemplate(message.subject),
  'messaging.consumer.group.name': deliveryInfo(message.reply).consumer,
  'messaging.message.id': message.id,
  'messaging.nats.stream': message.stream,
  'messaging.nats.stream.sequence': message.sequence,
  'messaging.nats.delivery_count': message.deliveryCount,
});

/** One more try of the message; its trace remembers it. */
const startDeliver = (trace: MessageTrace, message: TracedMessage, links: Link[]): StartedSpan | undefined => {
  const { origin } = trace;
  // Of an earlier try: its trace began here and is not recorded.
  if (traceState(origin) === 'unsampled') return undefined;
  const isFull = traceHops(origin) >= maxTraceHops;
  const started = startSpan(`deliver ${destinationTemplate(message.subject)}`, isFull ? rootContext : origin, {
    kind: SpanKind.CLIENT,
    links: isFull ? [...links, ...linkTo(origin)] : links,
  });
  if (traceState(started.context) === 'none') return undefined;
  trace.last = started.context;
  // The first span of a new trace: what comes after it stays in that trace, or stays out of it.
  if (isFull || traceState(origin) === 'none') trace.origin = started.context;
  trace.deliveries += 1;
  if (!started.span.isRecording()) return undefined;
  started.span.setAttributes({
    'messaging.operation.name': 'deliver',
    'messaging.operation.type': 'receive',
    'messaging.message.body.size': message.bodyBytes,
    // Counted here: the server's own count starts again when it is killed.
    'ism.delivery.attempt': message.deliveryCount + trace.deliveries - 1,
  });
  started.span.setAttributes((trace.attributes ??= messageAttributes(message)));
  if (message.messageType !== undefined) started.span.setAttribute('ism.message.type', message.messageType);
  return started;
};
