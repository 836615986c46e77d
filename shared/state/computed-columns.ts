import { TerminalError } from '../errors/sync-error.ts';
import type { JsonValue } from '../json/json-value.ts';
import type { Evaluator, ExpressionScope, ScopeValue } from './evaluator.ts';
import type { Expansion } from './expansion.ts';
import type { ColumnDefinition, Row } from './state-model.ts';

/** The known columns that have a constant or an expression of their own: any text but an empty one (reference.md D.6). */
export const computedColumns = (columns: readonly ColumnDefinition[]): readonly ColumnDefinition[] =>
  columns.filter(({ name, value }) => name !== '' && value !== null && value !== '');

export interface ComputeContext {
  readonly evaluate: Evaluator;
  readonly expansion: Expansion;
  /** The row's place in its message, from 1. */
  readonly rowNumber: number;
}

/**
 * Adds constants and the results of expressions to a row; they override what came in. Every expression sees the row as
 * it was before any of them. Throws what the evaluator throws (`invalid_expression`, `expression_limit`) and names the
 * column and the row, and `expansion_too_large`.
 */
export const addComputed = (
  row: Row,
  computed: readonly ColumnDefinition[],
  scope: ExpressionScope,
  context: ComputeContext,
): Row => {
  if (computed.length === 0) return row;
  const { evaluate, expansion, rowNumber } = context;
  const rowScope: ReadonlyMap<string, ScopeValue> = new Map(scope).set('query_state', row);
  const results = computed.map(({ name, value, callable }): readonly [string, JsonValue] => {
    const result = callable ? located(name, rowNumber, () => evaluate(value ?? '', rowScope)) : value;
    expansion.addValue(result);
    return [name, result];
  });
  return new Map([...row, ...results]);
};

/** A refusal says which column and row it is about: `column total, row 3: KeyError: 'quantity'`. */
const located = (column: string, rowNumber: number, compute: () => JsonValue): JsonValue => {
  try {
    return compute();
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    throw new TerminalError(error.code, `column ${column}, row ${rowNumber}: ${error.message}`, { cause: error.cause });
  }
};
