import {
  copyCells,
  copyEverything,
  insertEachCell,
  ourAppend,
  type Candidate,
  type CandidateFactory,
} from './append-candidates.ts';
import type { Bench, BenchContext, Measurement, Ratio } from './bench.ts';
import { createBenchState, createDatabase, type BenchState } from './databases.ts';
import { ratioSpread, spreadOf } from './statistics.ts';
import { naturalRows, usualCell, type CellSize } from './words.ts';

interface Shape {
  readonly rows: number;
  readonly trigram: boolean;
  readonly withKeys?: boolean;
  readonly states?: number;
  readonly size?: CellSize;
  readonly candidates: Readonly<Record<string, CandidateFactory>>;
  /** Ours against a candidate of this shape, at least. */
  readonly required: Readonly<Record<string, number>>;
}

const copies = { append: ourAppend, COPY: copyCells, 'COPY, positions, mapping': copyEverything };
const inserts = { append: ourAppend, COPY: copyCells, 'INSERT per cell': insertEachCell };
const pair = { append: ourAppend, COPY: copyCells };

const shapes: readonly Shape[] = [
  { rows: 1, trigram: true, candidates: copies, required: {} },
  { rows: 10, trigram: true, candidates: copies, required: { COPY: 1.1 } },
  { rows: 100, trigram: true, candidates: { ...copies, ...inserts }, required: { COPY: 0.9, 'INSERT per cell': 5 } },
  { rows: 1_000, trigram: true, candidates: copies, required: { COPY: 0.95 } },
  { rows: 1, trigram: false, candidates: copies, required: {} },
  { rows: 10, trigram: false, candidates: copies, required: { COPY: 1.5 } },
  { rows: 100, trigram: false, candidates: { ...copies, ...inserts }, required: { COPY: 1, 'INSERT per cell': 15 } },
  { rows: 1_000, trigram: false, candidates: copies, required: { COPY: 0.9 } },
  { rows: 10, trigram: false, withKeys: false, candidates: pair, required: {} },
  { rows: 100, trigram: false, withKeys: false, candidates: pair, required: {} },
  { rows: 1_000, trigram: false, withKeys: false, candidates: pair, required: {} },
  { rows: 100, trigram: true, withKeys: false, candidates: pair, required: {} },
  { rows: 100, trigram: true, states: 64, candidates: pair, required: {} },
  { rows: 100, trigram: true, size: { minBytes: 2_000, maxBytes: 2_000 }, candidates: pair, required: {} },
];

const nameOf = ({ rows, trigram, withKeys = true, states = 1, size }: Shape): string =>
  [
    `${rows} rows`,
    trigram ? 'all indexes' : 'no trigram index',
    ...(withKeys ? [] : ['no primary key']),
    ...(states === 1 ? [] : [`${states} states`]),
    ...(size === undefined ? [] : ['2 kB cells']),
  ].join(', ');

interface Contestant {
  readonly candidate: Candidate;
  readonly states: readonly BenchState[];
  readonly close: () => Promise<void>;
}

const enter = async (context: BenchContext, shape: Shape, factory: CandidateFactory): Promise<Contestant> => {
  const database = await createDatabase(context, { trigram: shape.trigram });
  const states: BenchState[] = [];
  for (let count = 0; count < (shape.states ?? 1); count += 1) states.push(await createBenchState(database.pool));
  const candidate = await factory(database, shape.withKeys ?? true);
  const close = async (): Promise<void> => {
    await candidate.close();
    await database.drop();
  };
  return { candidate, states, close };
};

/** Rows stored by each candidate in a round; enough that the trigram index's list is flushed in every round of large cells. */
const roundRows = ({ rows, trigram, size }: Shape, short: boolean): number => {
  if (short) return rows;
  const total = size !== undefined ? 100 : trigram ? 1_000 : 4_000;
  return Math.max(rows, Math.min(total, rows * 300));
};

const runShape = async (
  context: BenchContext,
  shape: Shape,
): Promise<{ readonly measurements: readonly Measurement[]; readonly ratios: readonly Ratio[] }> => {
  const names = Object.keys(shape.candidates);
  const contestants = new Map<string, Contestant>();
  const rates = new Map<string, number[]>(names.map((name) => [name, []]));
  const pool = naturalRows(context.short ? 100 : 5_000, 8, shape.rows, shape.size ?? usualCell);
  const calls = roundRows(shape, context.short) / shape.rows;
  const rounds = context.short ? 2 : 9;
  let taken = 0;
  const batch = (): typeof pool => Array.from({ length: shape.rows }, () => pool[taken++ % pool.length]!);
  try {
    for (const name of names) contestants.set(name, await enter(context, shape, shape.candidates[name]!));
    // The first round warms up: connections, plans, caches, the files' first pages.
    for (let round = -1; round < rounds; round += 1) {
      for (const name of round % 2 === 0 ? names : names.toReversed()) {
        const { candidate, states } = contestants.get(name)!;
        const batches = Array.from({ length: calls }, batch);
        const startedMs = performance.now();
        for (const [call, rows] of batches.entries()) await candidate.store(states[call % states.length]!, rows);
        const seconds = (performance.now() - startedMs) / 1_000;
        if (round >= 0) rates.get(name)!.push((calls * shape.rows) / seconds);
      }
    }
  } finally {
    for (const { close } of contestants.values()) await close();
  }
  const title = nameOf(shape);
  const ours = rates.get('append')!;
  return {
    measurements: names.map((name) => ({
      name: `${title}: ${name}`,
      unit: 'rows/s',
      spread: spreadOf(rates.get(name)!),
    })),
    ratios: names
      .filter((name) => name !== 'append')
      .map((name) => {
        const value = shape.required[name];
        return {
          name: `append against ${name}, ${title}`,
          spread: ratioSpread(ours, rates.get(name)!),
          ...(value === undefined ? {} : { required: { rule: 'at least' as const, value } }),
        };
      }),
  };
};

/** Our append against COPY of the same cells and against one INSERT per cell. */
export const appendBench: Bench = {
  name: 'append',
  seconds: 240,
  run: async (context) => {
    const measurements: Measurement[] = [];
    const ratios: Ratio[] = [];
    // Making databases takes the time that the short form has.
    for (const shape of context.short ? shapes.filter((_, index) => index % 3 === 0) : shapes) {
      const result = await runShape(context, shape);
      context.note(nameOf(shape));
      measurements.push(...result.measurements);
      ratios.push(...result.ratios);
    }
    return { measurements, ratios };
  },
};
