import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { runDemo } from '../../../infra/local/demo/run-demo.ts';
import { readLocalSettings } from '../../../infra/local/local-settings.ts';
import { startStack, type Stack } from '../../../infra/local/local-stack.ts';
import { createOrphanGuard } from '../../../infra/local/orphan-guard.ts';
import { printTrace } from '../../../infra/local/print-trace.ts';
import { createProgress, type Progress } from '../../../infra/local/progress.ts';
import { createLog } from '../../../shared/telemetry/log.ts';
import { createLocalRunFolder, readyUrls, rootDir, type LocalRunFolder } from '../../support/local-run.ts';
import { until } from '../../support/until.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';
import { startTestNats, type TestNatsServer } from '../../support/test-nats.ts';

const runMs = 120_000;
let runs: LocalRunFolder;

beforeAll(async () => {
  runs = await createLocalRunFolder();
});

afterEach(() => runs.killRuns());

afterAll(() => runs.remove());

describe.skipIf(process.platform !== 'linux')('the whole store on servers of the user', () => {
  let database: TestDatabase;
  let nats: TestNatsServer;

  beforeAll(async () => {
    [database, nats] = await Promise.all([startTestDatabase({ migrated: false }), startTestNats()]);
  });

  afterAll(async () => {
    await Promise.all([database.stop(), nats.close()]);
  });

  it(
    'uses MSG_URL and DATABASE_URL, sends spans to the user’s collector, and leaves all three running',
    async () => {
      const received: string[] = [];
      const collector = createServer((request, response) => {
        received.push(request.url ?? '');
        request.resume();
        response.end('{}');
      }).listen(0, '127.0.0.1');
      await once(collector, 'listening');
      const { port } = collector.address() as { port: number };
      const run = runs.start(['--once'], {
        MSG_URL: nats.url,
        DATABASE_URL: database.url,
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${String(port)}`,
        JAEGER_UI_URL: 'http://jaeger.example:16686/',
      });
      expect(await run.ended, run.output() + run.errors()).toBe(0);
      expect(readyUrls(run)).toMatchObject({ nats: nats.url, database: database.url });
      expect(run.output()).toMatch(/http:\/\/jaeger\.example:16686\/trace\/[0-9a-f]{32}$/m);
      expect(run.output()).not.toContain('✓ PostgreSQL');
      expect(new Set(received)).toEqual(new Set(['/v1/traces']));
      expect(runs.left()).toEqual([]);
      collector.close();
      const socket = connect(Number(new URL(nats.url).port), '127.0.0.1');
      await once(socket, 'data');
      socket.destroy();
      expect(await database.pool.query('select 1 as one')).toEqual([{ one: 1 }]);
    },
    runMs,
  );

  it(
    'says at once that MSG_URL does not answer',
    async () => {
      const run = runs.start(['--no-demo'], { MSG_URL: 'nats://127.0.0.1:1', DATABASE_URL: database.url });
      expect(await run.ended).toBe(1);
      expect(run.output()).toContain('MSG_URL: the server cannot be reached');
    },
    runMs,
  );

  interface StackRun {
    readonly stack: Stack;
    readonly progress: Progress;
    readonly signal: AbortSignal;
    readonly lines: readonly string[];
  }

  /** The store inside this process, so that a test can reach its parts. */
  const withStack = async (env: Readonly<Record<string, string>>, work: (run: StackRun) => Promise<void>) => {
    const { OTEL_EXPORTER_OTLP_ENDPOINT: _endpoint, ROUTING_FILE: _routing, ...rest } = process.env;
    const full = { ...rest, DATABASE_URL: database.url, GATEWAY_PORT: '0', ...env };
    const guard = createOrphanGuard();
    const lines: string[] = [];
    const write = (text: string): void => void lines.push(text);
    const progress = createProgress(write, () => performance.now());
    const { signal } = new AbortController();
    const stack = await startStack({
      rootDir,
      cacheDir: runs.folder,
      distDir: join(runs.folder, 'dist'),
      env: full,
      settings: readLocalSettings(full),
      progress,
      log: createLog({ service: 'test', level: 'WARNING', write, nowMs: Date.now }),
      onLine: (name, line) => {
        write(`${name}: ${line}\n`);
      },
      guard,
      signal,
    });
    try {
      await work({ stack, progress, signal, lines });
    } finally {
      await stack.stop();
      guard.close();
    }
    expect(runs.left()).toEqual([]);
  };

  it(
    'stores and forwards 1,000 messages exactly once while the functions and the connector are killed',
    async () => {
      // A server of its own, on which no consumer has the usual 90 s until it delivers again what a dead connector held.
      const ownNats = await startTestNats();
      const routingFile = join(runs.folder, 'quick-routing.yaml');
      const usual = readFileSync(join(rootDir, 'routing.yaml'), 'utf8');
      writeFileSync(routingFile, usual.replaceAll('batch_size: 500', 'batch_size: 500\n      ack_wait: 3'));
      try {
        await withStack(
          { MSG_URL: ownNats.url, ROUTING_FILE: routingFile },
          async ({ stack, progress, signal, lines }) => {
            const killed: number[] = [];
            const kill = (pid: number | undefined): void => {
              if (pid === undefined) return;
              killed.push(pid);
              process.kill(pid, 'SIGKILL');
            };
            let kills: Promise<void> | undefined;
            const killAll = async (): Promise<void> => {
              await until('a function runs', () => stack.host.functions().some(({ pids }) => pids.length > 0));
              await sleep(100);
              for (const { pids } of stack.host.functions()) pids.forEach(kill);
              await sleep(200);
              kill(stack.connector.pid());
            };
            const faults = await runDemo(stack, {
              progress,
              signal,
              jaegerUrl: undefined,
              routeMessages: 1_000,
              onPublished: () => {
                kills = killAll();
              },
            });
            await kills;
            expect(faults, lines.join('')).toEqual([]);
            expect(killed.length, lines.join('')).toBeGreaterThan(1);
            expect(stack.connector.restarts()).toBe(1);
            expect(lines.join('')).toContain('1020 rows');
          },
        );
      } finally {
        await ownNats.close();
      }
    },
    runMs,
  );

  it(
    'makes one connected trace of a message, from its publication to the processors',
    async () => {
      await withStack({ MSG_URL: nats.url }, async ({ stack, progress, signal }) => {
        expect(await runDemo(stack, { progress, signal, jaegerUrl: undefined, routeMessages: 20 })).toEqual([]);
        const demo = stack.collector?.spans().find(({ service }) => service === 'demo');
        const spans = stack.collector?.trace(demo?.traceId ?? '') ?? [];
        const byId = new Map(spans.map((span) => [span.spanId, span]));
        const pathOf = (spanId: string): readonly string[] => {
          const span = byId.get(spanId);
          return span === undefined ? [] : [...pathOf(span.parentSpanId), `${span.service}: ${span.name}`];
        };
        const paths = spans.map(({ spanId }) => pathOf(spanId).join(' > '));
        const hop = (publisher: string, subject: string, handler: string): readonly string[] => [
          `${publisher}: publish ${subject}`,
          `connector: deliver ${subject}`,
          `${handler}: process ${subject}`,
        ];
        const way = [
          ...hop('demo', 'processor.state.sync', 'state-route'),
          ...hop('state-route', 'processor.state.router', 'state-entry'),
        ].join(' > ');
        for (const subject of ['demo.processors.echo', 'demo.processors.any']) {
          expect(paths, printTrace(spans).join('\n')).toContain(`${way} > state-entry: publish ${subject}`);
        }
        // Nothing hangs loose: every span leads back to the publication.
        expect(paths.filter((path) => !path.startsWith('demo: publish'))).toEqual([]);
      });
    },
    runMs,
  );
});
