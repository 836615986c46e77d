import { afterEach, describe, it, vi } from 'vitest';
import { connectNats, type NatsStatus } from '../../../shared/nats/connect.ts';
import { startTestNats } from '../../support/test-nats.ts';
import { until } from '../../support/until.ts';

describe('a connection to NATS', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('is there again at once after a restart of the server, although the clock of the machine was set back', async () => {
    const server = await startTestNats();
    let reconnections = 0;
    const onStatus = (status: NatsStatus): void => void (reconnections += status === 'connected' ? 1 : 0);
    const connection = await connectNats({ url: server.url, name: 'test', onStatus });
    const rightNow = Date.now.bind(Date);
    vi.spyOn(Date, 'now').mockImplementation(() => rightNow() + 3_600_000);
    await server.restart();
    await until('the connection while the clock is ahead', () => reconnections === 1);
    vi.mocked(Date.now).mockImplementation(() => rightNow() - 3_600_000);
    await server.restart();
    await until('the connection once it was set back', () => reconnections === 2, { timeoutMs: 5_000 });
    await connection.close();
    await server.close();
  }, 20_000);
});
