import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildDeadLetterHeaders, type HeaderEntry } from '../../../shared/message/dead-letter.ts';
import { deadLetterIdOf, storedKey } from '../../../infra/connector/intake/received-message.ts';
import { standsFor } from '../../../shared/message/replay.ts';
import { connectNats, type NatsConnection } from '../../../shared/nats/connect.ts';
import { fitDeadLetter } from '../../../shared/nats/dead-letter-body.ts';
import { ensureStream } from '../../../shared/nats/ensure-stream.ts';
import { buildHeaders, headerEntries, headerValue } from '../../../shared/nats/headers.ts';
import { startManageApp, testToken, type ManageApp } from '../../support/manage-app.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';
import { natsVariants, startTestNats, type TestNatsServer } from '../../support/test-nats.ts';

const deadStream = 'state_sync_dead_letter';
const subject = 'processor.state.sync';
const traceId = '0af7651916cd43dd8448eb211c80319c';

interface Listed {
  readonly total: number;
  readonly next: number | null;
  readonly letters: readonly Readonly<Record<string, unknown>>[];
}

interface Grouped {
  readonly total: number;
  readonly groups: readonly { readonly code: string; readonly stateId: string | null; readonly count: number }[];
}

interface Replayed {
  readonly replayed: number;
  readonly failures: number;
  readonly failed: readonly { readonly sequence: number; readonly code: string }[];
  readonly next: number | null;
  readonly until: number | null;
}

