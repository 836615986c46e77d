import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classifyPayload } from '../../../infra/connector/intake/classify-payload.ts';
import { processorStatus } from '../../../shared/message/processor-status.ts';
import { connectorFamilies } from '../../../infra/connector/telemetry/metric-families.ts';
import { createMetrics } from '../../../infra/connector/telemetry/metrics.ts';
import { prometheusText } from '../../../shared/telemetry/metric-family.ts';
import { retryAfterMs } from '../../../infra/connector/dispatch/read-answer.ts';
import { encodeBatch, rfc3339, type EventSource } from '../../../shared/message/cloud-event.ts';
import {
  buildDeadLetterHeaders,
  originalHeaders,
  parseDeadLetterHeaders,
  type DeadLetterInfo,
} from '../../../shared/message/dead-letter.ts';
import { deliveryIdentity } from '../../../shared/message/delivery-identity.ts';
import { parseBatchReply } from '../../../shared/message/parse-batch-reply.ts';
import { deadLetterPayload, fitDeadLetter } from '../../../shared/nats/dead-letter-body.ts';
import { deliveryInfo } from '../../../shared/nats/jetstream-message.ts';
import { coversSubject } from '../../../shared/nats/subject-filter.ts';
import { defaultTriggers } from '../../../shared/routing/default-triggers.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const event = (more: Partial<EventSource> = {}): EventSource => ({
  id: 'stream/1',
  stream: 'stream',
  sequence: 1,
  timestampNs: '1700000000123456789',
  subject: 'a.b',
  messageType: 'query_state_direct',
  payload: bytes('{}'),
  isJson: true,
  ...more,
});

describe('a batch of events', () => {
  it('is JSON with every attribute, and the payload as it was written', () => {
    const payload = '{ "n": 1.0, "é": "\\u00e9😀" }';
    const text = encodeBatch([
      { message: event({ payload: bytes(payload) }), attempt: 1, traceparent: 'tp', tracestate: 'ts' },
    ]).toString();
    expect(text).toContain(`"data":${payload}}`);
    expect(JSON.parse(text)).toEqual([
      {
        specversion: '1.0',
        id: 'stream/1',
        source: '/nats/stream',
        type: 'ism.query_state_direct',
        subject: 'a.b',
        time: '2023-11-14T22:13:20.123456789Z',
        traceparent: 'tp',
        tracestate: 'ts',
        attempt: 1,
        streamsequence: 1,
        datacontenttype: 'application/json',
        data: { n: 1, é: 'é😀' },
      },
    ]);
  });

  it('law: carries any payload to the other side unchanged, beside any neighbours', () => {
    const part = fc.record({
      payload: fc.oneof(
        fc.json().map((text) => ({ payload: bytes(text), isJson: true })),
        fc.uint8Array().map((payload) => ({ payload, isJson: false })),
      ),
      id: fc.string(),
      subject: fc.string({ unit: 'grapheme' }),
      messageType: fc.option(fc.string(), { nil: undefined }),
      stream: fc.constantFrom('one', 'two'),
      timestampNs: fc.constantFrom('0', '1700000000000000001', '1700000000000000002', '1700000001000000000'),
    });
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
        const events = parts.map(({ payload, ...rest }) => event({ ...rest, ...payload }));
        const read = JSON.parse(encodeBatch(events.map((message) => ({ message, attempt: 1 }))).toString()) as {
          id: string;
          subject: string;
          type: string;
          source: string;
          time: string;
          data?: unknown;
          data_base64?: string;
        }[];
        expect(read).toHaveLength(events.length);
        for (const [index, { id, subject, stream, timestampNs, messageType, payload, isJson }] of events.entries()) {
          const type = `ism.${messageType ?? 'unknown'}`;
          expect(read[index]).toMatchObject({
            id,
            subject,
            type,
            source: `/nats/${stream}`,
            time: rfc3339(timestampNs),
          });
          if (isJson) expect(read[index]!.data).toEqual(JSON.parse(new TextDecoder().decode(payload)));
          else expect(new Uint8Array(Buffer.from(read[index]!.data_base64!, 'base64'))).toEqual(payload);
        }
      }),
    );
  });

  it('keeps nanoseconds in its times', () => {
    expect(rfc3339('1700000000000000001')).toBe('2023-11-14T22:13:20.000000001Z');
    expect(rfc3339('0')).toBe('1970-01-01T00:00:00.000000000Z');
  });
});

