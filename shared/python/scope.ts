import type { JsonValue } from '../json/json-value.ts';
import type { ExpressionBudget } from './meter/budget.ts';

/**
 * An object of the system (a provider, a processor, a route, the state's configuration) as an expression sees it: its
 * members are read as attributes (`processor.name`), not as keys. A JSON object is a dictionary: `data['Name']`.
 */
export class ScopeRecord {
  readonly attributes: ReadonlyMap<string, ScopeValue>;
  /** The class that `repr` and errors name. */
  readonly typeName: string;
  constructor(attributes: Iterable<readonly [string, ScopeValue]>, typeName = 'ScopeRecord') {
    this.attributes = new Map(attributes);
    this.typeName = typeName;
  }
}

/** A member of an enum: its text is `ProcessorStateDirection.OUTPUT`, and it equals no text. */
export class ScopeEnum {
  readonly typeName: string;
  readonly member: string;
  constructor(typeName: string, member: string) {
    this.typeName = typeName;
    this.member = member;
  }
}

export type ScopeValue = JsonValue | ScopeRecord | ScopeEnum;

/** The variables of one evaluation by name (reference.md D.6). */
export type ExpressionScope = ReadonlyMap<string, ScopeValue>;

/**
 * Evaluates one expression of a callable column, at once: at most some tens of milliseconds. It is deterministic: the same
 * evaluations in the same order give the same values; random ones differ from evaluation to evaluation, so that the rows
 * of a delivery do. Values of a scope that are the same object are the same to it: they must not change meanwhile.
 *
 * Throws `TerminalError` (`invalid_expression`, `expression_limit`), with the kind of error and no value of the data, and
 * `RetryableError` (`expression_timeout`) if the machine stands still; nothing else.
 */
export type Evaluator = (expression: string, scope: ExpressionScope) => JsonValue;

/** What `now()` and random values of one delivery derive from. */
export interface EvaluationSource {
  /** The delivery's own timestamp (milliseconds since the epoch): `now()`. */
  readonly nowMs: number;
  /** The delivery's identity: random values are the same at every attempt. */
  readonly seed: string;
}

/**
 * Makes the evaluator of one delivery. All evaluations take from one budget, by default one of their own; who makes several
 * evaluators for a delivery passes the same to each.
 */
export type EvaluatorFactory = (source: EvaluationSource, budget?: ExpressionBudget) => Evaluator;
