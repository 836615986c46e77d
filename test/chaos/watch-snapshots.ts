import { setTimeout as sleep } from 'node:timers/promises';
import { toDatabaseError } from '../../shared/postgres/database-error.ts';
import type { DatabasePool } from '../../shared/postgres/database.ts';
import type { Difference } from './difference.ts';
import type { ChaosState } from './history.ts';

export interface Snapshot {
  readonly count: number;
  readonly columns: number;
  readonly ledger: readonly { readonly id: string; readonly start: number; readonly rows: number }[] | null;
  readonly cells: readonly { readonly at: number; readonly number: number }[] | null;
  readonly mapped: readonly number[] | null;
}

export interface SnapshotWatch {
  readonly differences: readonly Difference[];
  readonly snapshots: number;
  stop(): Promise<void>;
}

/** The newest deliveries of a state with all that belongs to them, in one statement: one snapshot. */
const snapshotStatement = `
with newest as (
  select message_id as id, start_index as start, row_count as rows from state_sync.ledger
   where state_id = $1 and start_index is not null order by start_index desc limit 30),
edge as (select coalesce(min(start), 0) as first from newest),
seen as (
  select d.data_index as at, count(*)::int as number from state_column c join state_column_data d on d.column_id = c.id, edge
   where c.state_id = $1 and d.data_index >= edge.first group by 1)
select json_build_object(
  'count', (select count from state where id = $1),
  'columns', (select count(*) from state_column where state_id = $1),
  'ledger', (select json_agg(newest order by start) from newest),
  'cells', (select json_agg(seen order by at) from seen),
  'mapped', (select json_agg(m.data_index) from state_column_data_mapping m, edge
              where m.state_id = $1 and m.data_index >= edge.first))::text as text`;

/** What is half visible in a snapshot: a delivery without some of its cells, cells without a delivery, a count beside both. */
export const findHalves = (state: ChaosState, snapshot: Snapshot): string[] => {
  const faults: string[] = [];
  const ledger = snapshot.ledger ?? [];
  const cellsAt = new Map((snapshot.cells ?? []).map(({ at, number }) => [at, number]));
  const mapped = new Set(snapshot.mapped ?? []);
  let next = ledger[0]?.start ?? 0;
  for (const { id, start, rows } of ledger) {
    if (start !== next) faults.push(`${id} begins at ${start}, the delivery before it ends at ${next}`);
    for (let at = start; at < start + rows; at += 1) {
      if (cellsAt.get(at) !== snapshot.columns) {
        faults.push(`${id} shows ${cellsAt.get(at) ?? 0} of ${snapshot.columns} cells at ${at}`);
      }
      if (state.keyed && !mapped.has(at)) faults.push(`${id} has no mapping at ${at}`);
    }
    next = start + rows;
  }
  if (snapshot.count !== next) faults.push(`the count is ${snapshot.count}, the ledger ends at ${next}`);
  for (const at of cellsAt.keys())
    if (at >= next) faults.push(`there are cells at ${at}, beyond the ledger's end ${next}`);
  return faults;
};

/** Whether the database or the way to it is away, and not the question wrong. */
const isAway = (error: unknown): boolean => {
  const failure = toDatabaseError(error, 'take a snapshot');
  return failure.code === 'database_unavailable' || failure.code === 'database_timeout';
};

/** Looks at the states again and again while faults go on: no delivery may ever be half visible (I3). */
export const watchSnapshots = (pool: DatabasePool, states: readonly ChaosState[], everyMs: number): SnapshotWatch => {
  const differences: Difference[] = [];
  let snapshots = 0;
  const stopped = new AbortController();
  const look = async (state: ChaosState): Promise<void> => {
    let text: string | undefined;
    try {
      [{ text } = { text: undefined }] = await pool.query<{ text: string }>(snapshotStatement, [state.stateId]);
    } catch (error) {
      // The database is away: that is one of the faults. Anything else would blind this watcher.
      if (!isAway(error))
        differences.push({ invariant: 'suite', text: `no snapshot of ${state.name}: ${String(error)}` });
      return;
    }
    if (text === undefined) return;
    snapshots += 1;
    for (const fault of findHalves(state, JSON.parse(text) as Snapshot)) {
      differences.push({ invariant: 'I3 atomic', text: `${state.name}: ${fault}` });
    }
  };
  const run = async (): Promise<void> => {
    for (let turn = 0; !stopped.signal.aborted; turn += 1) {
      const state = states[turn % states.length];
      if (state !== undefined) await look(state);
      await sleep(everyMs);
    }
  };
  const running = run();
  return {
    differences,
    get snapshots() {
      return snapshots;
    },
    stop: async () => {
      stopped.abort();
      await running;
    },
  };
};