for (const variant of await natsVariants()) {
  describe.skipIf(variant.binary === undefined)(`dead letters on ${variant.name}`, () => {
    let server: TestNatsServer;
    let connection: NatsConnection;
    let manage: ManageApp;

    const jetstream = () => connection.jetstream();
    const manager = () => connection.jetstreamManager();

    /** A dead letter as the connector writes it. */
    const bury = async (
      payload: string | Uint8Array,
      options: {
        readonly code?: string;
        readonly messageId?: string;
        readonly identity?: string;
        readonly headers?: readonly HeaderEntry[];
        readonly stream?: string;
      } = {},
    ): Promise<number> => {
      const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : payload;
      const { code = 'unknown_state', stream = 'processor_state_sync' } = options;
      const entries = buildDeadLetterHeaders(options.headers ?? [], {
        code,
        reason: `because of ${code}`,
        time: '2026-01-02T03:04:05.678Z',
        identity: options.identity ?? `${stream}/${options.messageId ?? '7@123'}`,
        stream,
        subject,
        sequence: 7,
        timestampNs: '1700000000123456789',
        deliveryCount: 1,
        attempts: 10,
        messageId: options.messageId,
      });
      const letter = fitDeadLetter({ headers: entries, payload: bytes }, connection.info?.max_payload ?? 0);
      const ack = await jetstream().publish('state_sync.dead_letter', letter.payload, {
        headers: buildHeaders(letter.headers),
      });
      return ack.seq;
    };

    /** What the sync stream holds now, oldest first. */
    const replayedMessages = async () => {
      const streams = (await manager()).streams;
      const { state } = await streams.info('processor_state_sync');
      const messages = [];
      for (let seq = state.first_seq; seq <= state.last_seq && state.messages > 0; seq += 1) {
        messages.push(await streams.getMessage('processor_state_sync', { seq }));
      }
      return messages;
    };

    // A server for each test: a stream of the same name can find messages of the one that was deleted just before.
    beforeEach(async () => {
      server = await startTestNats({ binary: variant.binary! });
      connection = await connectNats({ url: server.url, name: 'test' });
      // Nothing listens there: dead letters need no database.
      manage = await startManageApp({
        natsUrl: server.url,
        databaseUrl: 'postgresql://nobody:nothing@127.0.0.1:1/none',
        env: { JAEGER_UI_URL: 'http://jaeger.example:16686/' },
      });
      await ensureStream(connection, { stream: 'processor_state_sync', baseSubject: subject });
      await ensureStream(connection, {
        stream: deadStream,
        baseSubject: 'state_sync.dead_letter',
        retention: 'limits',
      });
    });

    afterEach(async () => {
      await manage.close();
      await connection.close();
      await server.close();
    });

    it('says that there are none if the stream was never made', async () => {
      await (await manager()).streams.delete(deadStream);
      expect(await manage.result({ command: 'dead.list' })).toEqual({
        total: 0,
        lastSequence: 0,
        letters: [],
        next: null,
      });
      expect(await manage.result({ command: 'dead.replay', all: true })).toMatchObject({ replayed: 0, next: null });
      expect(await manage.result({ command: 'dead.purge', all: true })).toMatchObject({ purged: 0 });
    });

    it('lists the newest first with code, reason, ids and trace', async () => {
      await bury('{"type":"query_state_direct","state_id":"s-1","query_state":[]}', {
        messageId: 'm-1',
        headers: [['Traceparent', [`00-${traceId}-b7ad6b7169203331-01`]]],
      });
      await bury('not json', { code: 'invalid_json' });
      const { total, letters, next } = await manage.result<Listed>({ command: 'dead.list' });
      expect({ total, next }).toEqual({ total: 2, next: null });
      expect(letters.map(({ code }) => code)).toEqual(['invalid_json', 'unknown_state']);
      expect(letters[1]).toMatchObject({
        sequence: 1,
        reason: 'because of unknown_state',
        time: '2026-01-02T03:04:05.678Z',
        stream: 'processor_state_sync',
        subject,
        streamSequence: 7,
        identity: 'processor_state_sync/m-1',
        messageId: 'm-1',
        type: 'query_state_direct',
        stateId: 's-1',
        routeId: null,
        traceId,
        traceUrl: `http://jaeger.example:16686/trace/${traceId}`,
      });
    });

    it('pages without losing or repeating one, across holes', async () => {
      for (let index = 1; index <= 60; index += 1) await bury(`{"n":${index}}`, { messageId: `m-${index}` });
      const { streams } = await manager();
      const gone = new Set([1, 2, 59, 60, ...Array.from({ length: 40 }, (_, index) => index + 10)]);
      for (const sequence of gone) await streams.deleteMessage(deadStream, sequence);
      const seen: number[] = [];
      let before: number | null | undefined;
      do {
        const page: Listed = await manage.result<Listed>({
          command: 'dead.list',
          limit: 4,
          ...(before ? { before } : {}),
        });
        seen.push(...page.letters.map(({ sequence }) => Number(sequence)));
        expect(page.letters.length).toBeLessThanOrEqual(4);
        before = page.next;
      } while (before !== null);
      const expected = Array.from({ length: 60 }, (_, index) => 60 - index).filter((sequence) => !gone.has(sequence));
      expect(seen).toEqual(expected);
    });

    it('filters by code, stream, state and route', async () => {
      await bury('{"state_id":"s-1"}', { code: 'unknown_state' });
      await bury('{"route_id":"r-1"}', { code: 'unknown_route' });
      await bury('{"state_id":"s-2"}', { code: 'unknown_state', stream: 'other' });
      const found = async (filter: Record<string, string>) =>
        (await manage.result<Listed>({ command: 'dead.list', ...filter })).letters.map(({ sequence }) => sequence);
      expect(await found({ code: 'unknown_state' })).toEqual([3, 1]);
      expect(await found({ stream: 'other' })).toEqual([3]);
      expect(await found({ state_id: 's-1' })).toEqual([1]);
      expect(await found({ route_id: 'r-1' })).toEqual([2]);
      expect(await found({ code: 'unknown_state', state_id: 's-2' })).toEqual([3]);
      expect(await found({ code: 'nothing' })).toEqual([]);
    });

    it('shows headers and payload, as base64 if it is no text, and cut if it is long', async () => {
      await bury('{"a":"ü"}', { headers: [['X-Kind', ['one', 'two']]] });
      await bury(new Uint8Array([0xff, 0xfe, 0x00]));
      await bury('é'.repeat(200_000));
      expect(await manage.result({ command: 'dead.show', sequence: 1 })).toMatchObject({
        payload: '{"a":"ü"}',
        payloadEncoding: 'utf8',
        payloadIsCut: false,
        headers: expect.arrayContaining([
          ['X-Kind', 'one'],
          ['X-Kind', 'two'],
          ['dead-letter-code', 'unknown_state'],
        ]) as unknown,
      });
      expect(await manage.result({ command: 'dead.show', sequence: 2 })).toMatchObject({
        payload: '//4A',
        payloadEncoding: 'base64',
      });
      const long = await manage.result<{ payload: string; payloadIsCut: boolean; bytes: number }>({
        command: 'dead.show',
        sequence: 3,
      });
      expect(long).toMatchObject({ payloadIsCut: true, bytes: 400_000 });
      expect(long.payload).toBe('é'.repeat(131_072));
      expect(await manage.command({ command: 'dead.show', sequence: 99 })).toMatchObject({
        status: 404,
        body: { error: { code: 'not_found' } },
      });
    });

    it('replays bytes, headers and subject as they were, under the original delivery identity and time', async () => {
      const payload = '{"type": "query_state_direct",  "n": 1e2, "big": 12345678901234567890}';
      await bury(payload, { messageId: 'm-1', headers: [['X-Kind', ['one', 'two']]] });
      expect(await manage.result<Replayed>({ command: 'dead.replay', sequence: 1 })).toMatchObject({
        replayed: 1,
        failures: 0,
      });
      const [message] = await replayedMessages();
      expect(new TextDecoder().decode(message?.data)).toBe(payload);
      expect(message?.subject).toBe(subject);
      expect(message?.header.values('X-Kind')).toEqual(['one', 'two']);
      const names = headerEntries(message?.header).map(([name]) => name.toLowerCase());
      expect(names.filter((name) => name.startsWith('dead-letter-'))).toEqual([]);
      const delivery = standsFor(
        {
          stream: 'processor_state_sync',
          sequence: message?.seq ?? 0,
          timestampNs: '9',
          messageId: message?.header.get('Nats-Msg-Id'),
        },
        (name) => headerValue(message?.header, name),
        { token: testToken, payload: message?.data ?? new Uint8Array() },
      );
      expect(delivery.id).toBe('processor_state_sync/m-1');
      expect(delivery.timestampNs).toBe('1700000000123456789');
      expect((await manage.result<Listed>({ command: 'dead.list' })).total).toBe(0);
    });

    it('is not swallowed by the dedupe window that still knows the original message', async () => {
      await jetstream().publish(subject, '{}', { msgID: 'm-1' });
      await (await manager()).streams.purge('processor_state_sync');
      await bury('{}', { messageId: 'm-1' });
      await manage.result({ command: 'dead.replay', sequence: 1 });
      expect(await replayedMessages()).toHaveLength(1);
    });

    it('sends nothing twice if it died between the confirmation and the removal', async () => {
      await bury('{}', { messageId: 'm-1' });
      await manage.result({ command: 'dead.replay', sequence: 1 });
      const before = await replayedMessages();
      // What a crash leaves behind: the message was confirmed, the letter is still there under its sequence.
      const replay = before[0];
      const again = await jetstream().publish(subject, replay?.data, { headers: replay!.header });
      expect(again.duplicate).toBe(true);
      expect(await replayedMessages()).toHaveLength(1);
    });

    it('are grouped by code, state and reason, the largest group first, also of those that came since', async () => {
      const named = (state: string): string => JSON.stringify({ type: 'query_state_direct', state_id: state });
      for (let index = 0; index < 3; index += 1) await bury(named('one'), { messageId: `one-${index}` });
      const last = await bury(named('two'), { messageId: 'two' });
      await bury('{', { code: 'invalid_json', messageId: 'three' });
      const all = await manage.result<Grouped>({ command: 'dead.groups' });
      expect(all).toMatchObject({ total: 5, scanned: 5, isComplete: true, others: 0 });
      expect(all.groups.map(({ code, stateId, count }) => [code, stateId, count])).toEqual([
        ['unknown_state', 'one', 3],
        ['invalid_json', null, 1],
        ['unknown_state', 'two', 1],
      ]);
      expect(all.groups[0]).toMatchObject({ reason: 'because of unknown_state', lastSequence: 3 });
      const since = await manage.result<Grouped>({ command: 'dead.groups', after: last });
      expect(since.groups.map(({ code, count }) => [code, count])).toEqual([['invalid_json', 1]]);
    });

    it.each([
      [{ reason: 'because of invalid_json' }, [2]],
      [{ reason: 'because of' }, []],
      [{ text: '"order":17' }, [3]],
      [{ text: 'ünïcode' }, [1]],
      [{ from: '2026-01-02T03:04:05.678Z' }, [3, 2, 1]],
      [{ from: '2026-01-02T03:04:05.679Z' }, []],
      [{ to: '2026-01-02T03:04:05.678Z' }, []],
      [{ to: '2026-01-03' }, [3, 2, 1]],
    ])('are found by %j', async (filter, expected) => {
      await bury('{"name":"ünïcode"}', { messageId: 'a' });
      await bury('{', { messageId: 'b', code: 'invalid_json' });
      await bury('{"order":17}', { messageId: 'c' });
      const { letters } = await manage.result<Listed>({ command: 'dead.list', ...filter });
      expect(letters.map(({ sequence }) => sequence)).toEqual(expected);
    });

    it('are not looked for by a time that is none', async () => {
      expect(await manage.command({ command: 'dead.list', from: 'yesterday' })).toMatchObject({
        status: 400,
        body: { error: { code: 'invalid_arguments' } },
      });
    });

    it('stay, and nothing is sent, if their old content cannot be kept', async () => {
      await bury('{"a":', { messageId: 'm-1', code: 'invalid_json' });
      expect(await manage.command({ command: 'dead.edit', sequence: 1, payload: '{}' })).toMatchObject({
        status: 503,
        body: { error: { code: 'database_unavailable' } },
      });
      expect(await manage.result<Listed>({ command: 'dead.list' })).toMatchObject({ total: 1 });
      expect(await replayedMessages()).toEqual([]);
    });

    describe('that are edited', () => {
      let database: TestDatabase;
      let editor: ManageApp;
      beforeEach(async () => {
        database = await startTestDatabase();
        editor = await startManageApp({ natsUrl: server.url, databaseUrl: database.url });
      });
      afterEach(async () => {
        await editor?.close();
        await database?.stop();
      });

      it('are sent with other content as a message of their own, which names the old one', async () => {
        await bury('{"a":', { messageId: 'm-1', code: 'invalid_json', headers: [['x-own', ['kept']]] });
        const payload = '{\n  "a": 1\n}';
        const edit = { command: 'dead.edit', sequence: 1, payload };
        expect(await editor.result(edit)).toEqual({ replayed: 1, failed: [] });
        const [message] = await replayedMessages();
        expect(new TextDecoder().decode(message?.data)).toBe(payload);
        expect(headerValue(message?.header, 'x-own')).toBe('kept');
        expect(headerValue(message?.header, 'ism-edited-from')).toBe('processor_state_sync/m-1');
        const position = { stream: 'processor_state_sync', sequence: 1, timestampNs: '9' };
        const own = standsFor({ ...position, messageId: message?.header.get('Nats-Msg-Id') }, (name) =>
          headerValue(message?.header, name),
        );
        expect(own.id).not.toBe('processor_state_sync/m-1');
        expect(await editor.result<Listed>({ command: 'dead.list' })).toMatchObject({ total: 0 });
        expect(await editor.command(edit)).toMatchObject({ status: 404 });

        // Both contents are kept, and each message leads to the other.
        const kept = {
          identity: own.id,
          editedFrom: 'processor_state_sync/m-1',
          sequence: 1,
          code: 'invalid_json',
          before: '{"a":',
          after: payload,
        };
        for (const id of [own.id, 'processor_state_sync/m-1', 'm-1']) {
          expect(await editor.result({ command: 'message.trace', id })).toMatchObject({ edits: [kept] });
        }
        expect(await editor.result({ command: 'message.trace', sequence: 1 })).toMatchObject({ edits: [kept] });
        // Whoever kept the old one's number is told where it went.
        const reason: unknown = expect.stringContaining(`sent again as ${own.id}`);
        expect(await editor.command({ command: 'dead.show', sequence: 1 })).toMatchObject({
          body: { error: { reason } },
        });
        await bury(payload, { messageId: message?.header.get('Nats-Msg-Id') ?? '' });
        expect(await editor.result({ command: 'dead.show', sequence: 2 })).toMatchObject({ edits: [kept] });
      });
    });

    it('stay if their edited content cannot be sent', async () => {
      await bury('{', { stream: 'nowhere', messageId: 'm-1' });
      expect(await manage.result({ command: 'dead.edit', sequence: 1, payload: '{}' })).toMatchObject({
        replayed: 0,
        failed: [{ code: 'unknown_stream' }],
      });
      expect(await manage.result<Listed>({ command: 'dead.list' })).toMatchObject({ total: 1 });
    });

    it('gives a replay that fails again a dead letter of its own, at once', async () => {
      await bury('{}', { messageId: 'm-1' });
      await manage.result({ command: 'dead.replay', sequence: 1 });
      const [message] = await replayedMessages();
      const position = { stream: 'processor_state_sync', sequence: 1, timestampNs: '9' };
      const original = standsFor({ ...position, sequence: 7, messageId: 'm-1' }, () => undefined);
      const replay = standsFor({ ...position, messageId: message?.header.get('Nats-Msg-Id') }, (name) =>
        headerValue(message?.header, name),
      );
      expect(replay.id).toBe(original.id);
      const letterOf = (sequence: number): string =>
        deadLetterIdOf({ stream: position.stream, storedKey: storedKey(sequence, position.timestampNs) });
      expect(letterOf(1)).not.toBe(letterOf(7));
    });

    it('replays in the order of the stream, in parts that go on where the last one ended', async () => {
      for (let index = 1; index <= 25; index += 1) await bury(`{"n":${index}}`, { messageId: `m-${index}` });
      let request: Record<string, unknown> | undefined = { all: true };
      let parts = 0;
      while (request !== undefined) {
        const part: Replayed = await manage.result<Replayed>({ command: 'dead.replay', limit: 10, ...request });
        parts += 1;
        request = part.next === null ? undefined : { all: true, after: part.next, until: part.until };
      }
      expect(parts).toBe(3);
      const payloads = (await replayedMessages()).map(
        ({ data }) => JSON.parse(new TextDecoder().decode(data)) as unknown,
      );
      expect(payloads).toEqual(Array.from({ length: 25 }, (_, index) => ({ n: index + 1 })));
      expect((await manage.result<Listed>({ command: 'dead.list' })).total).toBe(0);
    });

    it('replays by code only what carries it', async () => {
      await bury('{"n":1}', { code: 'unknown_state', messageId: 'm-1' });
      await bury('{"n":2}', { code: 'invalid_json', messageId: 'm-2' });
      await bury('{"n":3}', { code: 'unknown_state', messageId: 'm-3' });
      expect(await manage.result({ command: 'dead.replay', code: 'unknown_state' })).toMatchObject({ replayed: 2 });
      expect((await manage.result<Listed>({ command: 'dead.list' })).letters.map(({ sequence }) => sequence)).toEqual([
        2,
      ]);
    });

    it('keeps what cannot be sent, and says why', async () => {
      await bury('{}', { stream: 'a_stream_that_is_gone' });
      await jetstream().publish('state_sync.dead_letter', 'by another hand');
      await bury('{}', { messageId: 'm-3' });
      const report = await manage.result<Replayed>({ command: 'dead.replay', all: true });
      expect(report).toMatchObject({
        replayed: 1,
        failures: 2,
        failed: [
          { sequence: 1, code: 'unknown_stream' },
          { sequence: 2, code: 'not_a_dead_letter' },
        ],
      });
      expect((await manage.result<Listed>({ command: 'dead.list' })).letters.map(({ sequence }) => sequence)).toEqual([
        2, 1,
      ]);
    });

    it('keeps the dead letter while its stream refuses the message', async () => {
      await (await manager()).streams.update('processor_state_sync', { max_msg_size: 10 });
      await bury('{"long":"more than ten bytes"}', { messageId: 'm-1' });
      expect(await manage.result({ command: 'dead.replay', sequence: 1 })).toMatchObject({
        replayed: 0,
        failed: [{ sequence: 1, code: 'forward_too_large' }],
      });
      expect((await manage.result<Listed>({ command: 'dead.list' })).total).toBe(1);
    });

    it('restores what was compressed to fit', async () => {
      const limit = connection.info?.max_payload ?? 0;
      const payload = `{"text":"${'x'.repeat(limit - 60)}"}`;
      await bury(payload, { messageId: 'm-1' });
      expect(await manage.result({ command: 'dead.show', sequence: 1 })).toMatchObject({ bytes: payload.length });
      // Beside its new headers the message no longer fits: said, and kept.
      expect(await manage.result({ command: 'dead.replay', sequence: 1 })).toMatchObject({
        replayed: 0,
        failed: [{ code: 'forward_too_large' }],
      });
      const smaller = `{"text":"${'x'.repeat(limit - 2_000)}"}`;
      const sequence = await bury(smaller, { messageId: 'm-2', headers: [['Note', ['y'.repeat(1_500)]]] });
      expect(await manage.result({ command: 'dead.show', sequence })).toMatchObject({ bytes: smaller.length });
    });

    it('purges one, by filter, or all, and nothing by mistake', async () => {
      for (const code of ['a_code', 'b_code', 'a_code', 'c_code']) await bury('{}', { code });
      expect(await manage.command({ command: 'dead.purge' })).toMatchObject({
        status: 400,
        body: { error: { code: 'invalid_arguments' } },
      });
      expect(await manage.result({ command: 'dead.purge', sequence: 2 })).toMatchObject({ purged: 1 });
      expect(await manage.command({ command: 'dead.purge', sequence: 2 })).toMatchObject({ status: 404 });
      expect(await manage.result({ command: 'dead.purge', code: 'a_code' })).toMatchObject({ purged: 2 });
      expect((await manage.result<Listed>({ command: 'dead.list' })).letters.map(({ sequence }) => sequence)).toEqual([
        4,
      ]);
      for (const bound of [{ limit: 1 }, { after: 0 }, { after: 3, limit: 1 }]) {
        expect(await manage.command({ command: 'dead.purge', all: true, ...bound })).toMatchObject({
          status: 400,
          body: { error: { code: 'invalid_arguments' } },
        });
      }
      expect(await manage.result({ command: 'dead.purge', all: true })).toMatchObject({ purged: 1 });
      await sleep(1);
      expect((await manage.result<Listed>({ command: 'dead.list' })).total).toBe(0);
    });
  });
}
