import { describe, expect, it } from 'vitest';

import { directMessage, useFunctions } from '../../support/function-suite.ts';
import { createState, readCount } from '../../support/state-fixture.ts';

const suite = useFunctions();

/** What Knative's broker and channels take for a delivery that failed: a body that is no event. */
const failsInBroker = ({ status, body }: { readonly status: number; readonly body: string | Buffer }): boolean =>
  status < 200 || status > 299 || body.length > 0;

const structured = (id: string, data: string): string =>
  `{"specversion":"1.0","id":"${id}","source":"/broker","type":"ism.test","datacontenttype":"application/json","data":${data}}`;

describe('an event of a Knative broker or channel', () => {
  it.each<[string, (id: string, data: string) => [string, Record<string, string>]]>([
    [
      'structured',
      (id, data) => [structured(id, data), { 'content-type': 'application/cloudevents+json; charset=UTF-8' }],
    ],
    [
      'binary',
      (id, data) => [
        data,
        {
          'content-type': 'application/json',
          'ce-specversion': '1.0',
          'ce-id': id,
          'ce-source': '/broker',
          'ce-type': 'ism.test',
          'ce-knativearrivaltime': '2026-01-02T03:04:05Z',
          prefer: 'reply',
          'kn-namespace': 'default',
        },
      ],
    ],
  ])('%s, is stored once and answered without a body', async (kind, make) => {
    const { database, direct } = suite;
    const { stateId } = await createState(database.pool);
    const [body, headers] = make(`${kind}-1`, directMessage(stateId, [{ a: 1 }]));
    for (let delivery = 0; delivery < 2; delivery += 1) {
      expect(failsInBroker(await direct.postBare(body, headers))).toBe(false);
    }
    expect(await readCount(database.pool, stateId)).toBe(1);
    const [bad, badHeaders] = make(`${kind}-2`, '{"type":"query_state_direct"}');
    expect((await direct.postBare(bad, badHeaders)).status).toBe(422);
  });
});

describe('what OpenFaaS adds to a call', () => {
  it('changes nothing: call ids, callbacks and its own headers', async () => {
    const { database, direct } = suite;
    const { stateId } = await createState(database.pool);
    // A call id may be that of a chain of calls: it does not name the message.
    const headers = {
      'content-type': 'application/json',
      'x-call-id': '6f5c1f0a-0a4b-4a6e-8a55-1f1f1f1f1f1f',
      'x-callback-url': 'http://gateway.openfaas:8080/function/receive',
      'x-start-time': '1700000000000000000',
      'x-duration-seconds': '0.1',
      'x-forwarded-host': 'gateway.openfaas:8080',
      'x-forwarded-for': '10.0.0.1',
      'x-openfaas-eula': 'ce',
      'x-openfaas-internal': 'proxy',
    };
    for (let call = 1; call <= 2; call += 1) {
      const reply = await direct.postBare(directMessage(stateId, [{ a: call }]), headers);
      // The queue worker posts this body to the callback.
      expect(reply).toMatchObject({ status: 200, body: expect.stringContaining('"outcome":"ack"') as unknown });
    }
    expect(await readCount(database.pool, stateId)).toBe(2);
  });
});
