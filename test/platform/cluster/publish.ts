import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'nats';
import pg from 'pg';

/** How a try ended; `storedMs` counts from the first message. */
export interface Published {
  readonly stateId: string;
  readonly rows: number;
  readonly distinct: number;
  readonly storedMs: number;
}

/** Servers that a forwarded port leads to answer late at first. */
const connectTries = 30;

/**
 * Makes a state, publishes messages of one row into it, every tenth of them twice under the same id, and waits until each is stored.
 * @throws Error if they are not stored in time, or one is stored twice
 */
export const publishAndAwait = async (options: {
  readonly natsUrl: string;
  /** Undefined where the server asks nobody. */
  readonly natsUser?: { readonly user: string; readonly pass: string } | undefined;
  readonly databaseUrl: string;
  readonly count: number;
  readonly timeoutMs: number;
}): Promise<Published> => {
  const database = await connectDatabase(options.databaseUrl);
  const nats = await connect({
    servers: options.natsUrl,
    waitOnFirstConnect: true,
    maxReconnectAttempts: connectTries,
  });
  try {
    const stateId = randomUUID();
    await database.query("insert into state (id, state_type, count) values ($1, 'StateConfig', 0)", [stateId]);
    const startedMs = performance.now();
    const jetstream = nats.jetstream();
    const send = async (n: number): Promise<void> => {
      const body = { type: 'query_state_direct', state_id: stateId, query_state: [{ n }] };
      await jetstream.publish('processor.state.sync', JSON.stringify(body), { msgID: `${stateId}-${n}` });
    };
    for (let n = 0; n < options.count; n += 1) {
      await send(n);
      if (n % 10 === 0) await send(n);
    }
    for (;;) {
      const { rows } = await database.query<{ rows: number; distinct: number }>(
        `select count(*)::int as rows, count(distinct d.data_value)::int as distinct
           from state_column c join state_column_data d on d.column_id = c.id where c.state_id = $1 and c.name = 'n'`,
        [stateId],
      );
      const found = rows[0] ?? { rows: 0, distinct: 0 };
      const storedMs = performance.now() - startedMs;
      if (found.rows > found.distinct) throw new Error(`${found.rows} rows, ${found.distinct} of them distinct`);
      if (found.rows === options.count) return { stateId, ...found, storedMs };
      if (storedMs > options.timeoutMs) throw new Error(`${found.rows} of ${options.count} messages are stored`);
      await sleep(250);
    }
  } finally {
    await nats.close();
    await database.end();
  }
};

const connectDatabase = async (connectionString: string): Promise<pg.Client> => {
  for (let tries = 1; ; tries += 1) {
    const client = new pg.Client({ connectionString });
    try {
      await client.connect();
      return client;
    } catch (error) {
      if (tries === connectTries) throw error;
      await sleep(1_000);
    }
  }
};

if (import.meta.main) {
  const { NATS_URL: natsUrl = '', NATS_USER: user, NATS_PASSWORD: pass, DATABASE_URL: databaseUrl = '' } = process.env;
  const natsUser = user === undefined || pass === undefined ? undefined : { user, pass };
  const count = Number(process.argv[2] ?? 1_000);
  const { rows, storedMs } = await publishAndAwait({ natsUrl, natsUser, databaseUrl, count, timeoutMs: 300_000 });
  process.stdout.write(`stored: ${rows} messages, each once, ${(storedMs / 1_000).toFixed(1)} s after the first\n`);
}
