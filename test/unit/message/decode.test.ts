import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { JsonFloat, memberOf } from '../../../shared/json/json-value.ts';
import type { DecodeContext } from '../../../shared/message/decode-request.ts';
import { decodeAll } from '../../support/decode-all.ts';

const context: Omit<DecodeContext, 'maxExpandedBytes'> = {
  accepts: ['query_state_direct', 'query_state_route'],
  nowMs: 1_700_000_000_000,
  newId: () => 'generated',
};
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const batchType = { 'content-type': 'application/cloudevents-batch+json; charset=utf-8' };

const event = (id: string, data: string, more = ''): string =>
  `{"specversion":"1.0","id":"${id}","source":"/nats/s","type":"ism.x","subject":"processor.state.sync","time":"2026-01-02T03:04:05.006Z"${more},"data":${data}}`;

const direct = '{"type":"query_state_direct","state_id":"s","query_state":[{"a":1}]}';

describe('decoding a batch', () => {
  it('keeps the order, the identity, the time and the attempt of every delivery', () => {
    const body = `[${event('s/1@5', direct, ',"attempt":3')},${event('s/2@6', direct)}]`;
    const { mode, deliveries, rejections } = decodeAll(batchType, encode(body), context);
    expect(mode).toBe('batch');
    expect(rejections).toEqual([]);
    expect(deliveries.map(({ id, attempt, subject, timestampMs }) => [id, attempt, subject, timestampMs])).toEqual([
      ['s/1@5', 3, 'processor.state.sync', Date.UTC(2026, 0, 2, 3, 4, 5, 6)],
      ['s/2@6', 1, 'processor.state.sync', Date.UTC(2026, 0, 2, 3, 4, 5, 6)],
    ]);
  });

  it.each([
    ['5', 'invalid_envelope'],
    ['null', 'invalid_envelope'],
    ['[]', 'invalid_envelope'],
    ['{}', 'missing_type'],
    ['{"type":null}', 'missing_type'],
    ['{"type":"nope"}', 'unknown_type'],
    ['{"type":7}', 'unknown_type'],
    ['{"type":"query_state_entry"}', 'wrong_function'],
  ])('rejects %s with %s and keeps its neighbours', (data, code) => {
    const body = `[${event('a', direct)},${event('bad', data)},${event('c', direct)}]`;
    const { deliveries, rejections } = decodeAll(batchType, encode(body), context);
    expect(deliveries.map(({ id }) => id)).toEqual(['a', 'c']);
    expect(rejections).toMatchObject([{ id: 'bad', outcome: 'reject', code }]);
  });

  it('reads payloads that came as base64, Python numbers included', () => {
    const payload = '{"type":"query_state_direct","state_id":"s","query_state":[{"a":NaN,"b":1.0}]}';
    const encoded = Buffer.from(payload).toString('base64');
    const body = `[{"specversion":"1.0","id":"n","source":"/nats/s","type":"t","data_base64":"${encoded}"}]`;
    const [delivery] = decodeAll(batchType, encode(body), context).deliveries;
    const [row] = memberOf(delivery!.message, 'query_state') as readonly Record<string, unknown>[];
    expect(row).toEqual({ a: Number.NaN, b: new JsonFloat(1) });
  });

  it('treats one identity in two events as one message', () => {
    const { deliveries } = decodeAll(batchType, encode(`[${event('a', direct)},${event('a', direct)}]`), context);
    expect(deliveries).toHaveLength(1);
  });
});

describe('decoding a single message', () => {
  it('takes a structured event and scopes its id by its source', () => {
    const body = event('7', direct).replace('/nats/s', '/knative/broker');
    const { mode, deliveries } = decodeAll({ 'content-type': 'application/cloudevents+json' }, encode(body), context);
    expect([mode, deliveries[0]?.id]).toEqual(['event', '/knative/broker#7']);
  });

  it('takes a binary event with its trace context', () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const headers = {
      'content-type': 'application/json',
      'ce-id': '7',
      'ce-source': '/b',
      'ce-specversion': '1.0',
      traceparent,
    };
    const [delivery] = decodeAll(headers, encode(direct), context).deliveries;
    expect([delivery?.id, delivery?.traceContext['traceparent']]).toEqual(['/b#7', traceparent]);
  });

  it('takes a bare message, with its message id if there is one', () => {
    const ids = [{}, { 'nats-msg-id': 'm1' }, { 'idempotency-key': 'k1' }].map(
      (headers) => decodeAll(headers, encode(direct), context).deliveries[0]?.id,
    );
    expect(ids).toEqual(['http/generated', 'http/m1', 'http/k1']);
  });

  it('bounds an identity of any length, the same every time', () => {
    const [first, second] = [0, 1].map(
      () => decodeAll({ 'nats-msg-id': 'x'.repeat(5_000) }, encode(direct), context).deliveries[0]?.id,
    );
    expect(first).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(second).toBe(first);
  });
});

