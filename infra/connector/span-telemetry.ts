import { reasonOf } from '../../shared/errors/to-outcome.ts';
import { destinationTemplate } from '../../shared/telemetry/request-trace.ts';
import {
  extractContext,
  failSpan,
  injectContext,
  linkTo,
  rootContext,
  SpanKind,
  startSpan,
  traceState,
  type Attributes,
  type Context,
  type StartedSpan,
} from '../../shared/telemetry/trace.ts';
import type { ConnectorTelemetry, TracedMessage } from './telemetry.ts';

const messageAttributes = (message: TracedMessage): Attributes => ({
  'messaging.system': 'nats',
  'messaging.destination.name': message.subject,
  'messaging.destination.subscription.name': message.stream,
  'messaging.consumer.group.name': `${message.stream}_sub_1`,
  'messaging.message.id': message.id,
  'messaging.message.body.size': message.bodyBytes,
  'messaging.nats.stream.sequence': message.sequence,
  'messaging.nats.delivery_count': message.deliveryCount,
  // Counted by the connector: the server's count starts again when it is killed.
  'ism.delivery.attempt': message.attempts,
  ...(message.messageType === undefined ? {} : { 'ism.message.type': message.messageType }),
});

const deliverSpan = (message: TracedMessage, own: Context): StartedSpan =>
  startSpan(`deliver ${destinationTemplate(message.subject)}`, own, {
    kind: SpanKind.CLIENT,
    attributes: {
      ...messageAttributes(message),
      'messaging.operation.name': 'deliver',
      'messaging.operation.type': 'receive',
    },
  });

/**
 * Spans of the connector: a `deliver` span per sampled message, below its producer's, and one client span per request
 * with a link to each message. A message that travels alone is one straight line: publish, deliver, POST.
 */
export const spanTelemetry: ConnectorTelemetry = {
  startBatch: (functionName, messages) => {
    const contexts = messages.map(({ traceContext }) => extractContext(traceContext));
    const delivers = messages.map((message, index) =>
      traceState(contexts[index]!) === 'sampled' ? deliverSpan(message, contexts[index]!) : undefined,
    );
    const alone = messages.length === 1 ? delivers[0]?.context : undefined;
    const request = startSpan(`POST /function/${functionName}`, alone ?? rootContext, {
      kind: SpanKind.CLIENT,
      attributes: {
        'http.request.method': 'POST',
        'url.template': `/function/${functionName}`,
        'faas.invoked_name': functionName,
        'messaging.system': 'nats',
        ...(messages.length === 1 ? {} : { 'messaging.batch.message_count': messages.length }),
      },
      links: alone
        ? []
        : contexts.flatMap((context, index) => linkTo(context, { 'messaging.message.id': messages[index]!.id })),
    });
    return {
      headers: injectContext(request.context),
      contextOf: (index) => {
        const deliver = delivers[index];
        return deliver ? injectContext(deliver.context) : (messages[index]?.traceContext ?? {});
      },
      end: (result) => {
        let failed = 0;
        messages.forEach((_message, index) => {
          const outcome = result.outcomes[index];
          if (outcome?.outcome !== 'ack') failed += 1;
          const span = delivers[index]?.span;
          if (!span) return;
          span.setAttribute('ism.outcome', outcome?.outcome ?? 'none');
          if (outcome === undefined) failSpan(span, 'no_outcome', result.failure ?? 'the function said nothing of it');
          else if (outcome.outcome !== 'ack') failSpan(span, outcome.code, outcome.reason);
          span.end();
        });
        request.span.setAttribute('ism.batch.failed', failed);
        if (result.httpStatus !== undefined) request.span.setAttribute('http.response.status_code', result.httpStatus);
        if (result.failure !== undefined) failSpan(request.span, 'request_failed', result.failure);
        request.span.end();
      },
    };
  },
  startDeadLetter: (message, code, reason) => {
    const own = extractContext(message.traceContext);
    if (traceState(own) !== 'sampled') return { headers: message.traceContext, end: () => undefined };
    const { span, context } = startSpan('publish dead_letter', own, {
      kind: SpanKind.PRODUCER,
      attributes: {
        ...messageAttributes(message),
        'messaging.operation.name': 'publish',
        'messaging.operation.type': 'send',
      },
    });
    // The span says why the message was given up, whether or not the dead letter itself was stored.
    failSpan(span, code, reason);
    return {
      headers: injectContext(context),
      end: (error) => {
        if (error !== undefined) failSpan(span, 'publish_failed', reasonOf(error));
        span.end();
      },
    };
  },
};
