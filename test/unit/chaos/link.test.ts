import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTcpProxy, type TcpProxy } from '../../chaos/tcp-proxy.ts';
import { until } from '../../support/until.ts';

let arrived = '';
let ends: string[] = [];
let link: TcpProxy;
let client: Socket;
let stop: () => Promise<void>;

beforeEach(async () => {
  arrived = '';
  ends = [];
  const server = createServer((socket) => {
    socket.on('data', (data) => (arrived += data.toString()));
    socket.on('end', () => ends.push('end'));
    socket.on('error', (error: NodeJS.ErrnoException) => ends.push(error.code ?? error.message));
    socket.on('close', () => ends.push('close'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  link = await startTcpProxy((server.address() as AddressInfo).port, () => 0);
  client = connect({ port: link.port, host: '127.0.0.1' });
  client.on('error', () => undefined);
  await once(client, 'connect');
  client.write('1');
  await until('the first byte', () => arrived === '1');
  stop = async () => {
    client.destroy();
    await link.close();
    server.close();
  };
});

afterEach(() => stop());

describe('a link of the fault suite', () => {
  it('that is held lets nothing through, and all of it in order when it opens, the end of the connection last', async () => {
    link.setMode({ kind: 'hold' });
    client.write('2');
    client.write('3');
    client.end();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect([arrived, ends]).toEqual(['1', []]);
    link.setMode({ kind: 'open' });
    await until('the end', () => ends.includes('close'));
    expect([arrived, ends]).toEqual(['123', ['end', 'close']]);
    expect(link.met).toBeGreaterThan(0);
  });

  it('that is stalled loses what was sent, and its connection with it', async () => {
    link.setMode({ kind: 'stall' });
    client.write('2');
    await until('the loss', () => link.met > 0);
    link.setMode({ kind: 'open' });
    await until('the end', () => ends.includes('close'));
    expect(arrived).toBe('1');
  });

  it('that is cut resets its connections, and says how many there were', async () => {
    expect(link.cutAll()).toBe(1);
    await until('the end', () => ends.includes('close'));
    expect(ends).toEqual(['ECONNRESET', 'close']);
    expect(link.connections).toBe(0);
  });
});
