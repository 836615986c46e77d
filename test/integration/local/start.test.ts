import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connectNats } from '../../../shared/nats/connect.ts';
import { createPool } from '../../../shared/postgres/pool.ts';
import { createLocalRunFolder, untilReady, type LocalRunFolder } from '../../support/local-run.ts';
import { until } from '../../support/until.ts';

const runMs = 120_000;
let runs: LocalRunFolder;

beforeAll(async () => {
  runs = await createLocalRunFolder();
});

afterEach(() => runs.killRuns());

afterAll(() => runs.remove());

describe.skipIf(process.platform !== 'linux')('npm start', () => {
  it(
    '--once starts everything, checks the demo, and leaves nothing; a second time on the same data too',
    async () => {
      for (const time of ['first', 'second']) {
        const run = runs.start(['--once']);
        const code = await run.ended;
        expect(code, `${time} run\n${run.output()}${run.errors()}`).toBe(0);
        expect(run.output()).toMatch(/^ready \{"nats":"nats:.*"database":"postgres.*"gateway":"http:.*\}$/m);
        expect(run.output()).toContain('the demo’s result is right');
        expect(run.output()).toContain('320 rows');
        expect(runs.left()).toEqual([]);
      }
    },
    2 * runMs,
  );

  it(
    '--no-demo serves until SIGTERM, and then ends everything that it started',
    async () => {
      const run = runs.start(['--no-demo']);
      const urls = await untilReady(run);
      const token = readFileSync(urls.functionTokenFile, 'utf8').trim();
      const call = (path: string): Promise<Response> =>
        fetch(`${urls.gateway}${path}`, { headers: { authorization: `Bearer ${token}` } });
      // The link opens the page signed in; the token is its fragment, which no browser sends.
      expect(run.output()).toContain(`${urls.gateway}/function/manage#token=${token}`);
      expect(await (await call('/function/manage')).text()).toContain('<title>State Sync Store</title>');
      expect((await call('/healthz')).status).toBe(200);
      expect((await call('/function/state-direct/_/ready')).status).toBe(200);
      expect((await fetch(`${urls.gateway}/function/state-direct`, { method: 'POST', body: '{}' })).status).toBe(401);
      const functions = (await (await call('/system/functions')).json()) as { name: string; pids: number[] }[];
      expect(functions.map(({ name }) => name)).toEqual(['state-direct', 'state-route', 'state-entry', 'manage']);
      expect(functions[0]?.pids).toHaveLength(1);
      expect(runs.left().length).toBeGreaterThanOrEqual(4);

      const second = runs.start(['--no-demo']);
      expect(await second.ended).toBe(1);
      expect(second.output()).toContain(`process ${String(run.pid)} runs on ${runs.folder} already`);

      run.signal('SIGTERM');
      expect(await run.ended, run.output() + run.errors()).toBe(0);
      expect(runs.left()).toEqual([]);
    },
    runMs,
  );

  it(
    'leaves no process behind where it is killed',
    async () => {
      const run = runs.start(['--no-demo']);
      const { gateway } = await untilReady(run);
      await fetch(`${gateway}/function/state-route/_/ready`);
      expect(runs.left().length).toBeGreaterThanOrEqual(4);
      run.signal('SIGKILL');
      await run.ended;
      await until('nothing is left', () => runs.left().length === 0);
    },
    runMs,
  );

  it(
    'says that its PostgreSQL or its nats-server has ended, and starts it again; says which port was taken',
    async () => {
      const taken = createServer();
      await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
      const { port } = taken.address() as AddressInfo;
      try {
        const run = runs.start(['--no-demo'], { GATEWAY_PORT: String(port) });
        const urls = await untilReady(run);
        expect(run.output()).toContain(`port ${port} is taken: the gateway listens on ${new URL(urls.gateway).port}`);
        const pidOf = (pattern: RegExp): number =>
          Number(
            runs
              .left()
              .find((line) => pattern.test(line))
              ?.split(' ', 1)[0],
          );
        for (const [name, pattern] of [
          ['PostgreSQL', /^\d+ \S*postgres -D /],
          ['nats-server', /^\d+ \S*nats-server -c /],
        ] as const) {
          process.kill(pidOf(pattern), 'SIGKILL');
          await until(`${name} runs again`, () => run.output().includes(`✓ ${name} runs again`), {
            context: () => run.output() + run.errors(),
          });
          expect(run.output()).toContain(`! ${name} has ended (SIGKILL): it is started again`);
        }
        const pool = createPool(urls.database, { max: 1 });
        expect(await pool.query('select 1 as one')).toEqual([{ one: 1 }]);
        await pool.end();
        const connection = await connectNats({ url: urls.nats, name: 'test' });
        await connection.close();
        run.signal('SIGTERM');
        expect(await run.ended, run.output() + run.errors()).toBe(0);
        expect(runs.left()).toEqual([]);
      } finally {
        taken.close();
      }
    },
    runMs,
  );

  it.each([200, 600, 1_500])(
    'stops cleanly when it is interrupted %i ms after its start',
    async (delayMs) => {
      const run = runs.start(['--no-demo']);
      await sleep(delayMs);
      run.signal('SIGINT');
      await run.ended;
      expect(runs.left()).toEqual([]);
    },
    runMs,
  );

  it(
    'says what is wrong and stops what it had started, where a step fails',
    async () => {
      const run = runs.start(['--no-demo'], { DATABASE_URL: 'postgresql://nobody:secret-word@127.0.0.1:1/none' });
      expect(await run.ended).toBe(1);
      expect(run.output()).toContain('✓ nats-server');
      expect(run.output()).toContain('✗ schema');
      expect(run.output()).toContain('npm start failed: ');
      expect(run.output() + run.errors()).not.toContain('secret-word');
      expect(runs.left()).toEqual([]);
    },
    runMs,
  );

  it('refuses settings and arguments that make no sense, all at once, before it starts anything', async () => {
    const settings = runs.start(['--no-demo'], { GATEWAY_PORT: 'many', FUNCTION_IDLE_MS: '-1' });
    expect(await settings.ended).toBe(2);
    expect(settings.output()).toMatch(/GATEWAY_PORT.*FUNCTION_IDLE_MS/);
    const args = runs.start(['--once', '--no-demo']);
    expect(await args.ended).toBe(2);
    expect(args.output()).toContain('--once checks the demo');
  });

  it(
    'names DATABASE_URL, without its password, where that database cannot be reached',
    async () => {
      const run = runs.start(['--no-demo'], { DATABASE_URL: 'postgresql://me:hidden@127.0.0.1:1/db' });
      expect(await run.ended).toBe(1);
      expect(run.output()).toMatch(/npm start failed: DATABASE_URL: .*ECONNREFUSED/);
      expect(run.output() + run.errors()).not.toContain('hidden');
      expect(runs.left()).toEqual([]);
    },
    runMs,
  );

  it(
    'goes on when the reader of its output goes away',
    async () => {
      const run = runs.start(['--no-demo']);
      const { gateway } = await untilReady(run);
      run.stopReading();
      expect((await fetch(`${gateway}/healthz`)).status).toBe(200);
      run.signal('SIGTERM');
      expect(await run.ended).toBe(0);
      expect(runs.left()).toEqual([]);
    },
    runMs,
  );
});
