import { fileURLToPath } from 'node:url';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { afterEach, describe, expect, it } from 'vitest';

import { hasToken } from '../../../shared/http/check-token.ts';
import { startHttpServer, type HttpServer, type HttpServerOptions } from '../../../shared/http/http-server.ts';
import { until } from '../../support/until.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Bytes of buffers that something still refers to. */
const heldBytes = (): number => {
  collectGarbage();
  return process.memoryUsage().external;
};

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

/** Begins a post and sends some of its body; resolves with the status once there is an answer, 0 if there is none. */
const beginPost = (port: number, headers: string, body: string): { status: Promise<number>; end: () => void } => {
  const socket = connect(port, '127.0.0.1', () => {
    socket.write(`POST / HTTP/1.1\r\nhost: x\r\n${headers}\r\n\r\n`);
    socket.write(body);
  });
  const status = new Promise<number>((resolve) => {
    let text = '';
    socket
      .on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1');
        const found = /^HTTP\/1\.1 (\d+)/.exec(text)?.[1];
        if (found !== undefined && found !== '100') resolve(Number(found));
      })
      .on('error', () => resolve(0))
      .on('close', () => resolve(0));
  });
  return { status, end: () => socket.destroy() };
};

describe('bodies in memory', () => {
  const megabytes = 1024 * 1024;
  const unauthorized = { status: 401, headers: { 'www-authenticate': 'Bearer' }, body: 'no token' };

  it('60 unfinished posts of 8 MB without a token are answered at once and cost nothing', async () => {
    let handled = 0;
    const { server } = await start({
      maxBodyBytes: 8 * megabytes,
      admit: ({ headers }) => (hasToken(headers, 'secret') ? undefined : unauthorized),
      handle: () => {
        handled += 1;
        return Promise.resolve({ status: 200, body: '' });
      },
    });
    const before = heldBytes();
    const part = 'x'.repeat(7 * megabytes);
    const posts = Array.from({ length: 60 }, () => beginPost(server.port, `content-length: ${8 * megabytes}`, part));
    expect(new Set(await Promise.all(posts.map(({ status }) => status)))).toEqual(new Set([401]));
    // What this process still has to send as the clients of these posts is in it too, until the connections end.
    // Sooner than the server would give the posts up anyway.
    await until('nothing is kept of them', () => heldBytes() - before < 60 * megabytes, { timeoutMs: 3_000 });
    expect(handled).toBe(0);
    for (const { end } of posts) end();
  });

  it('are bounded together: one for which there is no room is told to come again, and room is given back', async () => {
    const { server, url } = await start({ maxBodyBytes: 2 * megabytes, maxBufferedBytes: 3 * megabytes });
    const part = 'x'.repeat(megabytes);
    const open = [1, 2].map(() => beginPost(server.port, `content-length: ${2 * megabytes}`, part));
    await delay(300);
    const refused = await fetch(url, { method: 'POST', body: part + part.slice(0, 1_000) });
    expect([refused.status, refused.headers.get('retry-after'), refused.headers.get('x-state-sync')]).toEqual([
      503,
      '1',
      '1',
    ]);
    expect(await refused.json()).toMatchObject({ error: { code: 'overloaded' } });
    for (const { end } of open) end();
    await delay(300);
    for (let again = 0; again < 5; again += 1) {
      expect((await fetch(url, { method: 'POST', body: part + part })).status).toBe(200);
    }
  });

  it('that stop coming are given up, and so are headers', async () => {
    const { server } = await start({ requestTimeoutMs: 400 });
    const startedMs = performance.now();
    const [body, headers] = [
      beginPost(server.port, 'content-length: 100', 'x'),
      beginPost(server.port, 'x-slow: y', '').status,
    ];
    const silent = connect(server.port, '127.0.0.1', () => silent.write('POST / HT'));
    await Promise.all([body.status, new Promise((resolve) => silent.once('close', resolve))]);
    expect(await headers).toBe(200);
    expect(performance.now() - startedMs).toBeLessThan(3_000);
  });

  it('come over a bounded number of connections', async () => {
    const { server } = await start({ maxConnections: 5 });
    const posts = Array.from({ length: 20 }, () => beginPost(server.port, 'content-length: 100', 'x'));
    await delay(300);
    const states = await Promise.all(posts.map(({ status }) => Promise.race([status, delay(50, 'open')])));
    expect(states.filter((state) => state === 'open')).toHaveLength(5);
    for (const { end } of posts) end();
  });
});

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
      env: { PATH: process.env['PATH'], HOST: '127.0.0.1', PORT: String(server.port), FUNCTION_TOKEN: 't' },
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