describe('the identity of a delivery', () => {
  const place = { stream: 's', sequence: 7, timestampNs: '1700000000123456789' };

  it('is the producer’s id scoped by stream, else place and time', () => {
    expect(deliveryIdentity({ ...place, messageId: 'm' })).toBe('s/m');
    expect(deliveryIdentity(place)).toBe('s/7@1700000000123456789');
    expect(deliveryIdentity({ ...place, messageId: '' })).toBe('s/7@1700000000123456789');
  });

  it('is bounded and still different for different ids', () => {
    const long = (end: string): string => deliveryIdentity({ ...place, messageId: 'x'.repeat(500) + end });
    expect(long('a')).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(long('a')).not.toBe(long('b'));
    expect(long('a')).toBe(long('a'));
  });

  it('takes place and time from the server’s reply subject in both of its forms', () => {
    const expected = {
      stream: 'st',
      consumer: 'co',
      deliveryCount: 2,
      sequence: 30,
      consumerSequence: 4,
      timestampNs: '1700000000123456789',
      pending: 5,
    };
    expect(deliveryInfo('$JS.ACK.st.co.2.30.4.1700000000123456789.5')).toEqual(expected);
    expect(deliveryInfo('$JS.ACK.hub.ACCHASH.st.co.2.30.4.1700000000123456789.5.rnd')).toEqual(expected);
  });
});

describe('reading the answer to a batch', () => {
  const read = (value: unknown) => parseBatchReply(bytes(JSON.stringify(value)));

  it('gives the outcomes by id', () => {
    const results = [
      { id: 'a', outcome: 'ack' },
      { id: 'b', outcome: 'retry', code: 'unknown_state', reason: 'r', delayMs: 5 },
      { id: 'c', outcome: 'reject', code: 'empty_row', reason: 'r' },
    ];
    expect([...read({ results })!.values()]).toEqual(results);
  });

  it('leaves out what is no outcome, and keeps a rejection with a code it does not know', () => {
    const outcomes = read({
      results: [
        null,
        1,
        'x',
        {},
        { id: 1, outcome: 'ack' },
        { id: 'a', outcome: 'done' },
        { id: 'b', outcome: 'reject', code: 'new_code', reason: 'why' },
        { id: 'c', outcome: 'retry', code: 7, delayMs: -1 },
      ],
    });
    expect([...outcomes!.values()]).toEqual([
      { id: 'b', outcome: 'reject', code: 'function_refused', reason: 'new_code: why' },
      { id: 'c', outcome: 'retry', code: 'internal_error', reason: '' },
    ]);
  });

  it('never takes an ack if the answer contradicts itself', () => {
    const ack = { id: 'a', outcome: 'ack' };
    const retry = { id: 'a', outcome: 'retry', code: 'internal_error', reason: '' };
    expect(read({ results: [ack, retry] })!.get('a')!.outcome).toBe('retry');
    expect(read({ results: [retry, ack] })!.get('a')!.outcome).toBe('retry');
  });

  it.each(['', 'null', '[]', '7', '{}', '{"results":{}}', '{"results":[', '\xff'])('refuses %j as a whole', (body) => {
    expect(parseBatchReply(Buffer.from(body, 'latin1'))).toBeUndefined();
  });
});

describe('classifying a payload', () => {
  const triggers = defaultTriggers.filter(({ selector }) => selector === 'processor/state/sync');
  const classify = (text: string) => classifyPayload(bytes(text), triggers);

  it('finds function and key by type', () => {
    expect(classify('{"type":"query_state_direct","state_id":"s","route_id":"r"}')).toMatchObject({
      ok: true,
      key: 's',
      routeId: 'r',
      isJson: true,
      trigger: { function: 'state-direct' },
    });
    expect(classify('{"type":"query_state_route","route_id":"r"}')).toMatchObject({
      ok: true,
      key: 'r',
      trigger: { function: 'state-route' },
    });
  });

  it.each([
    ['', 'invalid_json'],
    ['{"a":1', 'invalid_json'],
    ['null', 'invalid_envelope'],
    ['"text"', 'invalid_envelope'],
    ['[]', 'invalid_envelope'],
    ['{}', 'missing_type'],
    ['{"type":null}', 'missing_type'],
    ['{"type":7}', 'unknown_type'],
    ['{"type":"query_state_entry","route_id":"r"}', 'unknown_type'],
    ['{"type":"query_state_direct"}', 'missing_state_id'],
    ['{"type":"query_state_direct","state_id":""}', 'missing_state_id'],
    ['{"type":"query_state_direct","state_id":7}', 'missing_state_id'],
    [`{"type":"query_state_direct","state_id":"${'x'.repeat(256)}"}`, 'missing_state_id'],
    ['{"type":"query_state_route","route_id":null}', 'missing_route_id'],
  ])('refuses %s', (text, code) => {
    expect(classify(text)).toMatchObject({ ok: false, code });
  });

  it('marks what must not be spliced into a batch: tokens of Python, a byte order mark, deep nesting, endless numbers', () => {
    const spliced = (inner: string): unknown => {
      const classified = classify(`{"type":"query_state_direct","state_id":"s","x":${inner}}`);
      return classified.ok && classified.isJson;
    };
    expect(spliced('1')).toBe(true);
    expect(spliced(JSON.stringify('[[{{"'.repeat(50)))).toBe(true);
    expect(spliced('['.repeat(60) + ']'.repeat(60))).toBe(true);
    expect(spliced('['.repeat(64) + ']'.repeat(64))).toBe(false);
    expect(spliced('NaN')).toBe(false);
    expect(spliced('9'.repeat(3_999))).toBe(true);
    expect(spliced(`["${'9'.repeat(5_000)}",1]`)).toBe(true);
    expect(spliced('9'.repeat(4_301))).toBe(false);
    expect(spliced(`[-${'9'.repeat(4_301)},1]`)).toBe(false);
    expect(classify('\uFEFF{"type":"query_state_direct","state_id":"s"}')).toMatchObject({ ok: true, isJson: false });
  });

  it('law: never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.json().map(bytes), fc.string().map(bytes)), (payload) => {
        expect(typeof classifyPayload(payload, triggers).ok).toBe('boolean');
      }),
    );
  });
});

