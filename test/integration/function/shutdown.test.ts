import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { startFunctionProcess } from '../../support/function-process.ts';
import { startTestNats } from '../../support/test-nats.ts';

it('a function that is told to end does so in time, although database and NATS say nothing any more', async () => {
  const nats = await startTestNats();
  const silent = createServer(() => undefined);
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const port = (silent.address() as AddressInfo).port;
  const running = await startFunctionProcess('state-direct', {
    DATABASE_URL: `postgresql://user:password@127.0.0.1:${port}/db`,
    MSG_URL: nats.url,
    DRAIN_MS: '200',
  });
  // Its connection to NATS comes a second after its start.
  await sleep(1_500);
  await nats.kill('SIGSTOP');
  const message = JSON.stringify({ type: 'query_state_direct', state_id: 's', query_state: [{ n: 1 }] });
  const cut = running.post(message).catch(() => undefined);
  await sleep(200);
  const { code, tookMs } = await running.kill('SIGTERM');
  expect(code).toBe(0);
  expect(tookMs).toBeLessThan(11_000);
  await cut;
  await nats.kill('SIGCONT');
  await nats.close();
  silent.close();
});
