import { fileURLToPath } from 'node:url';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

import { afterEach, describe, expect, it } from 'vitest';

import { hasToken } from '../../../shared/http/check-token.ts';
import { startHttpServer, type HttpServer, type HttpServerOptions } from '../../../shared/http/http-server.ts';

const servers: HttpServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close(0)));
});

const start = async (options: Partial<HttpServerOptions> = {}): Promise<{ server: HttpServer; url: string }> => {
  const server = await startHttpServer({
    port: 0,
    host: '127.0.0.1',
    maxBodyBytes: 1_000,
    requestTimeoutMs: 5_000,
    isReady: () => true,
    onError: () => {},
    handle: async (request) => ({ status: 200, body: `${request.method} ${request.path} ${request.body.length}` }),
    ...options,
  });
  servers.push(server);
  return { server, url: `http://127.0.0.1:${server.port}` };
};

describe('the HTTP server of a function', () => {
  it('answers health and readiness without the handler', async () => {
    let ready = false;
    const { url } = await start({ isReady: () => ready });
    expect((await fetch(`${url}/_/health`)).status).toBe(200);
    expect((await fetch(`${url}/_/ready`)).status).toBe(503);
    ready = true;
    expect((await fetch(`${url}/_/ready`)).status).toBe(200);
  });

  it('marks every answer as ours, whatever it says', async () => {
    const { url } = await start({
      isReady: () => false,
      handle: (request) => {
        if (request.path === '/throws') return Promise.reject(new Error('unexpected'));
        if (request.path === '/stream') {
          const stream = (write: (chunk: string) => void): Promise<void> => Promise.resolve(write('data'));
          return Promise.resolve({ status: 200, headers: {}, stream });
        }
        return Promise.resolve({ status: 404, body: '' });
      },
    });
    const large = { method: 'POST', body: 'x'.repeat(1_001) };
    const answers = await Promise.all([
      ...['/_/health', '/healthz', '/_/ready', '/throws', '/stream', '/'].map((path) => fetch(url + path)),
      fetch(url, large),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 503, 500, 200, 404, 413]);
    for (const { headers } of answers) expect(headers.get('x-state-sync')).toBe('1');
  });

  it('takes a body at the limit and answers 413 with a code one byte above it', async () => {
    const { url } = await start();
    expect(await (await fetch(url, { method: 'POST', body: 'x'.repeat(1_000) })).text()).toBe('POST / 1000');
    const refused = await fetch(url, { method: 'POST', body: 'x'.repeat(1_001) });
    expect(refused.status).toBe(413);
    expect(await refused.json()).toMatchObject({ error: { code: 'payload_too_large' } });
  });

  it('counts a chunked body too', async () => {
    const { server } = await start();
    const socket = connect(server.port, '127.0.0.1');
    socket.write('POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n');
    for (let chunk = 0; chunk < 3; chunk += 1) socket.write(`1f4\r\n${'y'.repeat(500)}\r\n`);
    socket.end('0\r\n\r\n');
    let reply = '';
    for await (const data of socket as AsyncIterable<Buffer>) reply += data.toString();
    expect(reply).toMatch(/^HTTP\/1\.1 413/);
  });

  it('lets a sender that writes a large body to its end read the 413', async () => {
    const { server } = await start();
    for (const framing of ['content-length: 20000000', 'transfer-encoding: chunked']) {
      const socket = connect(server.port, '127.0.0.1');
      const errors: unknown[] = [];
      socket.on('error', (error) => errors.push(error));
      socket.pause();
      socket.write(`POST / HTTP/1.1\r\nhost: x\r\n${framing}\r\n\r\n`);
      const megabyte = 'z'.repeat(1_000_000);
      for (let sent = 0; sent < 20; sent += 1) {
        const chunk = framing.includes('chunked') ? `f4240\r\n${megabyte}\r\n` : megabyte;
        if (!socket.write(chunk)) await new Promise((resolve) => socket.once('drain', resolve).once('close', resolve));
      }
      let reply = '';
      for await (const data of socket as AsyncIterable<Buffer>) reply += data.toString();
      expect(reply).toMatch(/^HTTP\/1\.1 413[^]*payload_too_large/);
      expect(errors).toEqual([]);
    }
  });

  it('turns an error of the handler into 500 without its text', async () => {
    const errors: unknown[] = [];
    const { url } = await start({
      handle: () => Promise.reject(new Error('password=hunter2')),
      onError: (error) => errors.push(error),
    });
    const reply = await fetch(url, { method: 'POST' });
    expect(reply.status).toBe(500);
    expect(await reply.text()).not.toContain('hunter2');
    expect(errors).toHaveLength(1);
  });

  it('lets a request in flight finish when it closes, and refuses new ones', async () => {
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => (release = resolve));
    const { server, url } = await start({
      handle: async () => {
        await gate;
        return { status: 200, body: 'done' };
      },
    });
    const inFlight = fetch(url, { method: 'POST' });
    while (server.inFlight === 0) await delay(5);
    const closing = server.close(5_000);
    await expect(fetch(`${url}/_/health`)).rejects.toThrow();
    release();
    expect(await (await inFlight).text()).toBe('done');
    await closing;
  });

  it('cuts what is left when the grace period is over', async () => {
    const { server, url } = await start({ handle: () => new Promise(() => {}) });
    const inFlight = fetch(url, { method: 'POST' }).catch(() => 'cut');
    while (server.inFlight === 0) await delay(5);
    await server.close(50);
    expect(await inFlight).toBe('cut');
  });
});

describe('a function whose port is taken', () => {
  it('says so in one line of its log and exits 1', async () => {
    const { server } = await start();
    const entry = fileURLToPath(new URL('../../../functions/state-direct/main.ts', import.meta.url));
    const child = spawn(process.execPath, [entry], {
      env: { PATH: process.env['PATH'], HOST: '127.0.0.1', PORT: String(server.port) },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let log = '';
    child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
    expect(await once(child, 'close')).toEqual([1, null]);
    expect(log.trim().split('\n')).toHaveLength(1);
    expect(JSON.parse(log)).toMatchObject({ service: 'state-direct', event: 'cannot_listen' });
  });
});

describe('the shared token', () => {
  it('is asked for if one is configured', () => {
    expect(hasToken({}, undefined)).toBe(true);
    expect(hasToken({}, 't')).toBe(false);
    expect(hasToken({ authorization: 'Bearer wrong' }, 't')).toBe(false);
    expect(hasToken({ authorization: 'Bearer t' }, 't')).toBe(true);
    expect(hasToken({ authorization: 'bearer t' }, 't')).toBe(true);
  });
});
