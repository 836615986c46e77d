import { readFile } from 'node:fs/promises';
import { ourAppend } from './append-candidates.ts';
import type { Bench, BenchContext, BenchResult } from './bench.ts';
import { createBenchState, createDatabase, type BenchDatabase, type BenchState } from './databases.ts';
import { ratioSpread, spreadOf } from './statistics.ts';
import { naturalRows } from './words.ts';

const folder = new URL('../../infra/postgres/optional/', import.meta.url);
const migrations = ['redundant_indexes', 'partial_trigram', 'backfill'] as const;

/** Runs a file of the folder, statement by statement: `concurrently` refuses a transaction. */
const runFile = async ({ pool }: BenchDatabase, name: string): Promise<void> => {
  const text = await readFile(new URL(name, folder), 'utf8');
  const statements = text.replaceAll(/^--.*$/gm, '').split(';');
  for (const statement of statements) if (statement.trim() !== '') await pool.query(statement);
};

const batchRows = 100;

const runOptional = async (context: BenchContext): Promise<BenchResult> => {
  const rounds = context.short ? 1 : 7;
  const calls = context.short ? 1 : 15;
  const rows = naturalRows(context.short ? 200 : 5_000, 8, 14);
  const names = ['all indexes', ...migrations] as const;
  const entries = new Map<string, { readonly database: BenchDatabase; readonly state: BenchState }>();
  const rates = new Map<string, number[]>(names.map((name) => [name, []]));
  let taken = 0;
  try {
    for (const name of names) {
      const database = await createDatabase(context);
      entries.set(name, { database, state: await createBenchState(database.pool) });
      if (name !== 'all indexes') await runFile(database, `${name}.up.sql`);
    }
    for (let round = -1; round < rounds; round += 1) {
      for (const name of round % 2 === 0 ? names : names.toReversed()) {
        const { database, state } = entries.get(name)!;
        const candidate = await ourAppend(database, true);
        const startedMs = performance.now();
        for (let call = 0; call < calls; call += 1) {
          const from = (taken++ * batchRows) % (rows.length - batchRows);
          await candidate.store(state, rows.slice(from, from + batchRows));
        }
        if (round >= 0) rates.get(name)!.push((calls * batchRows * 1_000) / (performance.now() - startedMs));
      }
    }
    // What is shipped as reversible is reversed here too.
    for (const name of migrations) await runFile(entries.get(name)!.database, `${name}.down.sql`);
  } finally {
    for (const { database } of entries.values()) await database.drop();
  }
  return {
    measurements: [...rates].map(([name, values]) => ({
      name: `append of ${batchRows} rows: ${name}`,
      unit: 'rows/s',
      spread: spreadOf(values),
    })),
    ratios: migrations.map((name) => ({
      name: `append with ${name}.up.sql, against all indexes`,
      spread: ratioSpread(rates.get(name)!, rates.get('all indexes')!),
    })),
  };
};

/** What the optional index changes gain. */
export const optionalIndexBench: Bench = { name: 'optional-indexes', seconds: 60, run: runOptional };
