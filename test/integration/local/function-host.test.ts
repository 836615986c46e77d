import { fileURLToPath } from 'node:url';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLog } from '../../../shared/telemetry/log.ts';
import { startFunctionHost, type FunctionHost, type FunctionHostOptions } from '../../../infra/local/function-host.ts';
import type { GatewayBehaviour } from '../../../infra/local/gateway-behaviour.ts';
import { until } from '../../support/until.ts';

const entry = fileURLToPath(new URL('../../support/obedient-process.ts', import.meta.url));

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface Echo {
  readonly pid: number;
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

let folder: string;
let host: FunctionHost;

const start = async (
  env: Readonly<Record<string, string>> = {},
  options: Partial<FunctionHostOptions> & { replicas?: number } = {},
): Promise<void> => {
  host = await startFunctionHost({
    functions: [{ name: 'scripted', entry, env, ...(options.replicas ? { replicas: options.replicas } : {}) }],
    env: { ...process.env, STARTS_FILE: join(folder, 'starts') },
    log: createLog({ service: 'test', level: 'ERROR', write: () => undefined, nowMs: Date.now }),
    ...options,
  });
};

const call = (
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string | readonly string[] } = {},
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const { method = 'POST', headers = {}, body = '' } = options;
    const outgoing = request(`${host.url}${path}`, { method, headers, agent: false }, (reply) => {
      let text = '';
      reply.setEncoding('utf8');
      reply.on('data', (chunk: string) => (text += chunk));
      reply.once('error', reject);
      reply.once('end', () => {
        resolve({ status: reply.statusCode ?? 0, headers: reply.headers, body: text });
      });
    });
    outgoing.once('error', reject);
    for (const chunk of typeof body === 'string' ? [body] : body) outgoing.write(chunk);
    outgoing.end();
  });

const echo = async (path = '/function/scripted', options: Parameters<typeof call>[1] = {}): Promise<Echo> => {
  const answer = await call(path, options);
  expect(answer.status).toBe(201);
  return JSON.parse(answer.body) as Echo;
};

const startedPids = (): readonly number[] =>
  readFileSync(join(folder, 'starts'), 'utf8').trim().split('\n').map(Number);

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'function-host-'));
});

afterEach(async () => {
  const pids = host.functions().flatMap((status) => status.pids);
  await host.close();
  expect(pids.filter(isAlive)).toEqual([]);
  rmSync(folder, { recursive: true });
});

