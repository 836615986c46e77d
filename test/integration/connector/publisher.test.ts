import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectNats, type NatsConnection } from '../../../shared/nats/connect.ts';
import { ensureStream } from '../../../shared/nats/ensure-stream.ts';
import { createJetStreamPublisher } from '../../../shared/nats/jetstream-publisher.ts';
import type { OutgoingMessage } from '../../../shared/message/outgoing-message.ts';
import { until } from '../../support/until.ts';
import { natsVariants, startTestNats, type TestNatsServer } from '../../support/test-nats.ts';

const message = (stream: string, id: string, more: Partial<OutgoingMessage> = {}): OutgoingMessage => ({
  stream,
  baseSubject: stream,
  subject: stream,
  payload: new TextEncoder().encode(id),
  id,
  ...more,
});

const many = (stream: string, count: number): OutgoingMessage[] =>
  Array.from({ length: count }, (_, n) => message(stream, `m${n}`));

for (const variant of await natsVariants()) {
  describe.skipIf(variant.binary === undefined)(`the publisher on ${variant.name}`, () => {
    let server: TestNatsServer;
    let nats: NatsConnection;
    const manager = () => nats.jetstreamManager({ checkAPI: false });

    beforeAll(async () => {
      server = await startTestNats({ binary: variant.binary! });
      nats = await connectNats({ url: server.url, name: 'test' });
    });
    afterAll(async () => {
      await nats.close();
      await server.close();
    });

    it('makes the missing stream as a work queue on file storage with the subject and all below it', async () => {
      const publisher = createJetStreamPublisher(nats);
      const outcomes = await publisher.publish([
        ...many('made', 50),
        message('made', 'below', { subject: 'made.high.7' }),
      ]);
      expect(outcomes.every(({ ok }) => ok)).toBe(true);
      const { config, state } = await (await manager()).streams.info('made');
      expect(config).toMatchObject({ subjects: ['made', 'made.>'], retention: 'workqueue', storage: 'file' });
      expect(state.messages).toBe(51);
      await publisher.close();
    });

    it('makes the missing stream although a core subscriber hears the subject, and one that answers is no stream', async () => {
      const hear = nats.subscribe('heard.>', { callback: () => undefined });
      const answer = nats.subscribe('answered', {
        callback: (_error, heard) => void heard.respond(new TextEncoder().encode('{"ok":true}')),
      });
      await nats.flush();
      const publisher = createJetStreamPublisher(nats);
      const outcomes = await publisher.publish([
        ...many('heard', 3).map((one) => ({ ...one, subject: 'heard.low.x' })),
        ...many('answered', 3),
      ]);
      expect(outcomes).toEqual(outcomes.map(() => expect.objectContaining({ ok: true, duplicate: false })));
      for (const stream of ['heard', 'answered']) {
        expect((await (await manager()).streams.info(stream)).state.messages).toBe(3);
      }
      hear.unsubscribe();
      answer.unsubscribe();
      await publisher.close();
    });

    it('answers in the order given and tells duplicates', async () => {
      const publisher = createJetStreamPublisher(nats, { windowMessages: 7 });
      const first = await publisher.publish(many('twice', 100));
      expect(first.map((outcome) => outcome.ok && outcome.sequence)).toEqual(
        Array.from({ length: 100 }, (_, n) => n + 1),
      );
      const second = await publisher.publish(many('twice', 100));
      expect(second.every((outcome) => outcome.ok && outcome.duplicate)).toBe(true);
      expect((await (await manager()).streams.info('twice')).state.messages).toBe(100);
      await publisher.close();
    });

    it('does not take for stored what a stream with copies only works on: a repeat that it confirms without a place', async () => {
      // What a cluster of 2.10 answers between a proposal and its commit.
      const answer = nats.subscribe('proposed', {
        callback: (_error, heard) =>
          void heard.respond(new TextEncoder().encode('{"stream":"proposed","seq":0,"duplicate": true}')),
      });
      await nats.flush();
      const publisher = createJetStreamPublisher(nats);
      const [outcome] = await publisher.publish(many('proposed', 1));
      expect(outcome).toMatchObject({ ok: false, error: { code: 'publish_failed' } });
      answer.unsubscribe();
      await publisher.close();
    });

    it('says of each message what is wrong with it, and sends the others', async () => {
      const publisher = createJetStreamPublisher(nats);
      const limit = await publisher.maxPayloadBytes();
      expect(limit).toBe(1_048_576);
      // Header block: "NATS/1.0" "\r\nNats-Msg-Id: fits" "\r\n\r\n".
      const room = limit - (8 + 2 + 'Nats-Msg-Id: fits'.length + 4);
      const outcomes = await publisher.publish([
        message('mixed', 'a'),
        message('mixed', 'blank', { subject: 'mixed.a b' }),
        message('mixed', 'wildcard', { subject: 'mixed.*' }),
        message('mixed', 'empty', { subject: 'mixed..x' }),
        message('mixed', 'fits', { payload: new Uint8Array(room) }),
        message('mixed', 'over', { payload: new Uint8Array(room + 1) }),
        message('mixed', 'z'),
      ]);
      expect(outcomes.map((outcome) => (outcome.ok ? 'ok' : (outcome.error as { code?: string }).code))).toEqual([
        'ok',
        'invalid_subject',
        'invalid_subject',
        'invalid_subject',
        'ok',
        'forward_too_large',
        'ok',
      ]);
      await publisher.close();
    });

    it('sends what was not confirmed again after a server was killed, each message stored once', async () => {
      const publisher = createJetStreamPublisher(nats, { ackTimeoutMs: 2_000, attempts: 8 });
      await ensureStream(nats, { stream: 'killed', baseSubject: 'killed', retention: 'limits' });
      const publishing = publisher.publish(many('killed', 4_000));
      await sleep(15);
      await server.kill('SIGKILL');
      await server.restart();
      const outcomes = await publishing;
      expect(outcomes.every(({ ok }) => ok)).toBe(true);
      // A request of this client's own may be lost while it connects again.
      let stored = 0;
      await until(
        'the stream',
        async () => (stored = (await (await manager()).streams.info('killed')).state.messages) > 0,
      );
      expect(stored).toBe(4_000);
      await publisher.close();
    });

    it('reports a stream that takes no more, and a stream that cannot be made', async () => {
      const publisher = createJetStreamPublisher(nats, { attempts: 2, ackTimeoutMs: 500 });
      await (await manager()).streams.add({ name: 'full', subjects: ['full'], max_msgs: 1, discard: 'new' as never });
      const outcomes = await publisher.publish([message('full', 'a'), message('full', 'b')]);
      expect(outcomes[0]!.ok).toBe(true);
      expect(outcomes[1]).toMatchObject({ ok: false, error: { code: 'publish_failed' } });
      const [elsewhere] = await publisher.publish([message('other', 'a', { subject: 'nowhere', baseSubject: 'full' })]);
      expect(elsewhere).toMatchObject({ ok: false, error: { code: 'publish_failed' } });
      await publisher.close();
    });

    it('widens the subjects of a stream and keeps all of its other settings', async () => {
      const streams = (await manager()).streams;
      await streams.add({
        name: 'narrow',
        subjects: ['narrow', 'narrow.other'],
        retention: 'limits' as never,
        max_msgs: 77,
        max_age: 3_600_000_000_000,
        duplicate_window: 5_000_000_000,
        description: 'mine',
      });
      await ensureStream(nats, { stream: 'narrow', baseSubject: 'narrow' });
      const { config } = await streams.info('narrow');
      expect(config.subjects?.toSorted()).toEqual(['narrow', 'narrow.>']);
      expect(config).toMatchObject({
        retention: 'limits',
        max_msgs: 77,
        max_age: 3_600_000_000_000,
        duplicate_window: 5_000_000_000,
        description: 'mine',
      });
      await ensureStream(nats, { stream: 'narrow', baseSubject: 'wide' });
      expect((await streams.info('narrow')).config.subjects).toHaveLength(4);
    });

    it('may be asked for the same stream by many at the same time', async () => {
      const made = await Promise.all(
        Array.from({ length: 8 }, () => ensureStream(nats, { stream: 'raced', baseSubject: 'raced' })),
      );
      expect(new Set(made.map(({ config }) => config.name))).toEqual(new Set(['raced']));
    });

    it('fails what is left when it is closed', async () => {
      const publisher = createJetStreamPublisher(nats);
      await publisher.close();
      const [outcome] = await publisher.publish([message('made', 'late')]);
      expect(outcome).toMatchObject({ ok: false, error: { code: 'nats_unavailable' } });
    });
  });
}
