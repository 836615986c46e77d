import { randomUUID } from 'node:crypto';
import { append } from '../../shared/postgres/append.ts';
import type { DatabasePool } from '../../shared/postgres/database.ts';
import { createPool } from '../../shared/postgres/pool.ts';
import { benchDelivery, type Rows } from './append-candidates.ts';
import type { Bench, BenchContext, BenchResult, Measurement, Ratio } from './bench.ts';
import {
  columnNames,
  createBenchState,
  createDatabase,
  createTrigramIndex,
  type BenchDatabase,
  type BenchState,
} from './databases.ts';
import { fillLedger, filledStream, fillState } from './fill-tables.ts';
import { processorSeconds } from './processor-time.ts';
import { ratioSpread, spreadOf } from './statistics.ts';
import { naturalRows } from './words.ts';

interface Shape {
  readonly name: string;
  readonly messages: number;
  readonly rowsOfEach: number;
  /** What their ids are: drawn at random by the producer, or their place in the stream, if the producer gives none. */
  readonly ids: 'random' | 'sequence';
  /** Appends of a round: enough that the server's clock, which counts hundredths of a second, tells them apart. */
  readonly calls: number;
}

const shapes: readonly Shape[] = [
  { name: 'a message of 1 row', messages: 1, rowsOfEach: 1, ids: 'sequence', calls: 600 },
  { name: '100 messages of 1 row', messages: 100, rowsOfEach: 1, ids: 'sequence', calls: 60 },
  { name: '100 messages of 1 row with random ids', messages: 100, rowsOfEach: 1, ids: 'random', calls: 60 },
  { name: 'a message of 100 rows', messages: 1, rowsOfEach: 100, ids: 'sequence', calls: 60 },
];

/** Its index has a list that is emptied now and then: a round must see that more than once. */
const trigramShapes: readonly Shape[] = [{ ...shapes.at(-1)!, calls: 40 }];

interface Contestant {
  readonly database: BenchDatabase;
  readonly state: BenchState;
  /** Stays small. */
  readonly other: BenchState;
  /** Its plans are as old as this connection. */
  readonly pool: DatabasePool;
  /** The server's process behind it. */
  readonly pid: number;
}

const enter = async (context: BenchContext): Promise<Contestant> => {
  const database = await createDatabase(context, { trigram: false });
  const state = await createBenchState(database.pool);
  const other = await createBenchState(database.pool);
  const hour = 3_600_000;
  const pool = createPool(database.url, { max: 1, idleTimeoutMs: hour, maxLifetimeMs: hour, queryTimeoutMs: hour });
  const [backend] = await pool.query<{ pid: number }>('select pg_backend_pid() as pid');
  return { database, state, other, pool, pid: backend!.pid };
};

const leave = async ({ pool, database }: Contestant): Promise<void> => {
  await pool.end();
  await database.drop();
};

/** Beyond those that the ledger is filled with. */
let sequence = 20_000_000;

const idOf = (ids: Shape['ids']): string =>
  ids === 'random' ? `${filledStream}/${randomUUID()}` : `${filledStream}/${++sequence}@1790000000000000000`;

const store = async ({ pool, state }: Contestant, shape: Shape, take: (count: number) => Rows): Promise<void> => {
  for (let call = 0; call < shape.calls; call += 1) {
    const deliveries = Array.from({ length: shape.messages }, () =>
      benchDelivery(state, take(shape.rowsOfEach), { id: idOf(shape.ids), withKeys: true }),
    );
    const { stateId, columns } = state;
    const result = await append(pool, { stateId, columns, deliveries, dedupe: false });
    if (result.deliveries.some(({ status }) => status !== 'stored')) throw new Error('the append stored not all');
  }
};

interface Round {
  readonly rate: number;
  readonly serverUs: number;
}

const measure = async (contestant: Contestant, shape: Shape, take: (count: number) => Rows): Promise<Round> => {
  const rows = shape.calls * shape.messages * shape.rowsOfEach;
  const before = processorSeconds(contestant.pid);
  const startedMs = performance.now();
  await store(contestant, shape, take);
  const seconds = (performance.now() - startedMs) / 1_000;
  return { rate: rows / seconds, serverUs: ((processorSeconds(contestant.pid) - before) * 1e6) / rows };
};