describe('a dead letter', () => {
  const info: DeadLetterInfo = {
    code: 'empty_row',
    reason: 'why',
    time: '2026-01-01T00:00:00.000Z',
    identity: 's/m',
    stream: 's',
    subject: 'a.b',
    sequence: 4,
    timestampNs: '1700000000123456789',
    deliveryCount: 2,
    attempts: 3,
    messageId: 'm',
  };

  it('reads back as it was written and gives the original headers back, but for those that speak to the server', () => {
    const original = [
      ['X', ['1', '2']],
      ['Nats-Msg-Id', ['m']],
      ['dead-letter-code', ['forged']],
    ] as const;
    const headers = buildDeadLetterHeaders(original, info);
    expect(parseDeadLetterHeaders(headers)).toEqual(info);
    expect(originalHeaders(headers)).toEqual([['X', ['1', '2']]]);
    expect(parseDeadLetterHeaders([['X', ['1']]])).toBeUndefined();
  });

  it('is packed only if its headers would not fit, and unpacks to the same bytes', () => {
    const payload = bytes('x'.repeat(5_000));
    const letter = { headers: buildDeadLetterHeaders([], info), payload };
    expect(fitDeadLetter(letter, 10_000)).toBe(letter);
    const packed = fitDeadLetter(letter, 5_100);
    expect(packed.payload.byteLength).toBeLessThan(500);
    expect(new Uint8Array(deadLetterPayload(packed))).toEqual(payload);
    expect(deadLetterPayload(letter)).toBe(payload);
  });
});

describe('small parts of the connector', () => {
  it('writes the failed status as Python does', () => {
    expect(new TextDecoder().decode(processorStatus('r', 'FAILED', 'é\n\u007f"😀'))).toBe(
      '{"type": "processor_state", "route_id": "r", "status": "FAILED", "exception": "\\u00e9\\n\\u007f\\"\\ud83d\\ude00", "data": null}',
    );
    expect(JSON.parse(new TextDecoder().decode(processorStatus(null, 'FAILED', 'x')))).toMatchObject({
      route_id: null,
    });
  });

  it('reads Retry-After as seconds and as a date', () => {
    expect(retryAfterMs('3', 0)).toBe(3_000);
    expect(retryAfterMs(new Date(60_000).toUTCString(), 50_000)).toBe(10_000);
    expect(retryAfterMs('soon', 0)).toBe(0);
    expect(retryAfterMs(undefined, 0)).toBe(0);
  });

  it('knows which filters cover which subjects', () => {
    expect(coversSubject('a.>', 'a.b.c')).toBe(true);
    expect(coversSubject('a.>', 'a')).toBe(false);
    expect(coversSubject('a.*', 'a.b')).toBe(true);
    expect(coversSubject('a.*', 'a.>')).toBe(false);
    expect(coversSubject('a.>', 'a.b.>')).toBe(true);
    expect(coversSubject('a', 'a')).toBe(true);
    expect(coversSubject('a.b', 'a')).toBe(false);
  });

  it('counts by name and label', () => {
    const metrics = createMetrics();
    metrics.add('acked', 2, 's');
    metrics.add('acked', 3, 's');
    metrics.set('held_messages', 4);
    expect(metrics.snapshot()).toEqual({ 'acked{s}': 5, held_messages: 4 });
    const text = prometheusText(connectorFamilies(metrics.snapshot(), [{ stream: 's', consumer: 'c', messages: 7 }]));
    expect(text).toContain('state_sync_acked_total{stream="s"} 5\n');
    expect(text).toContain('# TYPE state_sync_held_messages gauge\nstate_sync_held_messages 4\n');
    expect(text).toContain('state_sync_lag_messages{stream="s",consumer="c"} 7\n');
  });
});
