import { connect, type NatsConnection } from 'nats';
import { afterAll, beforeAll } from 'vitest';
import { createStateDirect } from '../../functions/state-direct/state-direct.ts';
import { createStateEntry } from '../../functions/state-entry/state-entry.ts';
import { createStateRoute } from '../../functions/state-route/state-route.ts';
import { readStreamTexts } from './read-stream-texts.ts';
import { startTestDatabase, type TestDatabase } from './test-database.ts';
import { startTestFunction, type TestFunction, type TestFunctionOptions } from './test-function.ts';
import { startTestNats, type TestNatsServer } from './test-nats.ts';

/** The functions of the store as they are composed, on a database and a message server of the test file's own. */
export interface FunctionSuite {
  readonly database: TestDatabase;
  readonly client: NatsConnection;
  readonly direct: TestFunction;
  readonly route: TestFunction;
  readonly entry: TestFunction;
  /** A further function with settings of its own; closed with the suite. */
  start(name: 'state-direct' | 'state-route', more: Partial<TestFunctionOptions>): Promise<TestFunction>;
  /** What the router's stream holds for a route, oldest first. */
  forwarded(routeId: string): Promise<readonly string[]>;
}

const creators = {
  'state-direct': createStateDirect,
  'state-route': createStateRoute,
  'state-entry': createStateEntry,
};

export const useFunctions = (options: { readonly routing?: string } = {}): FunctionSuite => {
  const parts: { -readonly [Key in keyof FunctionSuite]?: FunctionSuite[Key] } & { nats?: TestNatsServer } = {};
  const started = new Set<TestFunction>();
  const start = async (name: keyof typeof creators, more: Partial<TestFunctionOptions> = {}): Promise<TestFunction> => {
    const own = await startTestFunction({
      name,
      create: creators[name],
      databaseUrl: parts.database!.url,
      natsUrl: parts.nats!.url,
      ...(options.routing === undefined ? {} : { routing: options.routing }),
      ...more,
      env: { CACHE_TTL_SECONDS: '0', ...more.env },
    });
    started.add(own);
    const close = async (): Promise<void> => {
      if (started.delete(own)) await own.close();
    };
    return { ...own, close };
  };
  beforeAll(async () => {
    [parts.database, parts.nats] = await Promise.all([startTestDatabase(), startTestNats()]);
    parts.client = await connect({ servers: parts.nats.url });
    parts.direct = await start('state-direct');
    parts.route = await start('state-route');
    parts.entry = await start('state-entry');
  });
  afterAll(async () => {
    await Promise.all([...started].map((own) => own.close()));
    await parts.client?.close();
    await Promise.all([parts.database?.stop(), parts.nats?.close()]);
  });
  return {
    get database() {
      return parts.database!;
    },
    get client() {
      return parts.client!;
    },
    get direct() {
      return parts.direct!;
    },
    get route() {
      return parts.route!;
    },
    get entry() {
      return parts.entry!;
    },
    start,
    forwarded: async (routeId) => {
      const texts = await readStreamTexts(parts.client!, 'processor_state_router');
      return texts.filter((text) => text.includes(JSON.stringify(routeId)));
    },
  };
};

/** What was said of each message: `ack`, or the outcome and its code. */
export const said = (outcomes: readonly { readonly outcome: string; readonly code?: string }[]): readonly string[] =>
  outcomes.map(({ outcome, code }) => (code === undefined ? outcome : `${outcome} ${code}`));

export const directMessage = (stateId: string, rows: unknown, more: object = {}): string =>
  JSON.stringify({ type: 'query_state_direct', state_id: stateId, query_state: rows, ...more });

export const routeMessage = (routeId: string, rows: unknown, more: object = {}): string =>
  JSON.stringify({ type: 'query_state_route', route_id: routeId, query_state: rows, ...more });
