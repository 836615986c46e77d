import { setTimeout as sleep } from 'node:timers/promises';
import { append } from '../../shared/postgres/append.ts';
import type { DatabasePool } from '../../shared/postgres/database.ts';
import { createPool } from '../../shared/postgres/pool.ts';
import { benchDelivery, type Rows } from './append-candidates.ts';
import type { Bench, BenchContext, BenchResult, Measurement } from './bench.ts';
import {
  columnNames,
  createBenchState,
  createDatabase,
  createTrigramIndex,
  type BenchDatabase,
  type BenchState,
} from './databases.ts';
import { fillState } from './fill-tables.ts';
import { processorSeconds } from './processor-time.ts';
import { ratioSpread, spreadOf } from './statistics.ts';
import { naturalRows } from './words.ts';

interface Setting {
  readonly name: string;
  /** Storage parameter of the index. */
  readonly index?: string;
  /** Of the role that appends. */
  readonly workMem?: string;
  /** Another session empties the list this often. */
  readonly cleanEveryMs?: number;
}

const usual: Setting = { name: 'as created' };
const settings: readonly Setting[] = [
  usual,
  { name: 'list of 16 MB, work_mem 64 MB', index: 'gin_pending_list_limit = 16384', workMem: '64MB' },
  { name: 'list of 64 MB, work_mem 256 MB', index: 'gin_pending_list_limit = 65536', workMem: '256MB' },
  { name: 'list of 32 MB, emptied each second', index: 'gin_pending_list_limit = 32768', cleanEveryMs: 1_000 },
];

const batchRows = 100;
const index = 'state_column_data_trgm_idx';
const hour = 3_600_000;

interface Contestant {
  readonly setting: Setting;
  readonly database: BenchDatabase;
  readonly state: BenchState;
  readonly pool: DatabasePool;
  readonly pid: number;
  readonly cleaner: DatabasePool;
  readonly cleanerPid: number;
}

const pidOf = async (pool: DatabasePool): Promise<number> => {
  const [row] = await pool.query<{ pid: number }>('select pg_backend_pid() as pid');
  return row!.pid;
};

const enter = async (
  context: BenchContext,
  setting: Setting,
  state: BenchState,
  copyOf: string,
): Promise<Contestant> => {
  const database = await createDatabase(context, { copyOf });
  if (setting.index !== undefined) await database.pool.query(`alter index ${index} set (${setting.index})`);
  const one = { max: 1, idleTimeoutMs: hour, maxLifetimeMs: hour, queryTimeoutMs: hour };
  const url = new URL(database.url);
  if (setting.workMem !== undefined) url.searchParams.set('options', `--work_mem=${setting.workMem}`);
  const pool = createPool(url.href, one);
  const cleaner = createPool(database.url, one);
  return { setting, database, state, pool, pid: await pidOf(pool), cleaner, cleanerPid: await pidOf(cleaner) };
};

const leave = async ({ pool, cleaner, database }: Contestant): Promise<void> => {
  await pool.end();
  await cleaner.end();
  await database.drop();
};

interface Round {
  readonly rate: number;
  /** Processor time for a row, of the session that appends and of the one that empties the list. */
  readonly serverUs: number;
  readonly appendUs: number;
  readonly longestMs: number;
  readonly searchMs: number;
}

let messages = 0;

const measure = async (contestant: Contestant, calls: number, take: () => Rows): Promise<Round> => {
  const { pool, pid, cleaner, cleanerPid, state, setting } = contestant;
  const stopping = new AbortController();
  const cleaning = cleanEvery(cleaner, setting.cleanEveryMs, stopping.signal);
  const before = [pid, cleanerPid].map(processorSeconds);
  const startedMs = performance.now();
  let longestMs = 0;
  for (let call = 0; call < calls; call += 1) {
    const callMs = performance.now();
    const delivery = benchDelivery(state, take(), { id: `processor_state_sync/${++messages}@1`, withKeys: true });
    await append(pool, { stateId: state.stateId, columns: state.columns, deliveries: [delivery], dedupe: false });
    longestMs = Math.max(longestMs, performance.now() - callMs);
  }
  const seconds = (performance.now() - startedMs) / 1_000;
  stopping.abort();
  await cleaning;
  const rows = calls * batchRows;
  const [appendUs, cleanUs] = [pid, cleanerPid].map((of, at) => ((processorSeconds(of) - before[at]!) * 1e6) / rows);
  const serverUs = appendUs! + cleanUs!;
  return { rate: rows / seconds, serverUs, appendUs: appendUs!, longestMs, searchMs: await searchMs(pool) };
};

