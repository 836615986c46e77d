import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createMetrics, type ConnectorMetrics } from '../../../infra/connector/telemetry/metrics.ts';
import { directMessage } from '../../support/connector-bench.ts';
import { until } from '../../support/until.ts';
import { useConnectorSuite } from '../../support/connector-suite.ts';
import { natsVariants } from '../../support/test-nats.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const deadLetterStream = 'state_sync_dead_letter';

for (const variant of await natsVariants()) {
  describe.skipIf(variant.binary === undefined)(`the connector dead-letters on ${variant.name}`, () => {
    const suite = useConnectorSuite(variant);

    it('what no function can read, each with its code, and stores the neighbours', async () => {
      const { bench, target } = await suite.prepare();
      const bad: Readonly<Record<string, string>> = {
        invalid_json: '{"type": "query_state_direct", ',
        invalid_envelope: '[1, 2]',
        missing_type: '{"state_id": "a"}',
        unknown_type: '{"type": "query_nothing", "state_id": "a"}',
        missing_state_id: '{"type": "query_state_direct", "state_id": null, "query_state": [{}]}',
        missing_route_id: '{"type": "query_state_route", "query_state": [{}]}',
      };
      await bench.publish([
        ...Object.entries(bad).map(([id, payload]) => ({ payload: text(payload), id })),
        { payload: text(''), id: 'invalid_json-empty' },
        { payload: new Uint8Array([0x22, 0xff, 0x22]), id: 'invalid_json-bytes' },
        { payload: text(`{"type":"query_state_direct","x":${'['.repeat(200_000)}`), id: 'nesting_too_deep' },
        ...Array.from({ length: 10 }, (_, n) => ({ payload: directMessage('a', n) })),
      ]);
      await bench.start(target.url);
      await until('the neighbours', () => target.acked.length === 10);
      await until('the dead letters', async () => (await bench.deadLetters()).length === 9);
      const letters = await bench.deadLetters();
      for (const { info, payload } of letters) {
        const name = info.identity.replace('processor_state_sync/', '');
        if (name !== 'nesting_too_deep') expect(name.startsWith(info.code)).toBe(true);
        if (bad[name] !== undefined) expect(payload).toBe(bad[name]);
        expect(info.reason).not.toBe('');
      }
      await until('the stream to be empty', async () => (await bench.streamMessages()) === 0);
    });

    it('with the original bytes and headers, the reason, and where the message came from', async () => {
      const { bench, target } = await suite.prepare();
      const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
      const payload = '{ "type":"query_state_direct", "state_id":"a", "x": 1.0, "é": "\\u00e9" }';
      target.script = ({ events }) => ({
        outcomes: events.map(({ id }) => ({ id, outcome: 'reject', code: 'invalid_query_state', reason: 'no\nrows' })),
      });
      await bench.publish([
        { payload: directMessage('x', 0), id: 'other' },
        { payload: text(payload), id: 'p-1', headers: { Traceparent: traceparent, 'X-Many': ['one', 'two'] } },
      ]);
      await bench.start(target.url);
      await until('the dead letters', async () => (await bench.deadLetters()).length === 2);
      const letter = (await bench.deadLetters()).find(({ info }) => info.identity.endsWith('p-1'));
      expect(letter).toMatchObject({ payload, subject: 'state_sync.dead_letter' });
      expect(letter!.info).toMatchObject({
        code: 'invalid_query_state',
        reason: 'no rows',
        identity: 'processor_state_sync/p-1',
        stream: 'processor_state_sync',
        subject: 'processor.state.sync',
        sequence: 2,
        deliveryCount: 1,
        messageId: 'p-1',
      });
      expect(letter!.headers).toContainEqual(['Traceparent', [traceparent]]);
      expect(letter!.headers).toContainEqual(['X-Many', ['one', 'two']]);
      expect(letter!.headers).toContainEqual([
        'Nats-Msg-Id',
        [expect.stringMatching(/^dead\/processor_state_sync\/2@\d{19}$/)],
      ]);
    });

    it('each of two messages that share an id', async () => {
      const { bench, target } = await suite.prepare();
      target.script = ({ events }) => ({
        outcomes: events.map(({ id }) => ({ id, outcome: 'reject', code: 'invalid_query_state', reason: 'no rows' })),
      });
      await bench.publish([{ payload: directMessage('a', 0), id: 'same' }]);
      // The second one comes after the stream's window.
      const { streams } = await bench.nats.jetstreamManager();
      await streams.update('processor_state_sync', { duplicate_window: 100 * 1_000_000 });
      await sleep(400);
      await bench.publish([{ payload: directMessage('a', 1), id: 'same' }]);
      await bench.start(target.url);
      await until('both dead letters', async () => (await bench.deadLetters()).length === 2);
      const letters = await bench.deadLetters();
      expect(letters.map(({ info }) => [info.identity, info.sequence])).toEqual([
        ['processor_state_sync/same', 1],
        ['processor_state_sync/same', 2],
      ]);
    });

    it('a message that leaves no room for its reasons, byte for byte', async () => {
      const { bench, target } = await suite.prepare();
      target.script = ({ events }) => ({
        outcomes: events.map(({ id }) => ({ id, outcome: 'reject', code: 'too_many_rows', reason: 'x'.repeat(900) })),
      });
      const payload = directMessage('a', 1, { pad: 'y'.repeat(1_048_576 - 200) });
      await bench.publish([{ payload }]);
      await bench.start(target.url);
      await until('the dead letter', async () => (await bench.deadLetters()).length === 1);
      expect((await bench.deadLetters())[0]!.payload).toBe(new TextDecoder().decode(payload));
    });

    it('C5: only once the dead letter is stored: until then the message stays and is kept alive', async () => {
      const { bench, target } = await suite.prepare({ syncRoute: { ackWaitSeconds: 1 } });
      const manager = await bench.nats.jetstreamManager({ checkAPI: false });
      // A stream that takes nothing: full, and told to refuse the newest.
      await manager.streams.add({
        name: deadLetterStream,
        subjects: ['state_sync.dead_letter', 'state_sync.dead_letter.>'],
        max_msgs: 1,
        discard: 'new' as never,
      });
      await bench.nats.jetstream().publish('state_sync.dead_letter', 'fills it');
      target.script = ({ events }) => ({
        outcomes: events.map(({ id, data }) =>
          data?.['bad'] === true
            ? { id, outcome: 'reject', code: 'empty_row', reason: 'empty' }
            : { id, outcome: 'ack' },
        ),
      });
      const connector = await bench.start(target.url);
      await bench.publish([
        { payload: directMessage('a', 1, { bad: true }), id: 'bad' },
        { payload: directMessage('a', 2) },
        { payload: directMessage('b', 3) },
      ]);
      await until('the neighbours', () => target.acked.length === 2);
      await until('failures to store it', () => (connector.metrics()['dead_letter_failures'] ?? 0) >= 2);
      await sleep(1_500);
      expect(await bench.streamMessages()).toBe(1);
      // The ack wait has passed more than once, and the message came once.
      expect(connector.metrics()['received{processor_state_sync}']).toBe(3);
      await manager.streams.update(deadLetterStream, { max_msgs: 10 });
      await until('the dead letter', async () => (await bench.streamMessages(deadLetterStream)) === 2);
      await until('the stream to be empty', async () => (await bench.streamMessages()) === 0);
      // A server may remember the id of what it refused: then a repeat under the same id would be taken for stored.
      const { header } = await manager.streams.getMessage(deadLetterStream, { last_by_subj: 'state_sync.dead_letter' });
      expect(header.get('Nats-Msg-Id')).toMatch(/^dead\/processor_state_sync\/1@\d+\/([2-9]|\d\d)$/);
    });

    it('a message that the connector itself fails at, and goes on pulling', async () => {
      // Every message is the last one of its pull.
      const { bench, target } = await suite.prepare({ limits: { maxInFlightMessages: 1 } });
      const counted = createMetrics();
      let isBroken = true;
      const metrics: ConnectorMetrics = {
        ...counted,
        add: (name, ...rest) => {
          if (name === 'received' && isBroken) {
            isBroken = false;
            throw new TypeError('what it read: secret');
          }
          counted.add(name, ...rest);
        },
      };
      await bench.publish(Array.from({ length: 5 }, (_, n) => ({ payload: directMessage('a', n), id: `m${n}` })));
      const connector = await bench.start(target.url, { metrics });
      await until('the others', () => target.acked.length === 4);
      await until('the dead letter', async () => (await bench.deadLetters()).length === 1);
      expect((await bench.deadLetters())[0]!.info).toMatchObject({
        code: 'internal_error',
        reason: 'the connector failed at the message (TypeError); see its log',
        identity: 'processor_state_sync/m0',
      });
      await until('the stream to be empty', async () => (await bench.streamMessages()) === 0);
      expect(connector.isReady()).toBe(true);
    });

    it('and tells the monitor that the route has failed', async () => {
      const { bench, target } = await suite.prepare();
      target.script = ({ events }) => ({
        outcomes: events.map(({ id }) => ({ id, outcome: 'reject', code: 'empty_row', reason: 'é "empty"' })),
      });
      const statuses: string[] = [];
      bench.nats.subscribe('processor.monitor', {
        callback: (_error, message) => void statuses.push(message.string()),
      });
      await bench.start(target.url);
      await bench.publish([
        { payload: text('{"type":"query_state_route","route_id":"r:1","query_state":[{}]}') },
        { payload: directMessage('a', 1) },
      ]);
      await until('both statuses', () => statuses.length === 2);
      expect(statuses.toSorted()).toEqual([
        '{"type": "processor_state", "route_id": "r:1", "status": "FAILED", "exception": "\\u00e9 \\"empty\\"", "data": null}',
        '{"type": "processor_state", "route_id": null, "status": "FAILED", "exception": "\\u00e9 \\"empty\\"", "data": null}',
      ]);
    });

    it('before the server’s own limit of deliveries is used up', async () => {
      const { bench, target } = await suite.prepare();
      const manager = await bench.nats.jetstreamManager({ checkAPI: false });
      await manager.consumers.add('processor_state_sync', {
        durable_name: 'processor_state_sync_sub_1',
        ack_policy: 'explicit' as never,
        ack_wait: 5_000_000_000,
        max_deliver: 1,
      });
      target.script = ({ events }) => ({
        outcomes: events.map(({ id }) => ({ id, outcome: 'retry', code: 'unknown_state', reason: 'unknown' })),
      });
      await bench.publish([{ payload: directMessage('a', 1) }]);
      await bench.start(target.url);
      await until('the dead letter', async () => (await bench.deadLetters()).length === 1);
      expect(target.calls).toHaveLength(1);
      expect((await bench.deadLetters())[0]!.info.code).toBe('unknown_state');
    });
  });
}
