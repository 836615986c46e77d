import { withDatabaseErrors } from './database-error.ts';
import type { DatabasePool, Queryable } from './database.ts';
import { inspectState, keyedRows, positions, type StateReport } from './inspect-state.ts';
import type { TableNames } from './table-names.ts';

export type RepairAction =
  | { readonly action: 'close_gaps'; readonly positions: number }
  | { readonly action: 'insert_mappings'; readonly rows: number }
  | { readonly action: 'set_count'; readonly from: number; readonly to: number };

export interface RepairOptions {
  /** False: a dry run that only says what would be done. */
  readonly apply: boolean;
  /** Default true. Closing a gap moves the rows above it down: cells, mapping and ledger keep together. */
  readonly closeGaps?: boolean;
}

export interface RepairResult {
  readonly report: StateReport;
  readonly actions: readonly RepairAction[];
  readonly applied: boolean;
}

/**
 * Finds and mends what writers that do not lock left in a state: count drift, cells beyond `count`, gaps, missing
 * mapping rows (reference.md G-4, G-18). Nothing that holds data is ever removed. With `apply` the state's row is
 * locked and everything happens in one transaction. Appends wait meanwhile and never see a half mended state.
 *
 * It reads every position of the state and moves every row above the first gap. That is for an operator, not for the
 * data path.
 *
 * @throws StaleMetadataError if there is no such state; RetryableError of the database.
 */
export const repairState = (pool: DatabasePool, stateId: string, options: RepairOptions): Promise<RepairResult> =>
  withDatabaseErrors(`repair state ${stateId}`, async () => {
    const { tables } = pool;
    const closes = options.closeGaps ?? true;
    if (!options.apply) {
      const report = await inspectState(pool, tables, stateId);
      return { report, actions: actionsFor(report, closes), applied: false };
    }
    return pool.transaction(async (connection) => {
      await connection.query(`select from ${tables.state} where id = $1 for no key update`, [stateId]);
      const report = await inspectState(connection, tables, stateId);
      const actions = actionsFor(report, closes);
      for (const step of actions) {
        if (step.action === 'close_gaps') await closeGaps(connection, tables, stateId);
        else if (step.action === 'insert_mappings') await insertMappings(connection, tables, stateId);
        else await connection.query(`update ${tables.state} set count = $2 where id = $1`, [stateId, step.to]);
      }
      return { report, actions, applied: true };
    });
  });

/** States whose `count` is not one past their highest position, cheapest to find; at most `limit`, by id after `afterId`. */
export const findDriftedStates = (
  pool: DatabasePool,
  options: { readonly limit: number; readonly afterId?: string },
): Promise<readonly { readonly stateId: string; readonly count: number; readonly nextPosition: number }[]> => {
  const { state, column, cell } = pool.tables;
  return withDatabaseErrors('look for drifted states', () =>
    pool.query(
      `select s.id as "stateId", s.count, coalesce(t.next, 0)::float8 as "nextPosition"
         from ${state} s
         left join lateral (
           select max(top.data_index) + 1 as next from ${column} c
            cross join lateral (
              select d.data_index from ${cell} d where d.column_id = c.id order by d.data_index desc limit 1) top
            where c.state_id = s.id) t on true
        where s.id > $2 and s.count <> coalesce(t.next, 0) order by s.id limit $1`,
      [options.limit, options.afterId ?? ''],
    ),
  );
};

const actionsFor = (report: StateReport, closeGaps: boolean): readonly RepairAction[] => {
  const closes = closeGaps && report.gapPositions > 0;
  const count = report.nextPosition - (closes ? report.gapPositions : 0);
  return [
    ...(closes ? [{ action: 'close_gaps', positions: report.gapPositions } as const] : []),
    ...(report.missingMappings > 0 ? [{ action: 'insert_mappings', rows: report.missingMappings } as const] : []),
    ...(report.count === count ? [] : [{ action: 'set_count', from: report.count, to: count } as const]),
  ];
};

/** Moves rows down over the gaps, by way of negative positions: a unique index is checked row by row. */
const closeGaps = async (connection: Queryable, tables: TableNames, stateId: string): Promise<void> => {
  const moves = `
    with present as (${positions(tables)}),
    moves as (
      select * from (select data_index as old, row_number() over (order by data_index) - 1 as new from present) numbered
       where old <> new)`;
  await connection.query(
    `${moves},
     ledger_moved as (
       update ${tables.ledger} l set start_index = m.new from moves m where l.state_id = $1 and l.start_index = m.old),
     mapping_moved as (
       update ${tables.mapping} k set data_index = -1 - m.new from moves m where k.state_id = $1 and k.data_index = m.old)
     update ${tables.cell} d set data_index = -1 - m.new
       from moves m, ${tables.column} c
      where c.state_id = $1 and d.column_id = c.id and d.data_index = m.old`,
    [stateId],
  );
  // A stray mapping row may stand where a moved one with the same key belongs: then there is nothing left to move.
  await connection.query(
    `delete from ${tables.mapping} k where k.state_id = $1 and k.data_index < 0 and exists (
       select from ${tables.mapping} o
        where o.state_id = $1 and o.state_key = k.state_key and o.data_index = -1 - k.data_index)`,
    [stateId],
  );
  await connection.query(
    `with mapping_moved as (
       update ${tables.mapping} set data_index = -1 - data_index where state_id = $1 and data_index < 0)
     update ${tables.cell} d set data_index = -1 - d.data_index
       from ${tables.column} c where c.state_id = $1 and d.column_id = c.id and d.data_index < 0`,
    [stateId],
  );
};

const insertMappings = (connection: Queryable, tables: TableNames, stateId: string): Promise<unknown> =>
  connection.query(
    `insert into ${tables.mapping} (state_id, state_key, data_index)
     select $1, k.state_key, k.data_index from (${keyedRows(tables)}) k on conflict do nothing`,
    [stateId],
  );