describe('the function host', () => {
  it('starts no process before the first call, and answers that call from a new one', async () => {
    await start();
    expect(host.functions()).toMatchObject([{ name: 'scripted', replicas: 0, coldStarts: 0, pids: [] }]);
    const { pid } = await echo();
    expect(host.functions()).toMatchObject([{ availableReplicas: 1, coldStarts: 1, invocationCount: 1, pids: [pid] }]);
    expect(isAlive(pid)).toBe(true);
  });

  it('starts one process for many first calls at once', async () => {
    await start({ START_DELAY_MS: '200' });
    const answers = await Promise.all(Array.from({ length: 20 }, () => echo()));
    expect(new Set(answers.map((answer) => answer.pid)).size).toBe(1);
    expect(startedPids()).toHaveLength(1);
  });

  it('gives no further call to a process that has closed its port and does not end', async () => {
    await start({}, { graceMs: 200 });
    const { pid } = await echo();
    await call('/function/scripted/close');
    await until('calls to be answered by another', async () => {
      const answer = await call('/function/scripted');
      return answer.status === 201 && (JSON.parse(answer.body) as Echo).pid !== pid;
    });
    await until('the end of the first', () => !isAlive(pid));
  });

  it('passes method, path, query, headers and body through, and the answer back', async () => {
    await start();
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const answer = await call('/function/scripted.openfaas-fn/deep/er?a=1&b=%20', {
      method: 'PUT',
      headers: { traceparent, 'ce-id': 'one', connection: 'x-hop', 'x-hop': 'not for you' },
      body: ['chunk one, ', 'chunk two'],
    });
    expect(answer.headers).toMatchObject({ 'x-from-function': 'yes', 'content-type': 'application/json' });
    expect(answer.headers['x-call-id']).toMatch(/^[0-9a-f-]{36}$/);
    const seen = JSON.parse(answer.body) as Echo;
    expect(seen).toMatchObject({ method: 'PUT', url: '/deep/er?a=1&b=%20', body: 'chunk one, chunk two' });
    expect(seen.headers).toMatchObject({ traceparent, 'ce-id': 'one' });
    expect(seen.headers).not.toHaveProperty('x-hop');
  });

  it('passes large bodies and the body of a DELETE as they are', async () => {
    await start();
    const large = 'x'.repeat(4 * 1024 * 1024);
    expect((await echo('/function/scripted', { body: [large, large] })).body).toBe(large + large);
    expect(
      (
        await echo('/function/scripted', {
          method: 'DELETE',
          headers: { 'transfer-encoding': 'chunked' },
          body: ['gone'],
        })
      ).body,
    ).toBe('gone');
  });

  it('streams the answer as it comes', async () => {
    await start();
    await echo();
    const firstChunk = await new Promise<string>((resolve, reject) => {
      const outgoing = request(`${host.url}/function/scripted/stream`, { agent: false }, (reply) => {
        reply.once('data', (chunk: Buffer) => {
          resolve(chunk.toString());
        });
        reply.resume();
      });
      outgoing.once('error', reject).end();
    });
    expect(firstChunk).toBe('first');
  });

  it('answers 404 for a function it does not have', async () => {
    await start();
    for (const path of ['/function/other', '/function/', '/', '/async-function/scripted']) {
      expect(await call(path)).toMatchObject({ status: 404 });
    }
    expect(host.functions()).toMatchObject([{ invocationCount: 0 }]);
  });

  it('answers 502 when the process dies during the call, and starts a new one', async () => {
    await start();
    const { pid } = await echo();
    expect(await call('/function/scripted/crash')).toMatchObject({ status: 502 });
    await until('another process is there', () => host.functions()[0]?.pids.some((other) => other !== pid) === true);
    expect((await echo()).pid).not.toBe(pid);
    expect(host.functions()).toMatchObject([{ restarts: 1 }]);
  });

  it('starts a new process when one is killed while nobody calls', async () => {
    await start();
    const { pid } = await echo();
    process.kill(pid, 'SIGKILL');
    await until('another process is there', () => {
      const [now] = host.functions()[0]?.pids ?? [];
      return now !== undefined && now !== pid;
    });
    expect(startedPids()).toHaveLength(2);
  });

  it('answers 502 when the call takes longer than its limit', async () => {
    await start({}, { callTimeoutMs: 150 });
    const answer = await call('/function/scripted/slow?ms=2000');
    expect(answer.status).toBe(502);
    expect(answer.body).toContain('did not answer within 150 ms');
  });

  it('answers 503 with Retry-After while a function cannot start, and does not start it again for every call', async () => {
    await start({ FAIL_START: '1' });
    const answers = await Promise.all(Array.from({ length: 10 }, () => call('/function/scripted')));
    for (const answer of answers) {
      expect(answer.status).toBe(503);
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    }
    expect(answers[0]?.body).toContain('exited with code 3');
    expect(startedPids()).toHaveLength(1);
    await sleep(150);
    expect(await call('/function/scripted')).toMatchObject({ status: 503 });
    expect(startedPids()).toHaveLength(2);
  });

  it('answers 503 when a function is not ready in time, and leaves no process of it', async () => {
    await start({ START_DELAY_MS: '60000' }, { startTimeoutMs: 2_000 });
    expect(await call('/function/scripted')).toMatchObject({ status: 503 });
    expect(startedPids().filter(isAlive)).toEqual([]);
  });

  it('scales to zero when idle, and back when called', async () => {
    await start({}, { idleMs: 200 });
    const first = await echo();
    await until('the process has ended', () => !isAlive(first.pid));
    expect(host.functions()).toMatchObject([{ replicas: 0, restarts: 0 }]);
    const second = await echo();
    expect(second.pid).not.toBe(first.pid);
    expect(host.functions()).toMatchObject([{ replicas: 1, coldStarts: 2, restarts: 0 }]);
    expect(startedPids()).toEqual([first.pid, second.pid]);
  });

  it('does not stop a function that has a call in flight, however long', async () => {
    await start({}, { idleMs: 100 });
    expect(await call('/function/scripted/slow?ms=500')).toMatchObject({ status: 200, body: 'slow but sure' });
    expect(startedPids()).toHaveLength(1);
  });

  it('kills a process that ignores SIGTERM once the grace is over', async () => {
    await start({ IGNORE_SIGTERM: '1' }, { graceMs: 200 });
    const { pid } = await echo();
    await host.close();
    expect(isAlive(pid)).toBe(false);
  });

  it('lets calls in flight end before it closes, and takes no new ones', async () => {
    await start();
    const { pid } = await echo();
    const slow = call('/function/scripted/slow?ms=400');
    await until('the call is in flight', () => host.functions()[0]?.inFlight === 1);
    const closed = host.close();
    await expect(call('/function/scripted')).rejects.toThrow('ECONNREFUSED');
    expect(await slow).toMatchObject({ status: 200, body: 'slow but sure' });
    await closed;
    expect(isAlive(pid)).toBe(false);
  });

  it('closes while a function is starting, and leaves no process of it', async () => {
    await start({ START_DELAY_MS: '60000' }, { graceMs: 200 });
    const answer = call('/function/scripted').catch((error: unknown) => error);
    await until('the process has started', () => existsSync(join(folder, 'starts')));
    await host.close();
    await answer;
    expect(startedPids().filter(isAlive)).toEqual([]);
  });

  it('spreads calls over the replicas, the least loaded first', async () => {
    await start({}, { replicas: 2 });
    await echo();
    await until('both are ready', () => host.functions()[0]?.availableReplicas === 2);
    const slow = call('/function/scripted/slow?ms=300');
    await until('one is busy', () => host.functions()[0]?.inFlight === 1);
    const answers = [await echo(), await echo(), await echo()];
    expect(new Set(answers.map((answer) => answer.pid)).size).toBe(1);
    await slow;
    const idle = [await echo(), await echo(), await echo(), await echo()];
    expect(new Set(idle.map((answer) => answer.pid)).size).toBe(2);
  });

  it('gives a call up when its caller goes away', async () => {
    await start();
    await echo();
    const outgoing = request(`${host.url}/function/scripted/slow?ms=5000`, { agent: false });
    const failed = new Promise((resolve) => outgoing.once('error', resolve));
    outgoing.end();
    await until('the call is in flight', () => host.functions()[0]?.inFlight === 1);
    outgoing.destroy();
    await failed;
    await until('no call is in flight', () => host.functions()[0]?.inFlight === 0);
  });

  it('lists its functions and says that it is healthy', async () => {
    await start();
    const { pid } = await echo();
    const listed = JSON.parse((await call('/system/functions', { method: 'GET' })).body) as unknown;
    expect(listed).toEqual([
      {
        name: 'scripted',
        replicas: 1,
        availableReplicas: 1,
        invocationCount: 1,
        inFlight: 0,
        coldStarts: 1,
        restarts: 0,
        pids: [pid],
      },
    ]);
    expect(await call('/healthz', { method: 'GET' })).toMatchObject({ status: 200 });
  });
});