describe('a message that takes more memory than its share when it is read', () => {
  const of = (data: string): string => `{"type":"query_state_direct","state_id":"s","query_state":${data}}`;
  it.each([
    ['objects with a key like an index', (bytes: number) => of(`[${'{"1":0},'.repeat(bytes / 8)}{}]`)],
    ['empty lists', (bytes: number) => of(`[${'[],'.repeat(bytes / 3)}[]]`)],
    ['lists in lists', (bytes: number) => of(`[${`${'['.repeat(60)}${']'.repeat(60)},`.repeat(bytes / 121)}0]`)],
    [
      'keys that are never the same',
      (bytes: number) => of(`[{${Array.from({ length: bytes / 6 }, (_, n) => `"${n.toString(36)}":0`).join()}}]`),
    ],
  ])('%s: is refused before it is read, and its neighbours are there', (_name, make) => {
    const data = make(8_000_000);
    const body = encode(`[${event('a', direct)},${event('bad', data)},${event('c', direct)}]`);
    const before = process.memoryUsage().heapUsed;
    const { deliveries, rejections } = decodeAll(batchType, body, context);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * 1024 * 1024);
    expect(deliveries.map(({ id }) => id)).toEqual(['a', 'c']);
    expect(rejections).toMatchObject([{ id: 'bad', outcome: 'reject', code: 'expansion_too_large' }]);
    expect(decodeAll({}, encode(data), context).rejections).toMatchObject([{ code: 'expansion_too_large' }]);
  });

  it('an ordinary one of 5 MB is read', () => {
    const rows = Array.from({ length: 10_000 }, (_, n) =>
      Object.fromEntries('abcdefgh'.split('').map((key) => [key, `${'x'.repeat(50)}${n}`])),
    );
    expect(decodeAll({}, encode(of(JSON.stringify(rows))), context).deliveries).toHaveLength(1);
  });

  it('an event has no more than a few attributes', () => {
    const body = `[${event('a', direct)},${event('b', direct, `,"x":"${'y'.repeat(100_000)}"`)}]`;
    const { deliveries, rejections } = decodeAll(batchType, encode(body), context);
    expect(deliveries.map(({ id }) => id)).toEqual(['a']);
    expect(rejections).toMatchObject([{ id: '', code: 'invalid_envelope' }]);
  });
});

describe('laws of decoding', () => {
  it('never throws, whatever the bytes and headers', () => {
    const contentType = fc.constantFrom(
      '',
      'application/json',
      'application/cloudevents+json',
      batchType['content-type'],
    );
    fc.assert(
      fc.property(contentType, fc.uint8Array({ maxLength: 200 }), (type, bytes) => {
        decodeAll({ 'content-type': type }, bytes, context);
      }),
      { numRuns: 2_000 },
    );
  });

  it('names every event with an id exactly once, as a delivery or a rejection', () => {
    const payload = fc.oneof(fc.jsonValue(), fc.constant(JSON.parse(direct) as unknown));
    fc.assert(
      fc.property(fc.array(payload, { maxLength: 20 }), (payloads) => {
        const body = JSON.stringify(
          payloads.map((data, index) => ({ specversion: '1.0', id: `e${index}`, source: '/nats/s', data })),
        );
        const { deliveries, rejections } = decodeAll(batchType, encode(body), context);
        const ids = [...deliveries, ...rejections].map(({ id }) => id).sort();
        expect(ids).toEqual(payloads.map((_, index) => `e${index}`).sort());
      }),
      { numRuns: 2_000 },
    );
  });
});
