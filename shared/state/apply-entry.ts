import { TerminalError } from '../errors/sync-error.ts';
import { entriesOf, isJsonObject, type JsonValue } from '../json/json-value.ts';
import { cleanRow } from './clean-row.ts';
import { knownColumns, type KnownColumns } from './column-set.ts';
import { addComputed, computedColumns } from './computed-columns.ts';
import type { Evaluator, ExpressionScope, ScopeValue } from './evaluator.ts';
import type { Expansion } from './expansion.ts';
import { plainColumns, type PlainColumns } from './plan-plain.ts';
import { fillTemplates } from './template.ts';
import { remap } from './remap.ts';
import { shapeEntry, type FlattenRule } from './shape-entry.ts';
import { configRecord } from './state-config.ts';
import { keyValues, plainKey, stateKey } from './state-key.ts';
import type { ColumnDefinition, Row, StateModel } from './state-model.ts';
import type { Steps } from './steps.ts';
import { readStateProperties, type StateProperties } from './state-properties.ts';

/** A state's model with what the rules read of it prepared once for many entries. */
export interface PreparedState {
  readonly model: StateModel;
  readonly properties: StateProperties;
  readonly computed: readonly ColumnDefinition[];
  /** The variables `id`, `state_type` and `config` of expressions; they win over those of the delivery. */
  readonly scope: ExpressionScope;
  readonly columns: KnownColumns;
  /** Undefined if rows need more than their cells. */
  readonly plain: PlainColumns | undefined;
}

/**
 * Made once for a model, which nobody changes: a batch may be of a thousand states. Throws `TerminalError('invalid_properties')`.
 */
export const prepareState = (model: StateModel): PreparedState => {
  const known = prepared.get(model);
  if (known !== undefined) return known;
  const state = makeState(model);
  prepared.set(model, state);
  return state;
};

/** The state as it was prepared; undefined if it never was. */
export const preparedState = (model: StateModel): PreparedState | undefined => prepared.get(model);

export interface ApplyContext {
  readonly flatten: FlattenRule;
  /** The delivery's variables (reference.md D.6); `data`, the raw entry, is always added (G-19). */
  readonly scope: ExpressionScope;
  readonly evaluate: Evaluator;
  /** Counts what the whole message becomes. */
  readonly expansion: Expansion;
}

/**
 * One entry of a message -> the rows that it is stored as (reference.md D, steps 1 to 6). Once per entry: clean keys,
 * remap, templates, shape. Then per row: constants, expressions and the primary key. The entry is not modified.
 *
 * @param firstRow the place of the entry's first row in the message: what an expression ends in names it
 *
 * Throws `TerminalError`: `invalid_query_state` (not an object), `empty_row`, `missing_remap_alias`,
 * `missing_template_column`, `invalid_template`, `invalid_expression`, `expression_limit`, `primary_key_not_defined`,
 * `missing_primary_key`, `too_many_rows`, `expansion_too_large`.
 */
export function* applyEntry(
  entry: JsonValue,
  state: PreparedState,
  context: ApplyContext,
  firstRow = 1,
): Steps<readonly Row[]> {
  if (!isJsonObject(entry)) throw new TerminalError('invalid_query_state', 'an entry of query_state is not an object');
  const { model, properties, computed } = state;
  const { expansion, evaluate } = context;
  const named = fillTemplates(remap(cleanRow(entriesOf(entry)), model.remap), model.templateColumns, expansion);
  const shaped = yield* shapeEntry(named, properties.persistence, context.flatten, expansion);
  const scope = state.scope.size === 0 ? state.scope : new Map([...context.scope, ['data', entry], ...state.scope]);
  const rows: Row[] = [];
  for (const row of shaped) {
    const withComputed = addComputed(row, computed, scope, { evaluate, expansion, rowNumber: firstRow + rows.length });
    const whole = withPrimaryKey(withComputed, state, expansion);
    if (whole.size === 0) throw new TerminalError('empty_row', 'an entry of query_state gives a row without columns');
    rows.push(whole);
    yield expansion.held;
  }
  return rows;
}

const prepared = new WeakMap<StateModel, PreparedState>();

const makeState = (model: StateModel): PreparedState => {
  const computed = computedColumns(model.columns);
  const scope = new Map<string, ScopeValue>();
  if (computed.some(({ callable }) => callable)) {
    scope.set('id', model.id).set('state_type', model.stateType).set('config', configRecord(model));
  }
  const properties = readStateProperties(model.properties);
  const plain = plainColumns(model, properties);
  return { model, properties, computed, scope, columns: knownColumns(model.columns), plain };
};

const withPrimaryKey = (row: Row, { model, properties }: PreparedState, expansion: Expansion): Row => {
  if (model.primaryKey.length === 0) {
    if (!properties.requirePrimaryKey) return row;
    throw new TerminalError('primary_key_not_defined', `state ${model.id} requires a primary key and defines none`);
  }
  const keyed = cleanRow(row);
  const values = keyValues(keyed, model.primaryKey);
  const plain = plainKey(values);
  expansion.addValue(plain);
  return keyed.set('state_key', stateKey(values)).set('state_key_plain', plain);
};
