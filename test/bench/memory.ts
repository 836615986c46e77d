import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench, BenchContext, BenchResult, Measurement, Ratio } from './bench.ts';
import { createBenchState, createDatabase, type BenchDatabase, type BenchState } from './databases.ts';
import { routeMessage, rowMessages } from './messages.ts';
import { spreadOf } from './statistics.ts';
import { drainBacklog, residentMegabytes, startSystem } from './system.ts';
import { naturalRows } from './words.ts';

const limitMegabytes = 150;
const flatWithin = 1.15;

/** Fills a state up to a number of rows within the database. */
const growTo = async ({ pool }: BenchDatabase, state: BenchState, rows: number): Promise<void> => {
  await pool.transaction(async (connection) => {
    const [before] = await connection.query<{ count: number }>('select count from state where id = $1 for update', [
      state.stateId,
    ]);
    for (const { id } of state.columns) {
      await connection.query(
        `insert into state_column_data (column_id, data_index, data_value)
         select $1, n, 'grown in the database' from generate_series($2::int, $3::int - 1) n`,
        [id, before?.count ?? 0, rows],
      );
    }
    await connection.query('update state set count = $2 where id = $1', [state.stateId, rows]);
  });
};

const flat = (what: string, samples: readonly number[]): readonly Ratio[] => [
  {
    name: `memory, ${what}: last against first`,
    spread: spreadOf([samples.at(-1)! / samples[0]!]),
    required: { rule: 'at most', value: flatWithin },
  },
  {
    name: `memory, ${what}: most, against ${limitMegabytes} MB`,
    spread: spreadOf([Math.max(...samples) / limitMegabytes]),
    required: { rule: 'at most', value: 1 },
  },
];

const functionMemory = async (context: BenchContext): Promise<BenchResult> => {
  const sizes = context.short ? [1_000, 2_000] : [1_000, 10_000, 100_000, 1_000_000];
  const traffic = context.short ? 200 : 5_000;
  const rows = naturalRows(1_000, 8, 12);
  const database = await createDatabase(context, { trigram: false });
  const samples: number[] = [];
  try {
    const state = await createBenchState(database.pool);
    const system = await startSystem(context, { databaseUrl: database.url });
    const pid = system.functions[0]!;
    try {
      // The heap reaches the size that this traffic needs before the first sample.
      for (let round = 0; round < (context.short ? 1 : 4); round += 1) {
        await drainBacklog(system, rowMessages([state], rows, traffic));
      }
      for (const size of sizes) {
        const stored = await database.pool.query<{ count: number }>('select count from state where id = $1', [
          state.stateId,
        ]);
        if ((stored[0]?.count ?? 0) < size) await growTo(database, state, size);
        const seen: number[] = [];
        for (let round = 0; round < 3; round += 1) {
          await drainBacklog(system, rowMessages([state], rows, traffic));
          seen.push(await residentMegabytes(pid));
        }
        samples.push(spreadOf(seen).median);
        context.note(`function at ${size} rows`);
      }
    } finally {
      await system.close();
    }
  } finally {
    await database.drop();
  }
  const measurements = sizes.map((size, index): Measurement => ({
    name: `function, state of ${size} rows`,
    unit: 'MB',
    spread: spreadOf([samples[index]!]),
  }));
  return { measurements, ratios: flat('function, state of 10^3 to 10^6 rows', samples) };
};

/** Acks every message of a batch after a while. */
const slowGateway = async (delayMs: number): Promise<{ readonly url: string; readonly close: () => void }> => {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.once('end', () => {
      const events = JSON.parse(Buffer.concat(chunks).toString('utf8')) as readonly { readonly id: string }[];
      const results = events.map(({ id }) => ({ id, outcome: 'ack' }));
      setTimeout(() => response.end(JSON.stringify({ results })), delayMs);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
};

const connectorMemory = async (context: BenchContext): Promise<BenchResult> => {
  const backlogs = context.short ? [100, 1_000] : [1_000, 1_000_000];
  const gateway = await slowGateway(250);
  const samples: number[] = [];
  const state = { outputRouteId: 'a:b' } as BenchState;
  const message = routeMessage(state, naturalRows(1, 8, 13, { minBytes: 20, maxBytes: 40 }));
  try {
    const system = await startSystem(context, { databaseUrl: context.postgres.url, gatewayUrl: gateway.url });
    try {
      // The heap reaches the size that this traffic needs before the first sample.
      await drainBacklog(
        system,
        Array.from({ length: context.short ? 200 : 30_000 }, () => message),
      );
      for (const backlog of backlogs) {
        process.kill(system.connector.pid, 'SIGSTOP');
        for (let sent = 0; sent < backlog; sent += 10_000) {
          await system.publish(Array.from({ length: Math.min(10_000, backlog - sent) }, () => message));
        }
        process.kill(system.connector.pid, 'SIGCONT');
        const seen: number[] = [];
        for (let sample = 0; sample < (context.short ? 2 : 60); sample += 1) {
          await sleep(500);
          seen.push(await residentMegabytes(system.connector.pid));
        }
        samples.push(spreadOf(seen).median);
        context.note(`connector with ${backlog} messages waiting`);
      }
    } finally {
      await system.close();
    }
  } finally {
    gateway.close();
  }
  const measurements = backlogs.map((backlog, index): Measurement => ({
    name: `connector, ${backlog} messages waiting`,
    unit: 'MB',
    spread: spreadOf([samples[index]!]),
  }));
  return { measurements, ratios: flat('connector, 10^3 or 10^6 messages waiting', samples) };
};

/** Memory does not follow the size of a state, nor the length of a backlog. */
export const memoryBench: Bench = {
  name: 'memory',
  seconds: 150,
  run: async (context) => {
    const ofFunction = await functionMemory(context);
    const ofConnector = await connectorMemory(context);
    return {
      measurements: [...ofFunction.measurements, ...ofConnector.measurements],
      ratios: [...ofFunction.ratios, ...ofConnector.ratios],
    };
  },
};
