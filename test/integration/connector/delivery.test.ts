import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';

import { buildHeaders } from '../../../shared/nats/headers.ts';
import { directMessage, startHolding } from '../../support/connector-bench.ts';
import { until } from '../../support/until.ts';
import { useConnectorSuite } from '../../support/connector-suite.ts';
import { ackAll, type ReceivedEvent } from '../../support/scripted-function.ts';
import { natsVariants } from '../../support/test-nats.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const ofState = (events: readonly ReceivedEvent[], state: string): readonly ReceivedEvent[] =>
  events.filter(({ data }) => data?.['state_id'] === state);
const isAscending = (numbers: readonly number[]): boolean =>
  numbers.every((number, index) => index === 0 || numbers[index - 1]! < number);

for (const variant of await natsVariants()) {
  const isNew = !variant.name.includes(' 2.9.');
  describe.skipIf(variant.binary === undefined)(`the connector delivers on ${variant.name}`, () => {
    const suite = useConnectorSuite(variant);

    it('sends a backlog in big batches, in order per key, and acknowledges it', async () => {
      const { bench, target } = await suite.prepare({ limits: { requestTimeoutMs: 30_000 } });
      const count = 3_000;
      await bench.publish(
        Array.from({ length: count }, (_, n) => ({ payload: directMessage(`s${n % 3}`, n), id: `m${n}` })),
      );
      // The first pull may bring a few messages only; while they are held, the rest comes.
      await startHolding(bench, target, 1_000);
      await until('all messages to be acknowledged', () => target.acked.length === count);
      await until('the stream to be empty', async () => (await bench.streamMessages()) === 0);
      for (const state of ['s0', 's1', 's2']) {
        const order = ofState(target.acked, state).map((event) => event.streamsequence);
        expect(order).toHaveLength(count / 3);
        expect(isAscending(order)).toBe(true);
      }
      expect(target.calls.length).toBeLessThan(40);
      expect(new Set(target.calls.map((call) => call.path))).toEqual(new Set(['/function/state-direct']));
    });

    it('fills batches although every one of 64 keys has few messages', async () => {
      const { bench, target } = await suite.prepare({ limits: { requestTimeoutMs: 30_000 } });
      const messages = Array.from({ length: 6_400 }, (_, n) => ({
        payload: directMessage(`s${n % 64}`, n),
        id: `m${n}`,
      }));
      await bench.publish(messages);
      await startHolding(bench, target, 1_000);
      await until('all messages to be acknowledged', () => target.acked.length === 6_400);
      expect(6_400 / target.calls.length).toBeGreaterThan(100);
    });

    it('sends two states in two requests at the same time', async () => {
      const { bench, target } = await suite.prepare();
      target.script = async () => {
        await until('the other request', () => target.calls.length === 2);
        return undefined;
      };
      await bench.start(target.url);
      await bench.publish([{ payload: directMessage('a', 1) }, { payload: directMessage('b', 1) }]);
      await until('both requests', () => target.calls.length === 2);
      expect(target.mostConcurrent).toBe(2);
      expect(target.calls.map(({ events }) => events.length)).toEqual([1, 1]);
    });

    it('has never two requests with the same key under way', async () => {
      const { bench, target } = await suite.prepare();
      const underWay = new Map<string, number>();
      let overlaps = 0;
      target.script = async ({ events }) => {
        const states = new Set(events.map(({ data }) => String(data?.['state_id'])));
        for (const state of states) {
          const now = (underWay.get(state) ?? 0) + 1;
          underWay.set(state, now);
          if (now > 1) overlaps += 1;
        }
        await sleep(Math.random() * 10);
        for (const state of states) underWay.set(state, underWay.get(state)! - 1);
        return undefined;
      };
      await bench.start(target.url);
      for (let round = 0; round < 10; round += 1) {
        const from = round * 50;
        await bench.publish(Array.from({ length: 50 }, (_, n) => ({ payload: directMessage(`s${n % 4}`, from + n) })));
      }
      await until('all messages to be acknowledged', () => target.acked.length === 500);
      expect(overlaps).toBe(0);
    });

    it('holds the later messages of a key while one is retried, and no other key', async () => {
      const { bench, target } = await suite.prepare({ limits: { maxAttempts: 20 } });
      let refusals = 0;
      target.script = ({ events }) => {
        const first = events.findIndex(({ data }) => data?.['bad'] === true && refusals < 6);
        if (first < 0) return undefined;
        refusals += 1;
        // As the functions do: what follows a failure in its key is retried with it.
        const state = events[first]!.data?.['state_id'];
        return {
          outcomes: events.map(({ id, data }, index) =>
            data?.['state_id'] === state && index >= first
              ? { id, outcome: 'retry', code: 'unknown_route', reason: 'not yet' }
              : { id, outcome: 'ack' },
          ),
        };
      };
      await bench.publish([
        ...Array.from({ length: 20 }, (_, n) => ({ payload: directMessage('slow', n, n === 3 ? { bad: true } : {}) })),
        ...Array.from({ length: 20 }, (_, n) => ({ payload: directMessage('quick', n) })),
      ]);
      await bench.start(target.url);
      await until('all messages to be acknowledged', () => target.acked.length === 40);
      expect(refusals).toBe(6);
      const rows = (state: string) => ofState(target.acked, state).map(({ streamsequence }) => streamsequence);
      expect(isAscending(rows('slow'))).toBe(true);
      expect(rows('slow')).toHaveLength(20);
      const lastQuick = target.acked.findLastIndex(({ data }) => data?.['state_id'] === 'quick');
      const lastSlow = target.acked.findLastIndex(({ data }) => data?.['state_id'] === 'slow');
      expect(lastQuick).toBeLessThan(lastSlow);
      expect(await bench.deadLetters()).toEqual([]);
    });

    it('passes on identity, place, time, trace context and the payload’s very bytes', async () => {
      const { bench, target } = await suite.prepare();
      const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
      const payload =
        '{ "type":"query_state_direct", "state_id":"a", "query_state":[{"n": 1.0, "big":12345678901234567890}]}';
      await bench.publish([
        { payload: text(payload), id: 'known', headers: { Traceparent: traceparent, tracestate: 'x=1' } },
      ]);
      const js = bench.nats.jetstream();
      await js.publish('processor.state.sync', text(payload));
      await bench.start(target.url);
      await until('both messages', () => target.acked.length === 2);
      const [first, second] = target.acked;
      expect(first).toMatchObject({
        id: 'processor_state_sync/known',
        source: '/nats/processor_state_sync',
        type: 'ism.query_state_direct',
        subject: 'processor.state.sync',
        traceparent,
        tracestate: 'x=1',
        attempt: 1,
        streamsequence: 1,
      });
      expect(Math.abs(Date.parse(first!.time) - Date.now())).toBeLessThan(60_000);
      expect(second!.id).toMatch(/^processor_state_sync\/2@\d{19}$/);
      expect(second!.traceparent).toBeUndefined();
      expect(target.calls.map(({ body }) => body).join('')).toContain(`"data":${payload}}`);
    });

    it('sends what only Python takes for JSON as base64', async () => {
      const { bench, target } = await suite.prepare();
      const payload = '{"type": "query_state_direct", "state_id": "a", "query_state": [{"n": NaN}]}';
      await bench.publish([{ payload: text(payload) }, { payload: directMessage('a', 1) }]);
      await bench.start(target.url);
      await until('both messages', () => target.acked.length === 2);
      expect(Buffer.from(target.acked[0]!.data_base64!, 'base64').toString()).toBe(payload);
      expect(target.acked[0]!.type).toBe('ism.query_state_direct');
    });

    it('sends each type to its function with the token', async () => {
      const { bench, target } = await suite.prepare();
      const send = (subject: string, message: object) => ({
        stream: subject.replaceAll('.', '_'),
        baseSubject: subject,
        subject,
        payload: text(JSON.stringify(message)),
      });
      await bench.publish([
        send('processor.state.sync', { type: 'query_state_route', route_id: 'r', query_state: [] }),
        send('processor.state.router', { type: 'query_state_route', route_id: 'r' }),
        send('processor.state.router', { type: 'query_processor_entry', processor_id: 'p' }),
        send('processor.state.router', { type: 'query_state_entry', route_id: 'r' }),
      ]);
      await bench.start(target.url, { functionToken: 'secret' });
      await until('all messages', () => target.acked.length === 4);
      const routed = target.calls.flatMap(({ path, events }) => events.map(({ type }) => `${path} ${type}`));
      expect(routed.toSorted()).toEqual([
        '/function/state-entry ism.query_processor_entry',
        '/function/state-entry ism.query_state_entry',
        '/function/state-entry ism.query_state_route',
        '/function/state-route ism.query_state_route',
      ]);
      expect(new Set(target.calls.map(({ headers }) => headers.authorization))).toEqual(new Set(['Bearer secret']));
    });

    it('takes messages below the base subject as well', async () => {
      const { bench, target } = await suite.prepare();
      await bench.publish([{ payload: directMessage('a', 1), subject: 'processor.state.sync.partition.7' }]);
      await bench.start(target.url);
      await until('the message', () => target.acked.length === 1);
    });

    it('reads high and low priority through durables of their own', async () => {
      const { bench, target } = await suite.prepare({
        syncRoute: { concurrentEnabled: true, concurrentPriorityEnabled: true },
      });
      const subjects = ['', '.high', '.high.p1', '.low', '.low.p2'];
      await bench.publish(
        subjects.map((end, n) => ({ payload: directMessage(`s${n}`, n), subject: `processor.state.sync${end}` })),
      );
      await bench.start(target.url);
      await until('all messages', () => target.acked.length === subjects.length);
      const manager = await bench.nats.jetstreamManager({ checkAPI: false });
      const names: string[] = [];
      for await (const consumer of manager.consumers.list('processor_state_sync')) names.push(consumer.name);
      expect(names).toContain('processor_state_sync_high_1');
      expect(names).toContain('processor_state_sync_low_1');
      await until('the stream to be empty', async () => (await bench.streamMessages()) === 0);
    });

    it.runIf(isNew)('goes on with the durables that a server made which knew one filter for each', async () => {
      const { bench, target } = await suite.prepare({
        syncRoute: { concurrentEnabled: true, concurrentPriorityEnabled: true },
      });
      const manager = await bench.nats.jetstreamManager({ checkAPI: false });
      const before = { low: ['', '.low', '.low.>'], high: ['.high', '.high.>'] };
      for (const [name, ends] of Object.entries(before)) {
        for (const [index, end] of ends.entries()) {
          await manager.consumers.add('processor_state_sync', {
            durable_name: `processor_state_sync_${name}_1${index === 0 ? '' : `_${index + 1}`}`,
            ack_policy: 'explicit' as never,
            filter_subject: `processor.state.sync${end}`,
          });
        }
      }
      const subjects = ['', '.low', '.low.p', '.high', '.high.p'].map((end) => `processor.state.sync${end}`);
      await bench.publish(subjects.map((subject, n) => ({ subject, payload: directMessage(`s${n}`, n), id: `u${n}` })));
      await bench.start(target.url);
      await until('all of them', () => target.acked.length === 5);
      expect(target.acked.map(({ subject }) => subject).toSorted()).toEqual(subjects.toSorted());
    });

    it('takes messages whose headers the client would not send itself', async () => {
      const { bench, target } = await suite.prepare();
      await bench.start(target.url);
      const send = (id: string): void => {
        const headers = `NATS/1.0\r\nNats-Msg-Id: ${id}\r\nwith space: 1\r\nnäme: 2\r\nX-Lines: a\nb\r\n\r\n`;
        const payload = Buffer.from(directMessage('a', 0));
        const size = Buffer.byteLength(headers);
        const socket = connect(suite.server.port, '127.0.0.1');
        socket.write('CONNECT {"verbose":false,"headers":true}\r\n');
        socket.write(`HPUB processor.state.sync ${size} ${size + payload.byteLength}\r\n${headers}`);
        socket.end(Buffer.concat([payload, Buffer.from('\r\n')]));
      };
      send('odd');
      await until('the odd one', () => target.acked.length === 1);
      expect(target.acked[0]).toMatchObject({ id: 'processor_state_sync/odd', data: { state_id: 'a' } });
      // And its dead letter has them, as far as they can be sent.
      target.script = ({ events }) => ({
        outcomes: events.map(({ id }) => ({ id, outcome: 'reject', code: 'invalid_query_state', reason: 'no' })),
      });
      send('odder');
      await until('the dead letter', async () => (await bench.deadLetters()).length === 1);
      const [letter] = await bench.deadLetters();
      expect(letter!.info.identity).toBe('processor_state_sync/odder');
      expect(letter!.headers).toContainEqual(['with%20space', ['1']]);
      expect(letter!.headers).toContainEqual(['n%C3%A4me', ['2']]);
      expect(letter!.headers).toContainEqual(['X-Lines', ['a%0Ab']]);
    });

    it('answers management requests through the manage function', async () => {
      const { bench, target } = await suite.prepare({ script: () => ({ status: 200, body: '{"ok":true}' }) });
      await bench.start(target.url, { manageTopic: 'manage_topic', functionToken: 't' });
      const ask = (token: string) =>
        bench.nats.request('manage_topic', '{"command":"status"}', {
          timeout: 5_000,
          headers: buildHeaders([['Authorization', `Bearer ${token}`]]),
        });
      expect((await ask('wrong')).json()).toMatchObject({ error: { code: 'unauthorized' } });
      const bare = await bench.nats.request('manage_topic', '{"command":"status"}', { timeout: 5_000 });
      expect(bare.headers?.get('status')).toBe('401');
      expect(target.calls).toEqual([]);
      expect((await ask('t')).json()).toEqual({ ok: true });
      expect(target.calls[0]).toMatchObject({ path: '/function/manage', body: '{"command":"status"}' });
    });

    it('never holds more than its bounds while a function is slow', async () => {
      const { bench, target } = await suite.prepare({
        limits: { maxInFlightMessages: 200, maxInFlightBytes: 1_200_000, maxBatchMessages: 50 },
      });
      let most = 0;
      const connector = await bench.start(target.url);
      target.script = async ({ events }) => {
        most = Math.max(most, connector.metrics()['held_messages'] ?? 0);
        await sleep(5);
        return { outcomes: ackAll(events) };
      };
      const pad = 'x'.repeat(10_000);
      await bench.publish(Array.from({ length: 600 }, (_, n) => ({ payload: directMessage(`s${n % 5}`, n, { pad }) })));
      await until('all messages', () => target.acked.length === 600);
      expect(most).toBeGreaterThan(10);
      expect(most).toBeLessThanOrEqual(120);
    });

    it('delivers a message that fills the server’s payload limit', async () => {
      const { bench, target } = await suite.prepare();
      const pad = 'x'.repeat(1_048_576 - 400);
      await bench.publish([{ payload: directMessage('a', 1, { pad }) }, { payload: directMessage('a', 2, { pad }) }]);
      await bench.start(target.url);
      await until('both messages', () => target.acked.length === 2);
      expect(target.acked[0]!.data?.['pad']).toBe(pad);
    });
  });
}
