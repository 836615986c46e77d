import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';

import { readConnectorConfig } from '../../../infra/connector/connector-config.ts';
import { createEndpoints } from '../../../infra/connector/dispatch/endpoints.ts';

describe('where the connector calls a function', () => {
  it('is a path of the gateway, below its own path if it has one', async () => {
    const endpoints = createEndpoints({ gatewayUrl: 'http://gateway:8080/base/' });
    const direct = endpoints.of('state-direct');
    expect([direct.path, direct.healthPath]).toEqual([
      '/base/function/state-direct',
      '/base/function/state-direct/healthz',
    ]);
    expect(endpoints.of('state-route').client, 'one pool of connections for one host').toBe(direct.client);
    await endpoints.close();
  });

  it('is a host of its own if a template says so', async () => {
    const endpoints = createEndpoints({ gatewayUrl: 'http://unused', functionUrlTemplate: 'http://{name}.ns.svc' });
    const [direct, route] = [endpoints.of('state-direct'), endpoints.of('state-route')];
    expect([direct.path, direct.healthPath]).toEqual(['/', '/healthz']);
    expect(route.client).not.toBe(direct.client);
    await endpoints.close();
  });

  it.each(['http://functions.ns.svc', 'ftp://{name}', '{name}'])('cannot be the template %s', (template) => {
    expect(() => readConnectorConfig({ env: { FUNCTION_URL_TEMPLATE: template }, secretsDir: '/nowhere' })).toThrow(
      /FUNCTION_URL_TEMPLATE must be/,
    );
  });
});

describe('whether functions are reached', () => {
  const listening = async (answer: (socket: Socket) => void): Promise<{ port: number; close: () => Promise<void> }> => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      answer(socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return {
      port: (server.address() as AddressInfo).port,
      close: async () => {
        for (const socket of sockets) socket.destroy();
        server.close();
        await once(server, 'close');
      },
    };
  };
  const says = (text: string) => (socket: Socket) => {
    socket.once('data', () => socket.end(text));
  };
  const silent = (): void => undefined;
  const answered = says('HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n');

  it.each([
    ['an answer of the gateway, whatever it says', answered, 'gateway', true],
    ['a gateway that takes a connection and says nothing', silent, 'gateway', false],
    ['a host of a function that takes a connection', silent, 'template', true],
  ] as const)('%s', async (_what, answer, kind, expected) => {
    const { port, close } = await listening(answer);
    const url = `http://127.0.0.1:${port}`;
    const endpoints = createEndpoints(
      kind === 'gateway' ? { gatewayUrl: url } : { gatewayUrl: 'http://unused', functionUrlTemplate: `${url}/{name}` },
    );
    endpoints.of('state-direct');
    // Who answers may be slow on a busy machine; who does not is waited for in vain.
    expect(await endpoints.isReached(expected ? 20_000 : 200)).toBe(expected);
    await endpoints.close();
    await close();
    for (const options of [
      { gatewayUrl: url },
      { gatewayUrl: 'http://unused', functionUrlTemplate: `${url}/{name}` },
    ]) {
      const gone = createEndpoints(options);
      gone.of('state-direct');
      expect(await gone.isReached(20_000), 'nobody listens there any more').toBe(false);
      await gone.close();
    }
  });
});
