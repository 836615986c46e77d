import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeBatch, type EventTry } from '../../../shared/message/cloud-event.ts';
import { readConnectorEvent } from '../../../shared/message/connector-event.ts';
import type { Delivery } from '../../../shared/message/delivery.ts';
import { decodeAll } from '../../support/decode-all.ts';

const payload = Buffer.from('{"type":"query_state_direct","state_id":"s","query_state":[{"a":1}]}');
const text = fc.oneof(
  fc.string({ minLength: 1, maxLength: 12 }),
  fc.constantFrom('a"b', 'a\\b', 'é', '{"id":"x"}', '\u007f', '\n', 'ism.x.y', '00-ab-cd-01', '\ud800'),
);
const tries: fc.Arbitrary<EventTry> = fc
  .record({
    id: text,
    subject: text,
    traceparent: fc.option(text, { nil: undefined }),
    tracestate: fc.option(text, { nil: undefined }),
    attempt: fc.integer({ min: 1, max: 2_000_000_000 }),
    isJson: fc.boolean(),
    sequence: fc.nat(),
    timestampNs: fc.bigInt({ min: 0n, max: 2n ** 61n }).map(String),
  })
  .map(({ attempt, traceparent, tracestate, ...message }) => ({
    message: { stream: 'st', messageType: 'query_state_direct', payload, ...message },
    attempt,
    traceparent,
    tracestate,
  }));

const context = { accepts: ['query_state_direct'] as const, nowMs: 1, newId: () => 'new' };
const headers = { 'content-type': 'application/cloudevents-batch+json' };
const read = (body: Buffer): readonly Delivery[] => decodeAll(headers, body, context).deliveries;

/** The batch with a member more in each event, which the connector never writes: it is read as JSON of any form. */
const inAnotherForm = (batch: Buffer): Buffer =>
  Buffer.from(batch.toString('latin1').replaceAll('{"specversion":', '{"other":null,"specversion":'), 'latin1');

describe('an event as the connector writes it', () => {
  it('is read by its form, and says what it says as JSON', () => {
    fc.assert(
      fc.property(fc.array(tries, { minLength: 1, maxLength: 4 }), (events) => {
        const batch = encodeBatch(events);
        expect(read(batch)).toEqual(read(inAnotherForm(batch)));
      }),
      { numRuns: 3_000 },
    );
  });

  const batch = encodeBatch([
    {
      message: {
        id: 's/1',
        stream: 's',
        sequence: 1,
        timestampNs: '1',
        subject: 'a.b',
        messageType: 't',
        payload,
        isJson: true,
      },
      attempt: 2,
      traceparent: '00-ab-cd-01',
    },
  ]).toString();
  const readUntilData = (event: string): unknown => {
    const body = Buffer.from(event);
    return readConnectorEvent(body, 1, body.indexOf('"data":') + 7);
  };

  it('needs no JSON reader', () => {
    expect(readUntilData(batch)).toEqual({
      id: 's/1',
      source: '/nats/s',
      subject: 'a.b',
      time: '1970-01-01T00:00:00.000000001Z',
      attempt: 2,
      traceContext: { traceparent: '00-ab-cd-01' },
    });
  });

  it.each([
    ['an escape', batch.replace('a.b', String.raw`a\u002eb`)],
    ['a member more', batch.replace('"attempt"', '"x":1,"attempt"')],
    ['a member twice', batch.replace('"subject"', '"id":"other","subject"')],
    ['another order', batch.replace('"specversion":"1.0",', '').replace('"attempt"', '"specversion":"1.0","attempt"')],
    ['a number as id', batch.replace('"s/1"', '1')],
    ['a letter beyond ASCII', batch.replace('a.b', 'é')],
  ])('does with %s', (_name, other) => {
    expect(readUntilData(other)).toBeUndefined();
  });
});
