import { describe, expect, it } from 'vitest';
import { isMarked, readAnswer } from '../../../infra/connector/dispatch/read-answer.ts';
import { gatewayAnswer, type GatewayBehaviour, type GatewayEvent } from '../../../infra/local/gateway-behaviour.ts';
import { answerMark } from '../../../shared/http/answer-mark.ts';

const mark = { [answerMark.name]: answerMark.value };
const read = (status: number, headers: Record<string, string>, body: string) =>
  readAnswer({ status, headers, body: new TextEncoder().encode(body) }, 0);

const error = (code: string): string => JSON.stringify({ error: { code, reason: 'why' } });
const outcomes = '{"results": [{"id": "a", "outcome": "ack"}]}';

describe('what an answer of the function says', () => {
  it.each<[number, string, string]>([
    [200, outcomes, 'answered'],
    [200, '{"results": 7}', 'nonsense'],
    [200, '', 'nonsense'],
    [400, error('invalid_json'), 'refused'],
    [401, error('unauthorized'), 'misconfigured'],
    [404, '', 'misconfigured'],
    [405, error('method_not_allowed'), 'misconfigured'],
    [408, '', 'unavailable'],
    [413, error('payload_too_large'), 'too_large'],
    [422, '', 'refused'],
    [429, '', 'overloaded'],
    [500, error('internal_error'), 'died'],
    [503, error('shutting_down'), 'unavailable'],
    [503, error('overloaded'), 'overloaded'],
  ])('%i %s is %s', (status, body, kind) => {
    expect(read(status, mark, body).kind).toBe(kind);
  });

  it('gives its own reason', () => {
    expect(read(500, mark, error('internal_error'))).toMatchObject({ reason: 'HTTP 500 internal_error: why' });
    expect(read(503, { ...mark, 'retry-after': '3' }, '')).toMatchObject({ reason: 'HTTP 503', retryAfterMs: 3_000 });
  });
});

/** Answers that stand between the connector and a function may give by themselves, and their texts. */
const gatewayAnswers: readonly (readonly [
  who: string,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string,
  kind: string,
])[] = [
  ['gateway of OpenFaaS: no such function', 404, {}, 'error finding function x: not found', 'misconfigured'],
  ['gateway of OpenFaaS: its provider is late', 502, {}, '', 'gateway_error'],
  ['provider: no endpoint', 503, { 'x-openfaas-internal': 'proxy' }, 'No endpoints available for: x.', 'unavailable'],
  ['provider: unreachable', 500, { 'x-openfaas-internal': 'proxy' }, "Can't reach service for: x.", 'gateway_error'],
  ['of-watchdog: the function died', 500, { 'x-openfaas-internal': 'of-watchdog' }, '', 'gateway_error'],
  ['of-watchdog: time-out', 504, { 'x-openfaas-internal': 'of-watchdog' }, '', 'gateway_error'],
  ['of-watchdog: too many at a time', 429, { 'x-openfaas-internal': 'of-watchdog' }, '', 'overloaded'],
  ['activator: no capacity', 503, {}, 'context deadline exceeded', 'unavailable'],
  ['activator: its queue is full', 503, {}, 'pending request queue full', 'overloaded'],
  ['queue-proxy: its queue is full', 503, {}, 'pending request queue full\n', 'overloaded'],
  ['queue-proxy: the container refuses', 502, {}, 'dial tcp 127.0.0.1:8080: connection refused', 'gateway_error'],
  ['queue-proxy: time-out', 504, {}, 'request timeout', 'gateway_error'],
  ['an ingress: no backend', 503, {}, '<html>503 Service Temporarily Unavailable', 'unavailable'],
  ['an ingress: upstream failed', 502, {}, '<html>502 Bad Gateway', 'gateway_error'],
  ['an ingress: body too large', 413, {}, '<html>413', 'too_large'],
  ['an ingress: not let in', 401, {}, '', 'misconfigured'],
  ['an ingress: forbidden', 403, {}, '', 'misconfigured'],
  ['an ingress: elsewhere', 308, { location: 'https://x/' }, '', 'misconfigured'],
  ['an ingress: a page of its own', 200, { 'content-type': 'text/html' }, '<html>', 'unavailable'],
  ['an ingress: accepted, asynchronously', 202, {}, '', 'unavailable'],
  ['a filter: refuses this request', 400, {}, 'blocked', 'gateway_error'],
  ['a filter: refuses this request with a status of its own', 406, {}, '', 'gateway_error'],
  ['a rate limit', 429, { 'retry-after': '1' }, '', 'overloaded'],
];

describe('what an answer without the mark says: nothing of a message', () => {
  it.each(gatewayAnswers)('%s (%i %j %s) is %s', (_who, status, headers, body, kind) => {
    const answer = read(status, headers, body);
    expect(answer.kind).toBe(kind);
    expect(answer).toMatchObject({ status, reason: `HTTP ${status} from a gateway, not from the function` });
  });

  const behaviours: readonly GatewayBehaviour[] = ['local', 'openfaas', 'knative'];
  const events: readonly GatewayEvent[] = [
    'unknown function',
    'no endpoint',
    'unreachable',
    'timeout',
    'internal error',
  ];
  it.each(behaviours.flatMap((behaviour) => events.map((event) => [behaviour, event] as const)))(
    'so says the local host as %s at %s',
    (behaviour, event) => {
      const { status, headers, text } = gatewayAnswer(behaviour, event, 'x', 'why');
      expect(isMarked(headers)).toBe(false);
      expect(['misconfigured', 'unavailable', 'gateway_error']).toContain(read(status, headers, text).kind);
    },
  );

  it('except for a list of outcomes, which nobody but a function makes', () => {
    expect(read(200, {}, outcomes).kind).toBe('answered');
  });
});
