import { readState } from '../../metadata/read-metadata.ts';
import { findKey } from '../../postgres/find-key.ts';
import { originOfRow } from '../../postgres/ledger-origin.ts';
import { readPage } from '../../postgres/read-page.ts';
import { CommandError } from '../command-error.ts';
import { deliveryWays, type DeliveryWay } from '../delivery-way.ts';
import { findStateId, maxStateNameCharacters } from '../find-state.ts';
import type { ManageCommand, ManageContext } from '../manage-context.ts';
import { findTrace, type FoundTrace } from '../find-trace.ts';

/** Where a row came from. */
interface RowWay {
  readonly position: number;
  /** The row's cells by the name of their column. */
  readonly cells: Readonly<Record<string, string | null>>;
  /** Null if another writer stored it, or its ledger row is pruned. */
  readonly delivery: DeliveryWay | null;
  readonly trace: FoundTrace;
}

/** What `state.trace` answers. */
export interface StateTrace {
  readonly stateId: string;
  readonly name: string | null;
  readonly rows: readonly RowWay[];
  /** Whether these are all rows of the key. */
  readonly isComplete: boolean;
}

/** Rows of one key that are told. */
const maxRows = 20;

/**
 * `state.trace` {state_id, row | key}: which message made the row, when, and what was passed on. A key, which is a `state_key`, a
 * `state_key_plain` or part of one, may have several rows: the newest come first.
 */
export const stateTrace: ManageCommand = async (args, context): Promise<StateTrace> => {
  const text = args.text('state_id', maxStateNameCharacters);
  const row = args.optionalInteger('row', { min: 0, max: Number.MAX_SAFE_INTEGER });
  const key = args.optionalText('key', 1_000);
  if ((row === undefined) === (key === undefined)) args.fault('give one of row, key');
  args.check();
  const { pool } = context;
  const stateId = await findStateId(pool, text);
  const model = await readState(pool, stateId);
  if (model === undefined) throw new CommandError(404, 'not_found', `there is no state ${stateId}`);
  const positions = key === undefined ? [row ?? 0] : await findKey(pool, stateId, key, maxRows);
  const ways: RowWay[] = [];
  for (const position of positions) {
    const { count, rows } = await readPage(pool, { stateId, columns: model.columns, offset: position, limit: 1 });
    const [cells] = rows;
    if (cells === undefined) {
      if (key !== undefined) continue;
      throw new CommandError(404, 'not_found', `state ${stateId} has ${count} rows: there is no row ${position}`);
    }
    const named = Object.fromEntries(model.columns.map(({ name }, index) => [name, cells[index] ?? null]));
    ways.push({ position, cells: named, ...(await wayOf(context, stateId, position)) });
  }
  if (ways.length === 0) throw new CommandError(404, 'not_found', `no row of state ${stateId} has the key ${key}`);
  return { stateId, name: model.config['name'] ?? null, rows: ways, isComplete: ways.length < maxRows };
};

const wayOf = async (
  context: ManageContext,
  stateId: string,
  position: number,
): Promise<Pick<RowWay, 'delivery' | 'trace'>> => {
  const origin = await originOfRow(context.pool, stateId, position);
  const [delivery = null] = origin === undefined ? [] : await deliveryWays(context, [origin]);
  return { delivery, trace: await findTrace(context, delivery) };
};
