import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { freePort } from '../../../infra/local/free-port.ts';

describe('a free port', () => {
  it('is one below those of outgoing connections if none is preferred, or 0', async () => {
    for (const port of [await freePort(), await freePort(0)]) {
      expect(port).toBeGreaterThanOrEqual(16_384);
      expect(port).toBeLessThan(32_768);
    }
  });

  it('is the preferred one if that is free, else another', async () => {
    const preferred = await freePort();
    expect(await freePort(preferred)).toBe(preferred);
    const server = createServer().listen(preferred, '127.0.0.1');
    await once(server, 'listening');
    expect((server.address() as AddressInfo).port).toBe(preferred);
    expect(await freePort(preferred)).not.toBe(preferred);
    server.close();
    await once(server, 'close');
  });
});
