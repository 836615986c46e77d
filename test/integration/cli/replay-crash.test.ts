import { fileURLToPath } from 'node:url';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildDeadLetterHeaders } from '../../../shared/message/dead-letter.ts';
import { replayHeaders } from '../../../shared/message/replay.ts';
import { connectNats } from '../../../shared/nats/connect.ts';
import { ensureStream } from '../../../shared/nats/ensure-stream.ts';
import { createJetStreamPublisher } from '../../../shared/nats/jetstream-publisher.ts';
import { until } from '../../support/until.ts';
import { testRoutingText } from '../../support/manage-app.ts';
import { runStateSync } from '../../support/run-state-sync.ts';
import { natsVariants, startTestNats } from '../../support/test-nats.ts';

const script = fileURLToPath(new URL('../../../infra/cli/state-sync.ts', import.meta.url));
const letters = 3_000;

for (const variant of await natsVariants()) {
  describe.skipIf(variant.binary === undefined)(`a replay of ${letters} dead letters on ${variant.name}`, () => {
    it('that is killed again and again sends every one exactly once, in order, and keeps none', async () => {
      const server = await startTestNats({ binary: variant.binary! });
      const connection = await connectNats({ url: server.url, name: 'test' });
      const folder = await mkdtemp(join(tmpdir(), 'replay-'));
      try {
        const ROUTING_FILE = join(folder, 'routing.yaml');
        await writeFile(ROUTING_FILE, testRoutingText(server.url));
        const env = { MSG_URL: server.url, ROUTING_FILE, DATABASE_URL: 'postgresql://nobody:nothing@127.0.0.1:1/none' };
        await ensureStream(connection, { stream: 'processor_state_sync', baseSubject: 'processor.state.sync' });
        const dead = { stream: 'state_sync_dead_letter', baseSubject: 'state_sync.dead_letter' };
        await ensureStream(connection, { ...dead, retention: 'limits' });
        const publisher = createJetStreamPublisher(connection);
        const outcomes = await publisher.publish(
          Array.from({ length: letters }, (_, n) => ({
            ...dead,
            subject: dead.baseSubject,
            id: `dead/${n}`,
            payload: Buffer.from(JSON.stringify({ n })),
            headers: Object.fromEntries(
              buildDeadLetterHeaders([], {
                code: 'unknown_state',
                reason: 'it was not there yet',
                time: '2026-01-02T03:04:05Z',
                identity: `processor_state_sync/m-${n}`,
                stream: 'processor_state_sync',
                subject: 'processor.state.sync',
                sequence: n + 1,
                timestampNs: '1700000000000000000',
                deliveryCount: 1,
                attempts: 10,
                messageId: `m-${n}`,
              }),
            ),
          })),
        );
        expect(outcomes.every(({ ok }) => ok)).toBe(true);
        const { streams } = await connection.jetstreamManager();
        const replayed = async (): Promise<number> => (await streams.info('processor_state_sync')).state.messages;

        for (const share of [0.2, 0.5, 0.8]) {
          const child = spawn(process.execPath, [script, 'dead', 'replay', '--all'], {
            env: { PATH: process.env['PATH'], CACHE_DIR: folder, ...env },
            stdio: 'ignore',
          });
          const exited = once(child, 'exit');
          await until('a part is sent', async () => (await replayed()) > letters * share);
          child.kill('SIGKILL');
          await exited;
        }
        expect(await replayed()).toBeLessThan(letters);
        const last = await runStateSync(['dead', 'replay', '--all', '--json'], env);
        expect(last.json()).toMatchObject({ failures: 0, complete: true });
        expect((await streams.info('state_sync_dead_letter')).state.messages).toBe(0);
        const { state } = await streams.info('processor_state_sync');
        expect(state.messages).toBe(letters);
        const identities: string[] = [];
        const numbers: number[] = [];
        for (let seq = state.first_seq; seq <= state.last_seq; seq += 1) {
          const message = await streams.getMessage('processor_state_sync', { seq });
          identities.push(message.header.get(replayHeaders.identity));
          numbers.push(message.json<{ n: number }>().n);
        }
        expect(new Set(identities).size).toBe(letters);
        expect(numbers).toEqual(numbers.toSorted((one, other) => one - other));
      } finally {
        await connection.close();
        await server.close();
        await rm(folder, { recursive: true, force: true });
      }
    }, 60_000);
  });
}
