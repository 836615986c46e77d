import type { FunctionStatus } from '../function-pool.ts';
import type { RouteArrivals } from './arrivals.ts';
import type { StoredResult } from './stored-result.ts';

export interface DemoResult {
  /** Expected: every order and the amount that must be computed for it. */
  readonly amounts: ReadonlyMap<number, number>;
  readonly stored: StoredResult;
  readonly arrivals: ReadonlyMap<string, RouteArrivals>;
  /** Messages that each route must have got: one for each that was published. */
  readonly messagesPerRoute: number;
  readonly functions: readonly FunctionStatus[];
}

/** Everything that is wrong with a demo run, one sentence each; empty if it is right. */
export const checkResult = (result: DemoResult): readonly string[] => {
  const faults = [...checkStored(result), ...checkArrivals(result), ...checkFunctions(result)];
  return faults.length > 12 ? [...faults.slice(0, 12), `and ${faults.length - 12} more`] : faults;
};

const checkStored = ({ amounts, stored }: DemoResult): readonly string[] => {
  const faults: string[] = [];
  const expected = amounts.size;
  if (stored.count !== expected) faults.push(`state.count is ${stored.count}, not ${expected}`);
  if (stored.rows.length !== expected) faults.push(`${stored.rows.length} positions have cells, not ${expected}`);
  const gap = stored.rows.findIndex((row, index) => row.position !== index);
  if (gap !== -1) faults.push(`positions are not contiguous: ${stored.rows[gap]?.position} follows ${gap - 1}`);
  const cells = expected * stored.columns.length;
  if (stored.cellCount !== cells) faults.push(`${stored.cellCount} cells, not ${cells}`);
  if (stored.mappedKeys !== expected) faults.push(`${stored.mappedKeys} keys are mapped, not ${expected}`);
  const seen = new Map<number, number>();
  for (const { position, cells } of stored.rows) {
    const order = Number(cells['order_id']);
    seen.set(order, (seen.get(order) ?? 0) + 1);
    if (cells['amount'] !== String(amounts.get(order))) {
      faults.push(`row ${position}: amount is ${cells['amount']}, not ${amounts.get(order)}`);
    }
    if (cells['source'] !== 'web') faults.push(`row ${position}: source is ${cells['source']}, not web`);
  }
  return [...faults, ...checkOnce('stored', amounts, seen)];
};

const checkOnce = (
  what: string,
  amounts: ReadonlyMap<number, number>,
  seen: ReadonlyMap<number, number>,
): readonly string[] => {
  const wrong = [...new Set([...amounts.keys(), ...seen.keys()])].filter(
    (order) => seen.get(order) !== (amounts.has(order) ? 1 : 0),
  );
  if (wrong.length === 0) return [];
  const some = wrong.slice(0, 5).map((order) => `${order}: ${seen.get(order) ?? 0} times`);
  return [`${wrong.length} orders are not ${what} exactly once (${some.join(', ')})`];
};

const checkArrivals = ({ amounts, arrivals, messagesPerRoute }: DemoResult): readonly string[] =>
  [...arrivals].flatMap(([routeId, route]) => [
    ...checkOnce(`received through ${routeId}`, amounts, route.orders),
    ...(route.messages === messagesPerRoute
      ? []
      : [`${route.messages} messages came through ${routeId}, not ${messagesPerRoute}`]),
  ]);

const usedFunctions = ['state-direct', 'state-route', 'state-entry'];

const checkFunctions = ({ functions }: DemoResult): readonly string[] =>
  usedFunctions
    .filter((name) => (functions.find((status) => status.name === name)?.invocationCount ?? 0) === 0)
    .map((name) => `function ${name} was never called`);
