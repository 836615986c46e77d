import { createHash } from 'node:crypto';
import { finished } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { append } from '../../shared/postgres/append.ts';
import type { AppendDelivery } from '../../shared/postgres/append-request.ts';
import type { BenchDatabase, BenchState } from './databases.ts';

/** Rows of one message: `rows[i][c]` is the cell of column c. */
export type Rows = readonly (readonly string[])[];

/** One way to store a batch of rows in one state. */
export interface Candidate {
  readonly store: (state: BenchState, rows: Rows) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Rows per second of so many batches, one after the other. */
export const appendRate = async (
  { store }: Candidate,
  state: BenchState,
  rows: Rows,
  { calls, batchRows }: { readonly calls: number; readonly batchRows: number },
): Promise<number> => {
  const startedMs = performance.now();
  for (let call = 0; call < calls; call += 1) {
    const from = (call * batchRows) % (rows.length - batchRows);
    await store(state, rows.slice(from, from + batchRows));
  }
  return (calls * batchRows * 1_000) / (performance.now() - startedMs);
};

export type CandidateFactory = (database: BenchDatabase, withKeys: boolean) => Promise<Candidate>;

/** As long as the keys of states are: a digest. */
const keyOf = (text: string | number): string => createHash('sha256').update(String(text)).digest('hex');

let deliveries = 0;
let keys = 0;

/** What a function hands to the append for a message of these rows. */
export const benchDelivery = (
  { columns }: BenchState,
  rows: Rows,
  options: { readonly id: string; readonly withKeys: boolean },
): AppendDelivery => ({
  id: options.id,
  rowCount: rows.length,
  cells: columns.map((_, column) => rows.map((row) => row[column] ?? null)),
  stateKeys: rows.map(() => (options.withKeys ? keyOf(++keys) : null)),
  bytes: rows.flat().reduce((sum, cell) => sum + (cell?.length ?? 0) + 16, 0),
  forwards: false,
  contentHash: keyOf(options.id).slice(0, 32),
});

/** Ours: ledger, positions, cells and mapping in one statement. */
export const ourAppend: CandidateFactory = async ({ pool }, withKeys) => ({
  store: async (state, rows) => {
    const delivery = benchDelivery(state, rows, { id: `bench/${++deliveries}@1790000000000000000`, withKeys });
    const { stateId, columns } = state;
    const result = await append(pool, { stateId, columns, deliveries: [delivery], dedupe: false });
    if (result.deliveries[0]?.status !== 'stored') throw new Error('the append stored nothing');
  },
  close: async () => undefined,
});

const connect = async (url: string): Promise<pg.Client> => {
  const client = new pg.Client(url);
  await client.connect();
  return client;
};

const nextPositions = (): ((stateId: string, rows: number) => number) => {
  const next = new Map<string, number>();
  return (stateId, rows) => {
    const start = next.get(stateId) ?? 0;
    next.set(stateId, start + rows);
    return start;
  };
};

const copyText = (text: string): string => (text.includes('\\') ? text.replaceAll('\\', '\\\\') : text);

const copy = async (client: pg.Client, target: string, text: string): Promise<void> => {
  const stream = client.query(copyFrom(`copy ${target} from stdin`));
  stream.end(text);
  await finished(stream);
};

const cellLines = ({ columns }: BenchState, rows: Rows, start: number): string => {
  let lines = '';
  // Column by column: if two orders cost the same, or this one less.
  for (const [column, { id }] of columns.entries()) {
    for (const [index, row] of rows.entries()) lines += `${id}\t${start + index}\t${copyText(row[column] ?? '')}\n`;
  }
  return lines;
};

/** The floor: the cells alone, at positions that nobody reserved, without keys and without a ledger. */
export const copyCells: CandidateFactory = async ({ url }) => {
  const client = await connect(url);
  const positions = nextPositions();
  return {
    store: async (state, rows) => {
      await client.query('begin');
      const lines = cellLines(state, rows, positions(state.stateId, rows.length));
      await copy(client, 'state_column_data (column_id, data_index, data_value)', lines);
      await client.query('commit');
    },
    close: () => client.end(),
  };
};

/** COPY that leaves behind what we leave but for the ledger: positions that are reserved, cells and mapping. */
export const copyEverything: CandidateFactory = async ({ url }, withKeys) => {
  const client = await connect(url);
  return {
    store: async (state, rows) => {
      await client.query('begin');
      const reserved = await client.query<{ start: number }>(
        'update state set count = count + $2::int where id = $1 returning count - $2::int as start',
        [state.stateId, rows.length],
      );
      const start = reserved.rows[0]?.start ?? 0;
      await copy(client, 'state_column_data (column_id, data_index, data_value)', cellLines(state, rows, start));
      if (withKeys) {
        const lines = rows.map((_, index) => `${state.stateId}\t${keyOf(++keys)}\t${start + index}\n`).join('');
        await copy(client, 'state_column_data_mapping (state_id, state_key, data_index)', lines);
      }
      await client.query('commit');
    },
    close: () => client.end(),
  };
};

/** What the reference does: one statement per cell and per key, in one transaction. */
export const insertEachCell: CandidateFactory = async ({ url }, withKeys) => {
  const client = await connect(url);
  const positions = nextPositions();
  return {
    store: async (state, rows) => {
      const start = positions(state.stateId, rows.length);
      await client.query('begin');
      for (const [column, { id }] of state.columns.entries()) {
        for (const [index, row] of rows.entries()) {
          await client.query(
            `insert into state_column_data (column_id, data_index, data_value) values ($1, $2, $3)
                 on conflict (column_id, data_index) do update set data_value = excluded.data_value`,
            [id, start + index, row[column]],
          );
        }
      }
      for (const index of withKeys ? rows.keys() : []) {
        await client.query('insert into state_column_data_mapping values ($1, $2, $3)', [
          state.stateId,
          keyOf(++keys),
          start + index,
        ]);
      }
      await client.query('commit');
    },
    close: () => client.end(),
  };
};