const cleanEvery = async (pool: DatabasePool, everyMs: number | undefined, signal: AbortSignal): Promise<void> => {
  if (everyMs === undefined) return;
  while (!signal.aborted) {
    await sleep(everyMs, undefined, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
    if (!signal.aborted) await pool.query('select gin_clean_pending_list($1::regclass)', [index]);
  }
};

/** What a reader waits for who looks for a text that is nowhere: the index, and the whole list. */
const searchMs = async (pool: DatabasePool): Promise<number> => {
  const times: number[] = [];
  for (let time = 0; time < 3; time += 1) {
    const startedMs = performance.now();
    await pool.query(`select count(*) from ${pool.tables.cell} where data_value ilike '%qzxv jwqk%'`);
    times.push(performance.now() - startedMs);
  }
  return Math.min(...times);
};

const runTrigramList = async (context: BenchContext): Promise<BenchResult> => {
  const rounds = context.short ? 1 : 5;
  const calls = context.short ? 1 : 60;
  const rows = naturalRows(context.short ? 200 : 5_000, columnNames.length, 33);
  let taken = 0;
  const take = (): Rows => {
    const from = (taken++ * batchRows) % (rows.length - batchRows);
    return rows.slice(from, from + batchRows);
  };
  const contestants: Contestant[] = [];
  const pattern = await createDatabase(context, { trigram: false });
  const seen = new Map<string, Round[]>(settings.map(({ name }) => [name, []]));
  try {
    const state = await createBenchState(pattern.pool);
    // What a list is emptied into: the larger the index, the more pages each trigram of the list touches.
    await fillState(pattern.pool, state, context.short ? 200 : 50_000, (done) => context.note(`${done} rows`));
    await createTrigramIndex(pattern.pool);
    await pattern.pool.query('vacuum analyze');
    await pattern.pool.end();
    for (const setting of settings) contestants.push(await enter(context, setting, state, pattern.name));
    for (let round = -1; round < rounds; round += 1) {
      for (const contestant of round % 2 === 0 ? contestants : contestants.toReversed()) {
        const result = await measure(contestant, calls, take);
        if (round >= 0) seen.get(contestant.setting.name)!.push(result);
      }
      context.note(`round ${round + 1} of ${rounds}`);
    }
  } finally {
    for (const contestant of contestants) await leave(contestant);
    await pattern.drop();
  }
  const of = (name: string, key: keyof Round): readonly number[] => seen.get(name)!.map((round) => round[key]);
  return {
    measurements: settings.flatMap(({ name }): readonly Measurement[] => [
      { name: `append of ${batchRows} rows: ${name}`, unit: 'rows/s', spread: spreadOf(of(name, 'rate')) },
      { name: `processor time of the server for a row: ${name}`, unit: 'us', spread: spreadOf(of(name, 'serverUs')) },
      { name: `of it by the session that appends: ${name}`, unit: 'us', spread: spreadOf(of(name, 'appendUs')) },
      { name: `longest append: ${name}`, unit: 'ms', spread: spreadOf(of(name, 'longestMs')) },
      { name: `search: ${name}`, unit: 'ms', spread: spreadOf(of(name, 'searchMs')) },
    ]),
    ratios: settings
      .filter((setting) => setting !== usual)
      .flatMap(({ name }) => [
        {
          name: `append, ${name}, against ${usual.name}`,
          spread: ratioSpread(of(name, 'rate'), of(usual.name, 'rate')),
        },
        {
          name: `processor time of the server, ${name}, against ${usual.name}`,
          spread: ratioSpread(of(name, 'serverUs'), of(usual.name, 'serverUs')),
        },
        {
          name: `processor time of the session that appends, ${name}, against ${usual.name}`,
          spread: ratioSpread(of(name, 'appendUs'), of(usual.name, 'appendUs')),
        },
      ]),
  };
};

/** What the settings of the trigram index's list of cells to come gain and cost. */
export const trigramListBench: Bench = { name: 'trigram-list', seconds: 180, run: runTrigramList };
