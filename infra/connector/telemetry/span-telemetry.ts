import { destinationTemplate } from '../../../shared/telemetry/destination-template.ts';
import { recordedContext } from '../../../shared/telemetry/sampler.ts';
import {
  extractContext,
  failSpan,
  failSpanBy,
  injectContext,
  linkTo,
  rootContext,
  SpanKind,
  startSpan,
  traceState,
  type Context,
  type StartedSpan,
} from '../../../shared/telemetry/trace.ts';
import type {
  BatchResult,
  BatchSpan,
  ConnectorTelemetry,
  DeadLetterReason,
  SettleOperation,
  TracedMessage,
} from './connector-telemetry.ts';
import { createMessageSpans, type MessageSpans } from './message-spans.ts';

/**
 * Spans of the connector. Of each sampled message: a `deliver` span per try, below its producer's, then `settle` or
 * `publish` (of its dead letter) below the last one. Of each request: a client span, in the trace of its message where that
 * travels alone (publish, deliver, POST in one straight line), else in a trace of its own with a link to every message.
 */
export const createSpanTelemetry = (): ConnectorTelemetry => {
  const spans = createMessageSpans();
  return {
    startBatch: (functionName, messages) => startBatch(spans, functionName, messages),
    startDeadLetter: (message, why) => startDeadLetter(spans, message, why),
    startSettle: (how, messages) => startSettle(spans, how, messages),
  };
};

const startBatch = (spans: MessageSpans, functionName: string, messages: readonly TracedMessage[]): BatchSpan => {
  const [only] = messages;
  const started =
    messages.length === 1 && only !== undefined
      ? startAlone(spans, functionName, only)
      : startTogether(spans, functionName, messages);
  return {
    headers: injectContext(started.request.context),
    contextOf: (index) => {
      const message = messages[index];
      return message === undefined ? {} : spans.headers(message);
    },
    end: (result) => endBatch(started, messages.length, result),
  };
};

/** The spans of one request: its own, and the `deliver` span of each message by its place in the batch. */
interface StartedBatch {
  readonly request: StartedSpan;
  readonly delivers: readonly (StartedSpan | undefined)[];
}

/** The request is in the trace of its only message. */
const startAlone = (spans: MessageSpans, functionName: string, message: TracedMessage): StartedBatch => {
  const delivers = [spans.deliver(message, [])];
  const parent = spans.last(message) ?? extractContext(message.traceContext);
  const own = traceState(parent) === 'none' ? rootContext : parent;
  return { request: startRequest(functionName, own, [], [message.id]), delivers };
};

/** The request has a trace of its own; it and the messages' `deliver` spans link to each other. */
const startTogether = (spans: MessageSpans, functionName: string, messages: readonly TracedMessage[]): StartedBatch => {
  const ids = messages.map(({ id }) => id);
  const origins = messages.map((message) => spans.origin(message));
  const isSampled = origins.some((origin) => origin !== undefined && traceState(origin) === 'sampled');
  const request = startRequest(functionName, isSampled ? recordedContext(rootContext) : rootContext, origins, ids);
  const links = linkTo(request.context);
  // Without a tracer there is nothing to begin.
  const isTracing = traceState(request.context) !== 'none';
  return { request, delivers: isTracing ? messages.map((message) => spans.deliver(message, links)) : [] };
};

const endBatch = ({ request, delivers }: StartedBatch, messages: number, result: BatchResult): void => {
  let failed = 0;
  for (let index = 0; index < messages; index += 1) {
    const outcome = result.outcomes[index];
    if (outcome?.outcome !== 'ack') failed += 1;
    const span = delivers[index]?.span;
    if (!span) continue;
    span.setAttribute('ism.outcome', outcome?.outcome ?? 'none');
    if (outcome === undefined && result.failure !== undefined) failSpan(span, 'request_failed', result.failure);
    else if (outcome === undefined) failSpan(span, 'no_outcome', 'the function said nothing of it');
    else if (outcome.outcome !== 'ack') failSpan(span, outcome.code, outcome.reason);
    span.end();
  }
  request.span.setAttribute('ism.batch.failed', failed);
  if (result.httpStatus !== undefined) request.span.setAttribute('http.response.status_code', result.httpStatus);
  if (result.failure !== undefined) failSpan(request.span, 'request_failed', result.failure);
  request.span.end();
};

const startRequest = (
  functionName: string,
  parent: Context,
  origins: readonly (Context | undefined)[],
  ids: readonly string[],
): StartedSpan => {
  const request = startSpan(`POST /function/${functionName}`, parent, {
    kind: SpanKind.CLIENT,
    links: origins.flatMap((context, index) =>
      context === undefined ? [] : linkTo(context, { 'messaging.message.id': ids[index]! }),
    ),
  });
  if (request.span.isRecording()) {
    request.span.setAttributes({
      'http.request.method': 'POST',
      'url.template': `/function/${functionName}`,
      'faas.invoked_name': functionName,
      'messaging.system': 'nats',
      ...(ids.length === 1 ? {} : { 'messaging.batch.message_count': ids.length }),
    });
  }
  return request;
};

const startDeadLetter = (
  spans: MessageSpans,
  message: TracedMessage,
  { code, reason, attempts, subject }: DeadLetterReason,
): ReturnType<ConnectorTelemetry['startDeadLetter']> => {
  const parent = spans.last(message);
  if (parent === undefined || traceState(parent) !== 'sampled') {
    return { headers: spans.headers(message), end: () => undefined };
  }
  const { span, context } = startSpan(`publish ${destinationTemplate(subject)}`, parent, {
    kind: SpanKind.PRODUCER,
    attributes: {
      ...spans.attributes(message),
      'messaging.destination.name': subject,
      'messaging.destination.template': destinationTemplate(subject),
      'messaging.operation.name': 'publish',
      'messaging.operation.type': 'send',
      'ism.dead_letter.subject': message.subject,
      'ism.delivery.attempts': attempts,
    },
  });
  // The span says why the message was given up, whether or not the dead letter itself was stored.
  failSpan(span, code, reason);
  return {
    headers: injectContext(context),
    end: (error) => {
      if (error !== undefined) failSpanBy(span, error);
      span.end();
    },
  };
};

const startSettle = (
  spans: MessageSpans,
  how: SettleOperation,
  messages: readonly TracedMessage[],
): ReturnType<ConnectorTelemetry['startSettle']> => {
  const started: StartedSpan[] = [];
  const startOne = (message: TracedMessage): void => {
    const parent = spans.last(message);
    if (parent === undefined || traceState(parent) !== 'sampled') return;
    const settle = startSpan(`settle ${destinationTemplate(message.subject)}`, parent, {
      kind: SpanKind.CLIENT,
      attributes: { 'messaging.operation.name': how, 'messaging.operation.type': 'settle' },
    });
    if (settle.span.isRecording()) settle.span.setAttributes(spans.attributes(message));
    started.push(settle);
  };
  messages.forEach(startOne);
  return {
    end: (error) => {
      for (const { span } of started) {
        if (error !== undefined) failSpanBy(span, error);
        span.end();
      }
    },
  };
};
