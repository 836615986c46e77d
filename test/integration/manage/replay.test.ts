import { expect, it, describe } from 'vitest';
import { useConnectorSuite } from '../../support/connector-suite.ts';
import { directMessage } from '../../support/connector-bench.ts';
import { until } from '../../support/until.ts';
import { startManageApp } from '../../support/manage-app.ts';
import { natsVariants } from '../../support/test-nats.ts';
import type { ReceivedEvent } from '../../support/scripted-function.ts';

for (const variant of await natsVariants()) {
  describe.skipIf(variant.binary === undefined)(`a replay through the connector on ${variant.name}`, () => {
    const suite = useConnectorSuite(variant);

    it.each([
      ['with a message id', 'm-1'],
      ['without a message id', undefined],
    ])(
      'of a message %s is the same delivery every time, and one that fails again is kept',
      async (_name, messageId) => {
        const { bench, target } = await suite.prepare();
        const manage = await startManageApp({
          natsUrl: suite.server.url,
          databaseUrl: 'postgresql://nobody:nothing@127.0.0.1:1/none',
        });
        try {
          const events: ReceivedEvent[] = [];
          let refusals = 2;
          target.script = ({ events: received }) => {
            events.push(...received);
            refusals -= 1;
            return refusals < 0
              ? undefined
              : {
                  outcomes: received.map(({ id }) => ({ id, outcome: 'reject', code: 'empty_row', reason: 'told to' })),
                };
          };
          await bench.nats
            .jetstream()
            .publish(
              'processor.state.sync',
              directMessage('a', 1),
              messageId === undefined ? {} : { msgID: messageId },
            );
          await bench.start(target.url);
          const letters = async () =>
            (await manage.result<{ letters: { sequence: number; identity: string }[] }>({ command: 'dead.list' }))
              .letters;
          await until('the first dead letter', async () => (await letters()).length === 1);
          const [first] = await letters();
          await manage.result({ command: 'dead.replay', sequence: first!.sequence });
          // Well within the dedupe window of the dead-letter stream: a letter under the same id would vanish.
          await until('the second dead letter', async () => (await letters()).some(({ sequence }) => sequence === 2));
          const [second] = await letters();
          expect(second?.identity).toBe(first?.identity);
          await manage.result({ command: 'dead.replay', sequence: 2 });
          await until('the message is taken', () => target.acked.length === 1);
          expect(await letters()).toEqual([]);
          expect(events).toHaveLength(3);
          expect(new Set(events.map(({ id }) => id)).size).toBe(1);
          expect(new Set(events.map(({ time }) => time)).size).toBe(1);
          expect(new Set(events.map(({ data }) => JSON.stringify(data))).size).toBe(1);
          await until('the stream is empty', async () => (await bench.streamMessages()) === 0);
        } finally {
          await manage.close();
        }
      },
    );
  });
}
