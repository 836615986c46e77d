import { appendMany } from '../../shared/postgres/append-many.ts';
import type { DatabasePool } from '../../shared/postgres/database.ts';
import { createPool } from '../../shared/postgres/pool.ts';
import { benchDelivery, type Rows } from './append-candidates.ts';
import type { Bench, BenchContext, BenchResult, Measurement } from './bench.ts';
import { columnNames, createBenchStates, createDatabase, type BenchDatabase, type BenchState } from './databases.ts';
import { processorSeconds } from './processor-time.ts';
import { ratioSpread, spreadOf } from './statistics.ts';
import { naturalRows } from './words.ts';

interface Candidate {
  readonly name: string;
  /** Storage parameters of the table `state`, which is written anew with them. */
  readonly storage?: string;
  /** Somebody reads in a transaction that stays open from the first minute on. */
  readonly hasOldReader?: boolean;
}

const usual: Candidate = { name: 'as created' };
const candidates: readonly Candidate[] = [
  usual,
  { name: 'fillfactor 50', storage: 'fillfactor = 50' },
  { name: 'a transaction stays open', hasOldReader: true },
];

const statesOfStatement = 500;
const statementsOfSlice = 20;
const hour = 3_600_000;

interface Contestant {
  readonly candidate: Candidate;
  readonly database: BenchDatabase;
  readonly states: readonly BenchState[];
  readonly pool: DatabasePool;
  readonly pid: number;
  readonly slices: Slice[];
  readonly reader: DatabasePool;
}

interface Slice {
  readonly rate: number;
  readonly serverUs: number;
}

const enter = async (
  context: BenchContext,
  candidate: Candidate,
  server: { readonly url: string },
  count: number,
): Promise<Contestant> => {
  const database = await createDatabase(context, { trigram: false, server });
  const states = await createBenchStates(database.pool, count);
  if (candidate.storage !== undefined) {
    await database.pool.query(`alter table ${database.pool.tables.state} set (${candidate.storage})`);
    await database.pool.query(`vacuum full ${database.pool.tables.state}`);
  }
  const pool = createPool(database.url, { max: 1, idleTimeoutMs: hour, maxLifetimeMs: hour });
  const reader = createPool(database.url, { max: 1, idleTimeoutMs: hour, maxLifetimeMs: hour });
  const [backend] = await pool.query<{ pid: number }>('select pg_backend_pid() as pid');
  return { candidate, database, states, pool, pid: backend!.pid, slices: [], reader };
};

const leave = async ({ pool, reader, database }: Contestant): Promise<void> => {
  await pool.end();
  await reader.end();
  await database.drop();
};

let messages = 0;

const measure = async (contestant: Contestant, take: () => Rows): Promise<Slice> => {
  const { states, pool, pid } = contestant;
  const size = Math.min(statesOfStatement, states.length);
  const before = processorSeconds(pid);
  const startedMs = performance.now();
  for (let statement = 0; statement < statementsOfSlice; statement += 1) {
    const from = (statement * size) % states.length;
    const requests = states.slice(from, from + size).map((state) => ({
      stateId: state.stateId,
      columns: state.columns,
      deliveries: [benchDelivery(state, take(), { id: `processor_state_sync/${++messages}@1`, withKeys: false })],
      dedupe: false,
    }));
    const stored = await appendMany(pool, requests);
    if (stored.size !== requests.length) throw new Error(`${requests.length - stored.size} states were left out`);
  }
  const rows = statementsOfSlice * size;
  const seconds = (performance.now() - startedMs) / 1_000;
  return { rate: rows / seconds, serverUs: ((processorSeconds(pid) - before) * 1e6) / rows };
};

/** Of the table of states: what an update of it leaves behind. */
const readTable = async ({ database: { pool } }: Contestant): Promise<readonly { name: string; value: number }[]> => {
  const [row] = await pool.query<{ hot: number; dead: number; mb: number; indexMb: number; vacuums: number }>(
    `select 100 * n_tup_hot_upd / greatest(n_tup_upd, 1)::float8 as hot, n_dead_tup::float8 as dead,
            pg_relation_size(relid) / 1e6::float8 as mb, pg_indexes_size(relid) / 1e6::float8 as "indexMb",
            autovacuum_count::float8 as vacuums
       from pg_stat_user_tables where relid = $1::regclass`,
    [pool.tables.state],
  );
  return [
    { name: 'updates that touched no index (%)', value: row?.hot ?? Number.NaN },
    { name: 'dead versions', value: row?.dead ?? Number.NaN },
    { name: 'size (MB)', value: row?.mb ?? Number.NaN },
    { name: 'size of its indexes (MB)', value: row?.indexMb ?? Number.NaN },
    { name: 'autovacuums', value: row?.vacuums ?? Number.NaN },
  ];
};

