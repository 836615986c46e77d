import { TerminalError } from '../errors/sync-error.ts';
import {
  isJsonArray,
  isJsonObject,
  JsonFloat,
  type JsonArray,
  type JsonObject,
  type JsonValue,
} from '../json/json-value.ts';
import { applyEntry, preparedState, prepareState, type PreparedState } from './apply-entry.ts';
import type { ColumnCells } from './column-cells.ts';
import { ColumnSet } from './column-set.ts';
import type { Evaluator, EvaluatorFactory, ExpressionScope } from './evaluator.ts';
import { Expansion, tooManyRows } from './expansion.ts';
import { maxCellsPerMessage, maxExpandedBytes, maxNameCharacters, maxStateColumns } from './plan-limits.ts';
import { planPlain } from './plan-plain.ts';
import { nullCells, renderCells } from './render-cells.ts';
import type { FlattenRule } from './shape-entry.ts';
import type { ColumnDefinition, Row, StateModel } from './state-model.ts';
import type { DispatchMode } from './state-properties.ts';
import type { Steps } from './steps.ts';
import { isTooLong } from './too-long.ts';

/** One message for the state: what is planned of it. */
export interface DeliveryToPlan {
  readonly id: string;
  /** The raw `query_state`; undefined if the message has none. */
  readonly queryState: JsonValue | undefined;
  /** Variables of callable columns: route paths `route_id`, `provider`, `processor`, `processor_state`; direct `state_id`. */
  readonly scope: ExpressionScope;
  readonly timestampMs: number;
}

export interface PlanOptions {
  readonly flatten: FlattenRule;
  readonly evaluators: EvaluatorFactory;
  /** What one message may expand to. */
  readonly maxExpandedBytes?: number;
  /** The most columns that a state may have when data makes another one. */
  readonly maxStateColumns?: number;
  /** What is planned together, about: the messages behind the one that reaches it are left for the next plan. */
  readonly maxPlanBytes?: number;
}

export interface PlannedDelivery {
  readonly id: string;
  /** The rows as they are stored, as objects of either form: what is forwarded (G-11). */
  readonly rows: readonly JsonObject[];
  readonly append: PlannedAppend;
}

/** What an append needs of the rows. */
export interface PlannedAppend {
  readonly id: string;
  readonly rowCount: number;
  /** Per column of the plan. */
  readonly cells: readonly ColumnCells[];
  /** Per row the key that it is mapped under, or null. */
  readonly stateKeys: readonly (string | null)[];
  /** About what its cells take in a statement. */
  readonly bytes: number;
}

/** Why a delivery is not stored: refused, or failed in a way that nobody has foreseen. It says nothing of the others. */
export interface Rejection {
  readonly id: string;
  readonly error: unknown;
}

export interface AppendPlan {
  /** The state's columns in load order, then those to create. */
  readonly columns: readonly ColumnDefinition[];
  readonly deliveries: readonly PlannedDelivery[];
  readonly rejections: readonly Rejection[];
  /** How many of the deliveries, from the first one on, the plan is about. */
  readonly taken: number;
  /** Whether rows with a known key are to be left out (`dedup_enabled`). */
  readonly dedupe: boolean;
  /** How stored rows are passed on; null: they are not. */
  readonly dispatch: DispatchMode | null;
}

/**
 * Deliveries of one state -> the columns, cells and keys to append. Pure and deterministic; each delivery stands alone: one
 * that cannot be stored, or whose plan fails in any way, is a rejection and creates no column (G-3). Columns of an accepted one are known to those after
 * it; the ones before get null cells.
 */
export function* planAppend(
  model: StateModel,
  deliveries: readonly DeliveryToPlan[],
  options: PlanOptions,
): Steps<AppendPlan> {
  const rejections: Rejection[] = [];
  let state: PreparedState;
  try {
    state = prepareState(model);
  } catch (error) {
    for (const { id } of deliveries) rejections.push({ id, error });
    const taken = deliveries.length;
    return { columns: model.columns, deliveries: [], rejections, taken, dedupe: false, dispatch: null };
  }
  const columns = new ColumnSet(state.columns);
  const knownKeys = state.properties.dedupe ? new Set<string>() : undefined;
  const planned: PlannedDelivery[] = [];
  let bytes = 0;
  let taken = 0;
  for (const delivery of deliveries) {
    if (bytes >= (options.maxPlanBytes ?? Infinity)) break;
    taken += 1;
    try {
      let result: PlannedDelivery | undefined = planPlainDelivery(delivery, state, options);
      if (result === undefined) {
        const expansion = new Expansion(options.maxExpandedBytes, bytes);
        result = yield* planDelivery(delivery, { state, columns, knownKeys, options, expansion });
      } else yield bytes + result.append.bytes;
      planned.push(result);
      bytes += result.append.bytes;
    } catch (error) {
      rejections.push({ id: delivery.id, error });
    }
  }
  const all = columns.columns;
  const aligned = planned.map((delivery) => withAllColumns(delivery, all.length));
  const { dedupe, dispatch } = state.properties;
  return { columns: all, deliveries: aligned, rejections, taken, dedupe, dispatch };
}

/**
 * The plan of a few usual messages, without steps: a batch may have one message for each of a thousand states.
 * @returns undefined for any others: `planAppend` plans these
 */
export const planFew = (
  model: StateModel,
  deliveries: readonly DeliveryToPlan[],
  options: PlanOptions,
): AppendPlan | undefined => {
  const state = deliveries.length <= maxFew ? preparedState(model) : undefined;
  if (state?.plain === undefined) return undefined;
  const planned: PlannedDelivery[] = [];
  for (const delivery of deliveries) {
    const own = planPlainDelivery(delivery, state, options);
    if (own === undefined) return undefined;
    planned.push(own);
  }
  const { dedupe, dispatch } = state.properties;
  return { columns: model.columns, deliveries: planned, rejections: [], taken: deliveries.length, dedupe, dispatch };
};

