import { columnNames, type BenchState } from './databases.ts';
import type { BenchMessage } from './system.ts';

const encoder = new TextEncoder();

/** A message of rows for the state behind an OUTPUT route, as a processor publishes it. */
export const routeMessage = (state: BenchState, rows: readonly (readonly string[])[]): BenchMessage => ({
  payload: encoder.encode(
    JSON.stringify({
      type: 'query_state_route',
      route_id: state.outputRouteId,
      query_state: rows.map((row) => Object.fromEntries(columnNames.map((name, column) => [name, row[column]]))),
    }),
  ),
});

/** Messages of one row each, in turn to each of the states. */
export const rowMessages = (
  states: readonly BenchState[],
  rows: readonly (readonly string[])[],
  count: number,
): readonly BenchMessage[] =>
  Array.from({ length: count }, (_, index) =>
    routeMessage(states[index % states.length]!, [rows[index % rows.length]!]),
  );