/** The first and the last sixth of the slices. */
const ends = (slices: readonly Slice[]): { readonly first: readonly Slice[]; readonly last: readonly Slice[] } => {
  const size = Math.max(1, Math.floor(slices.length / 6));
  return { first: slices.slice(0, size), last: slices.slice(-size) };
};

/** As long as each candidate is measured. */
const candidateMs = 300_000;

const openReader = async ({ reader }: Contestant, until: Promise<void>): Promise<void> =>
  reader.transaction(async (connection) => {
    await connection.query('set transaction isolation level repeatable read');
    await connection.query('select count(*) from state');
    await until;
  });

const run = async (context: BenchContext): Promise<BenchResult> => {
  const rows = naturalRows(context.short ? 200 : 5_000, columnNames.length, 34);
  let taken = 0;
  const take = (): Rows => [rows[taken++ % rows.length]!];
  // With what PostgreSQL brings along: here its own cleaning is part of what is measured.
  const server = await context.startServer(['shared_buffers=512MB', 'max_wal_size=8GB', 'checkpoint_timeout=1h']);
  const contestants: Contestant[] = [];
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const readers: Promise<void>[] = [];
  const measurements: Measurement[] = [];
  const slicesMs = new Map<Contestant, number>();
  try {
    for (const candidate of candidates) {
      contestants.push(await enter(context, candidate, server, context.short ? 20 : 1_000));
    }
    // What is new costs more: plans, the first pages of the files.
    for (const contestant of contestants) await measure(contestant, take);
    for (const contestant of contestants) {
      if (contestant.candidate.hasOldReader === true) readers.push(openReader(contestant, released));
      slicesMs.set(contestant, 0);
    }
    const limitMs = context.short ? 1 : candidateMs;
    while (contestants.some((contestant) => slicesMs.get(contestant)! < limitMs)) {
      for (const contestant of contestants) {
        const startedMs = performance.now();
        contestant.slices.push(await measure(contestant, take));
        slicesMs.set(contestant, slicesMs.get(contestant)! + performance.now() - startedMs);
      }
      context.note(`${contestants[0]!.slices.length} slices`);
    }
    for (const contestant of contestants) {
      for (const { name, value } of await readTable(contestant)) {
        measurements.push({ name: `${contestant.candidate.name}: ${name}`, unit: '', spread: spreadOf([value]) });
      }
    }
    release();
    await Promise.all(readers);
    // What is left of the difference afterwards is the cells' own.
    const [first] = contestants;
    await first!.database.pool.query(`vacuum full ${first!.database.pool.tables.state}`);
    const anew: Slice[] = [];
    for (let slice = 0; slice < (context.short ? 1 : 5); slice += 1) anew.push(await measure(first!, take));
    measurements.push({
      name: `${usual.name}, then written anew: processor time of the server for a row`,
      unit: 'us',
      spread: spreadOf(anew.map(({ serverUs }) => serverUs)),
    });
  } finally {
    release();
    for (const contestant of contestants) await leave(contestant);
    await server.stop();
  }
  const times = (slices: readonly Slice[]) => slices.map(({ serverUs }) => serverUs);
  const rates = (slices: readonly Slice[]) => slices.map(({ rate }) => rate);
  return {
    measurements: [
      ...contestants.flatMap(({ candidate: { name }, slices }): readonly Measurement[] =>
        (['first', 'last'] as const).flatMap((end) => [
          { name: `${name}, ${end} slices`, unit: 'rows/s', spread: spreadOf(rates(ends(slices)[end])) },
          {
            name: `${name}, ${end} slices: processor time of the server for a row`,
            unit: 'us',
            spread: spreadOf(times(ends(slices)[end])),
          },
        ]),
      ),
      ...measurements,
    ],
    ratios: contestants.flatMap(({ candidate: { name }, slices }) => [
      {
        name: `processor time of the server, last slices against the first, ${name}`,
        spread: ratioSpread(times(ends(slices).last), times(ends(slices).first)),
        ...(name === usual.name ? { required: { rule: 'at most' as const, value: 1.15 } } : {}),
      },
      ...(name === usual.name
        ? []
        : [
            {
              name: `processor time of the server, last slices, ${name} against ${usual.name}`,
              spread: ratioSpread(times(ends(slices).last), times(ends(contestants[0]!.slices).last)),
            },
          ]),
    ]),
  };
};

/** Whether an append to many states grows slower over minutes, as old versions of the states' rows pile up. */
export const manyStatesLongBench: Bench = { name: 'many-states-long', seconds: 960, onlyNamed: true, run };