/** Of messages that one step takes. */
const maxFew = 4;

/** Undefined where the rules have to be asked. */
const planPlainDelivery = (
  { id, queryState }: DeliveryToPlan,
  { plain }: PreparedState,
  { maxExpandedBytes: maxBytes = maxExpandedBytes }: PlanOptions,
): PlannedDelivery | undefined => {
  if (plain === undefined || queryState === undefined) return undefined;
  const entries = isJsonArray(queryState) ? queryState : [queryState];
  if (entries.length === 0) return undefined;
  const planned = planPlain(entries, plain, maxBytes);
  if (planned === undefined) return undefined;
  const { rows, cells, bytes } = planned;
  const rowCount = rows.length;
  const stateKeys = rowCount === 1 ? noKey : nullCells(rowCount);
  return { id, rows, append: { id, rowCount, cells, stateKeys, bytes } };
};

const noKey: readonly null[] = [null];

interface DeliveryContext {
  readonly state: PreparedState;
  readonly columns: ColumnSet;
  readonly knownKeys: Set<string> | undefined;
  readonly options: PlanOptions;
  readonly expansion: Expansion;
}

function* planDelivery(delivery: DeliveryToPlan, context: DeliveryContext): Steps<PlannedDelivery> {
  const { state, columns, knownKeys, expansion } = context;
  const rows = yield* rowsOf(delivery, context);
  const stateKeys = rows.map((row) => mappingKey(row, state));
  // A row that will not be stored because its key came before creates no column either.
  const fresh = knownKeys === undefined ? rows : freshRows(rows, stateKeys, knownKeys);
  const created = yield* columns.missing(fresh, expansion.held);
  const width = columns.columns.length + created.length;
  requireRoom(columns.columns.length, created, context);
  if (width === 0) throw new TerminalError('empty_row', 'no key of the entry names a column');
  if (width * rows.length > maxCellsPerMessage) throw tooManyRows();
  const cells = yield* renderCells(rows, columns, created, expansion.held);
  columns.add(created);
  for (const key of stateKeys) if (key !== null) knownKeys?.add(key);
  const { id } = delivery;
  return { id, rows, append: { id, rowCount: rows.length, cells, stateKeys, bytes: expansion.bytes } };
}

/** Throws `TerminalError('too_many_columns')`. It depends on the columns that the state has, however many messages wait. */
const requireRoom = (have: number, created: readonly ColumnDefinition[], { options, state }: DeliveryContext): void => {
  const most = options.maxStateColumns ?? maxStateColumns;
  const first = created[0];
  if (first === undefined || have + created.length <= most) return;
  throw new TerminalError(
    'too_many_columns',
    `state ${state.model.id} has ${have} columns and may get ${Math.max(0, most - have)} more; the message needs ${created.length}, the first is ${JSON.stringify(first.name)}`,
  );
};

function* rowsOf(delivery: DeliveryToPlan, { state, options, expansion }: DeliveryContext): Steps<readonly Row[]> {
  // One evaluator for all rows of the delivery, made only if the state has an expression.
  let evaluator: Evaluator | undefined;
  const evaluate: Evaluator = (expression, scope) => {
    evaluator ??= options.evaluators({ nowMs: delivery.timestampMs, seed: delivery.id });
    return evaluator(expression, scope);
  };
  const context = { flatten: options.flatten, scope: delivery.scope, evaluate, expansion };
  const rows: Row[] = [];
  for (const entry of entriesOfQueryState(delivery.queryState)) {
    for (const row of yield* applyEntry(entry, state, context, rows.length + 1)) rows.push(row);
  }
  return rows;
}

/** The list of entries; an object is one entry. What is empty or no list is refused (reference.md B.1). */
const entriesOfQueryState = (value: JsonValue | undefined): JsonArray => {
  const missing = value === undefined || value === null || value === '' || value === 0 || value === false;
  if (missing || (value instanceof JsonFloat && value.value === 0)) {
    throw new TerminalError('missing_query_state', 'the message has no query_state');
  }
  if (isJsonArray(value)) {
    if (value.length === 0) throw new TerminalError('missing_query_state', 'query_state has no entries');
    return value;
  }
  if (isJsonObject(value)) return [value];
  throw new TerminalError('invalid_query_state', 'query_state is neither a list nor an object');
};

/**
 * The key under which a row is mapped: its primary key. If the state defines none, it is an incoming `state_key` that
 * is a text. Any other value there is data like any other (G-33).
 */
const mappingKey = (row: Row, { model }: PreparedState): string | null => {
  const key = row.get('state_key');
  if (typeof key !== 'string' || key === '') return null;
  if (model.primaryKey.length === 0 && isTooLong(key, maxNameCharacters)) {
    throw new TerminalError('value_too_long', `a state_key has more than ${maxNameCharacters} characters`);
  }
  return key;
};

const freshRows = (
  rows: readonly Row[],
  keys: readonly (string | null)[],
  knownKeys: ReadonlySet<string>,
): readonly Row[] => {
  const own = new Set<string>();
  return rows.filter((_, index) => {
    const key = keys[index] ?? null;
    if (key === null) return true;
    const isFresh = !knownKeys.has(key) && !own.has(key);
    own.add(key);
    return isFresh;
  });
};

const withAllColumns = (delivery: PlannedDelivery, width: number): PlannedDelivery => {
  const { append } = delivery;
  if (append.cells.length === width) return delivery;
  const nulls = nullCells(append.rowCount);
  const cells = [...append.cells, ...Array.from({ length: width - append.cells.length }, () => nulls)];
  return { ...delivery, append: { ...append, cells } };
};
