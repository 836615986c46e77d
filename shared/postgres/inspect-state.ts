import { nextFreePosition } from './count-drift.ts';
import { StaleMetadataError } from './database-error.ts';
import type { Queryable } from './database.ts';
import type { TableNames } from './table-names.ts';

/** Positions without any cell, both ends included. */
export interface PositionRange {
  readonly from: number;
  readonly to: number;
}

/** A row that is gone: what its mapping says of it. */
export interface LostRow {
  readonly stateKey: string;
  readonly position: number;
}

/** What other writers left in a state (reference.md G-4, G-7, G-18). */
export interface StateReport {
  readonly stateId: string;
  readonly count: number;
  /** One past the highest position that has a cell. */
  readonly nextPosition: number;
  /** Positions at or beyond `count` that have cells: readers miss them, the next append would meet them. */
  readonly positionsBeyondCount: number;
  /** Positions below `nextPosition` that have no cell at all; the first 100 ranges. */
  readonly gaps: readonly PositionRange[];
  readonly gapPositions: number;
  /** Rows whose `state_key` cell has no mapping row. */
  readonly missingMappings: number;
  /** Mapping rows whose position has another `state_key`, or none: reported only. */
  readonly strayMappings: number;
  /**
   * Of those, the ones whose key stands at no row at all: the only trace of a row that a writer without a lock overwrote.
   * The first 100.
   */
  readonly lost: readonly LostRow[];
  readonly lostRows: number;
}

/** Every position of the state that has a cell. $1 state. */
export const positions = (tables: TableNames): string =>
  `select distinct d.data_index from ${tables.column} c join ${tables.cell} d on d.column_id = c.id where c.state_id = $1`;

/** The rows that carry a key and must be mapped. $1 state. */
export const keyedRows = (tables: TableNames): string =>
  `select state_key, data_index from (${keyRows(tables)}) k where is_doubtful is not true`;

/** Looks at one state; reads every position of it. @throws StaleMetadataError if there is no such state. */
export const inspectState = async (
  connection: Queryable,
  tables: TableNames,
  stateId: string,
): Promise<StateReport> => {
  const [found] = await connection.query<Omit<StateReport, 'stateId' | 'gaps' | 'gapPositions' | 'lost' | 'lostRows'>>(
    countStatement(tables),
    [stateId],
  );
  if (found === undefined) throw new StaleMetadataError('unknown_state', `state ${stateId} does not exist`);
  const gaps = await connection.query<PositionRange & { readonly total: number }>(gapStatement(tables), [stateId]);
  const lost = await connection.query<LostRow & { readonly total: number }>(lostStatement(tables), [stateId]);
  return {
    stateId,
    ...found,
    gaps: gaps.map(({ from, to }) => ({ from, to })),
    gapPositions: gaps[0]?.total ?? 0,
    lost: lost.map(({ stateKey, position }) => ({ stateKey, position })),
    lostRows: lost[0]?.total ?? 0,
  };
};

/** A cell of a number or a truth value, as it is spelled in a column of that type. */
const untextual = '^(-?[0-9]+([.][0-9]+)?(e[+-][0-9]+)?|-?inf|nan|True|False)$';

/**
 * The rows that may carry a key: those whose `state_key` is a text. A value of another type is data and is not mapped
 * (reference.md G-33). A json column shows what the value was, and so does one that was made for numbers or truth
 * values. A text column does not, so there every value counts as a text. $1 state.
 */
const keyRows = (tables: TableNames): string => `
select * from (
  select coalesce(d.data_value, case jsonb_typeof(d.data_json_value) when 'string' then d.data_json_value #>> '{}' end) as state_key,
         d.data_index, coalesce(c.data_type, 'str') in ('int', 'float', 'bool') and d.data_value ~ '${untextual}' as is_doubtful
    from ${tables.column} c join ${tables.cell} d on d.column_id = c.id
   where c.state_id = $1 and c.name = 'state_key') cells
 where state_key <> '' and length(state_key) <= 255`;

const countStatement = (tables: TableNames): string => `
select s.count, (${nextFreePosition(tables)})::float8 as "nextPosition",
       (select count(*)::int from (${positions(tables)}) p where p.data_index >= s.count) as "positionsBeyondCount",
       (select count(*)::int from (${keyedRows(tables)}) k where not exists (
          select from ${tables.mapping} m
           where m.state_id = $1 and m.state_key = k.state_key and m.data_index = k.data_index)) as "missingMappings",
       (select count(*)::int from ${tables.mapping} m where m.state_id = $1 and not exists (
          select from (${keyRows(tables)}) k where k.state_key = m.state_key and k.data_index = m.data_index)) as "strayMappings"
  from ${tables.state} s where s.id = $1`;

const gapStatement = (tables: TableNames): string => `
with present as (${positions(tables)}),
edges as (
  select data_index as after, lead(data_index) over (order by data_index) as next from present
  union all select -1, min(data_index) from present)
select (after + 1)::float8 as from, (next - 1)::float8 as to, sum(next - after - 1) over ()::float8 as total
  from edges where next > after + 1 order by after limit 100`;

const lostStatement = (tables: TableNames): string => `
with keys as materialized (select state_key from (${keyRows(tables)}) k)
select m.state_key as "stateKey", m.data_index::float8 as position, (count(*) over ())::int as total
  from ${tables.mapping} m
 where m.state_id = $1 and not exists (select from keys where keys.state_key = m.state_key)
 order by m.data_index, m.state_key limit 100`;
