import { request } from 'node:http';
import { hostname } from 'node:os';

export interface ProducerSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly subject: string;
  readonly startMs: number;
  readonly endMs: number;
}

/** Reports the span that published a message, as a traced processor would: without it the trace has no top. */
export const exportProducerSpan = (collectorUrl: string, span: ProducerSpan): Promise<void> => {
  const text = (key: string, value: string): object => ({ key, value: { stringValue: value } });
  const exported = {
    traceId: span.traceId,
    spanId: span.spanId,
    name: `publish ${span.subject}`,
    kind: 4,
    startTimeUnixNano: nanoseconds(span.startMs),
    endTimeUnixNano: nanoseconds(span.endMs),
    attributes: [text('messaging.system', 'nats'), text('messaging.destination.name', span.subject)],
  };
  const resource = { attributes: [text('service.name', 'demo'), text('host.name', hostname())] };
  const body = { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'demo' }, spans: [exported] }] }] };
  return post(`${collectorUrl}/v1/traces`, JSON.stringify(body));
};

const nanoseconds = (ms: number): string => `${Math.round(ms * 1_000)}000`;

const post = (url: string, body: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const outgoing = request(url, { method: 'POST', headers: { 'content-type': 'application/json' } }, (reply) => {
      reply.resume();
      reply.once('end', resolve);
    });
    outgoing.once('error', reject);
    outgoing.end(body);
  });