describe('a host that behaves as the gateway of a platform', () => {
  const marks = { local: 'gateway', openfaas: 'proxy', knative: undefined };
  it.each<[GatewayBehaviour, number, number, number, number, string]>([
    ['local', 404, 502, 502, 503, 'the function failed'],
    ['openfaas', 404, 500, 502, 503, "Can't reach service for: scripted."],
    ['knative', 404, 502, 504, 503, 'socket hang up'],
  ])('answers as %s does by itself', async (behaviour, unknown, unreachable, late, missing, text) => {
    await start({}, { behaviour, callTimeoutMs: 300 });
    expect(await call('/function/nobody')).toMatchObject({ status: unknown });
    expect(await call('/function/scripted/slow?ms=2000')).toMatchObject({ status: late });
    const crashed = await call('/function/scripted/crash');
    expect(crashed).toMatchObject({ status: unreachable, body: expect.stringContaining(text) as unknown });
    expect(crashed.headers['x-openfaas-internal']).toBe(marks[behaviour]);
    await host.close();
    await start({ FAIL_START: '1' }, { behaviour });
    expect(await call('/function/scripted')).toMatchObject({ status: missing });
  });

  it('calls a process that has ended for as long as an endpoint lingers', async () => {
    await start({}, { behaviour: 'openfaas', endpointLagMs: 60_000, replicas: 2 });
    await call('/function/scripted');
    await until('both are there', () => host.functions()[0]?.availableReplicas === 2);
    expect(await call('/function/scripted/crash')).toMatchObject({ status: 500 });
    await until('both are there', () => host.functions()[0]?.availableReplicas === 2);
    const statuses = new Set<number>();
    for (let count = 0; count < 12; count += 1) statuses.add((await call('/function/scripted')).status);
    expect(statuses).toEqual(new Set([201, 500]));
  });
});
