import type { OutgoingMessage, PublishOutcome } from '../message/outgoing-message.ts';
import { destinationTemplate } from './destination-template.ts';
import type { RequestTrace } from './request-trace.ts';
import { nextHop } from './trace-hops.ts';
import { failSpanBy, injectContext, SpanKind, startSpan, traceState, type StartedSpan } from './trace.ts';

/** Publishes messages of deliveries, the ids aligned with the messages; one outcome per message, in their order. */
export type PublishForDeliveries = (
  messages: readonly OutgoingMessage[],
  deliveryIds: readonly string[],
) => Promise<readonly PublishOutcome[]>;

/**
 * Publishing with one PRODUCER span `publish <subject>` per message whose trace is sampled; its context is what the next
 * hop continues. Unsampled traces cost two headers, untraced messages nothing.
 */
export const tracePublish =
  (
    publish: (messages: readonly OutgoingMessage[]) => Promise<readonly PublishOutcome[]>,
    trace: Pick<RequestTrace, 'of' | 'isEmpty'>,
  ): PublishForDeliveries =>
  async (messages, deliveryIds) => {
    if (trace.isEmpty) return publish(messages);
    const spans: (StartedSpan | undefined)[] = [];
    const traced = messages.map((message, index) => {
      const parent = trace.of(deliveryIds[index]!);
      const state = traceState(parent);
      if (state === 'none') return message;
      if (state === 'unsampled') return { ...message, headers: { ...message.headers, ...injectContext(parent) } };
      const template = destinationTemplate(message.baseSubject);
      const started = startSpan(`publish ${template}`, parent, {
        kind: SpanKind.PRODUCER,
        attributes: {
          'messaging.system': 'nats',
          'messaging.operation.name': 'publish',
          'messaging.operation.type': 'send',
          'messaging.destination.name': message.subject,
          'messaging.destination.template': template,
          'messaging.message.id': message.id,
          'messaging.message.body.size': message.payload.length,
        },
      });
      spans[index] = started;
      return { ...message, headers: { ...message.headers, ...injectContext(nextHop(started.context)) } };
    });
    const outcomes = await publish(traced);
    spans.forEach((started, index) => {
      if (started === undefined) return;
      const outcome = outcomes[index];
      if (outcome?.ok === true) {
        started.span.setAttributes({
          'messaging.nats.duplicate': outcome.duplicate,
          'messaging.nats.stream.sequence': outcome.sequence,
        });
      } else failSpanBy(started.span, outcome?.error ?? new Error('no outcome'));
      started.span.end();
    });
    return outcomes;
  };