interface Pair {
  readonly empty: Contestant;
  readonly large: Contestant;
}

const names = ['empty', 'large'] as const;

const compare = async (
  context: BenchContext,
  pair: Pair,
  shape: Shape,
  title: string,
  take: (count: number) => Rows,
): Promise<{ readonly measurements: readonly Measurement[]; readonly ratios: readonly Ratio[] }> => {
  const rounds = context.short ? 1 : 9;
  const seen = { empty: [] as Round[], large: [] as Round[] };
  for (let round = -1; round < rounds; round += 1) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const result = await measure(pair[name], context.short ? { ...shape, calls: 2 } : shape, take);
      if (round >= 0) seen[name].push(result);
    }
  }
  const full = `${shape.name}, ${title}`;
  context.note(full);
  const rates = (name: keyof Pair) => seen[name].map(({ rate }) => rate);
  const times = (name: keyof Pair) => seen[name].map(({ serverUs }) => serverUs);
  return {
    measurements: names.flatMap((name) => [
      { name: `${full}: ${name}`, unit: 'rows/s' as const, spread: spreadOf(rates(name)) },
      { name: `${full}: ${name}, processor time of the server`, unit: 'us' as const, spread: spreadOf(times(name)) },
    ]),
    ratios: [
      {
        name: `append to large tables against empty ones, ${full}`,
        spread: ratioSpread(rates('large'), rates('empty')),
        required: { rule: 'at least', value: 0.85 },
      },
      {
        name: `processor time of the server, large against empty, ${full}`,
        spread: ratioSpread(times('large'), times('empty')),
      },
    ],
  };
};

const fill = async (context: BenchContext, { database: { pool }, state }: Contestant): Promise<void> => {
  const rows = context.short ? 2_000 : 10_000_000;
  await fillLedger(pool, state.stateId, rows, (done) => context.note(`ledger: ${done} rows`));
  await fillState(pool, state, Math.ceil(rows / columnNames.length), (done) =>
    context.note(`state: ${done} rows of ${columnNames.length} cells`),
  );
};

const runLarge = async (context: BenchContext): Promise<BenchResult> => {
  const texts = naturalRows(context.short ? 200 : 5_000, columnNames.length, 32);
  let taken = 0;
  const take = (count: number): Rows => Array.from({ length: count }, () => texts[taken++ % texts.length]!);
  const measurements: Measurement[] = [];
  const ratios: Ratio[] = [];
  const contestants: Contestant[] = [];
  try {
    for (const _ of names) contestants.push(await enter(context));
    const [empty, large] = contestants as [Contestant, Contestant];
    const compareAll = async (own: readonly Shape[], title: string): Promise<void> => {
      for (const shape of own) {
        const result = await compare(context, { empty, large }, shape, title, take);
        measurements.push(...result.measurements);
        ratios.push(...result.ratios);
      }
    };
    // A plan is kept from the sixth use of a statement on: here those of both, while nothing is there.
    for (const contestant of contestants) {
      const warming = { ...contestant, state: contestant.other };
      for (const shape of shapes) await store(warming, { ...shape, calls: 10 }, take);
    }
    await fill(context, large);
    await compareAll(shapes, 'plans made while they were empty, no statistics');
    context.note('vacuum analyze');
    await large.database.pool.query('vacuum analyze');
    await compareAll(shapes, 'analyzed');
    context.note('builds the trigram index');
    for (const { database } of contestants) await createTrigramIndex(database.pool);
    await compareAll(trigramShapes, 'analyzed, all indexes');
  } finally {
    for (const contestant of contestants) await leave(contestant);
  }
  return { measurements, ratios };
};

/** An append beside a ledger of 10^7 rows, to a state of 10^7 cells, against one to empty tables. */
export const largeBench: Bench = { name: 'large', seconds: 900, onlyNamed: true, run: runLarge };
