import type { OutgoingMessage, PublishOutcome } from '../nats/publisher.ts';
import { destinationTemplate } from './request-trace.ts';
import { failSpan, injectContext, SpanKind, startSpan, traceState, type Context, type StartedSpan } from './trace.ts';

/**
 * Publishes with one PRODUCER span `publish <subject>` per message whose trace is sampled; its context is what the next
 * hop continues. Unsampled traces cost two headers, untraced messages nothing.
 */
export const tracePublish = async (
  messages: readonly OutgoingMessage[],
  parentOf: (index: number) => Context,
  publish: (messages: readonly OutgoingMessage[]) => Promise<readonly PublishOutcome[]>,
): Promise<readonly PublishOutcome[]> => {
  const spans: (StartedSpan | undefined)[] = [];
  const traced = messages.map((message, index) => {
    const parent = parentOf(index);
    const state = traceState(parent);
    if (state === 'none') return message;
    if (state === 'unsampled') return { ...message, headers: { ...message.headers, ...injectContext(parent) } };
    const started = startSpan(`publish ${destinationTemplate(message.baseSubject)}`, parent, {
      kind: SpanKind.PRODUCER,
      attributes: {
        'messaging.system': 'nats',
        'messaging.operation.name': 'publish',
        'messaging.operation.type': 'send',
        'messaging.destination.name': message.subject,
        'messaging.message.id': message.id,
        'messaging.message.body.size': message.payload.length,
      },
    });
    spans[index] = started;
    return { ...message, headers: { ...message.headers, ...injectContext(started.context) } };
  });
  const outcomes = await publish(traced);
  spans.forEach((started, index) => {
    if (started === undefined) return;
    const outcome = outcomes[index];
    if (outcome?.ok === true) started.span.setAttribute('messaging.nats.duplicate', outcome.duplicate);
    else failSpan(started.span, 'publish_failed', outcome?.error.message ?? 'no outcome');
    started.span.end();
  });
  return outcomes;
};
