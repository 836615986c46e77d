import type { EvaluatorFactory } from '../python/scope.ts';

/*
 * The port through which everything outside of the language meets it. Only this file imports `shared/python/`: what rows
 * are computed with can be replaced here, and the interpreter is loaded by the first state that has an expression.
 */
export { ExpressionBudget } from '../python/meter/budget.ts';
export {
  type EvaluationSource,
  type Evaluator,
  type EvaluatorFactory,
  type ExpressionScope,
  ScopeEnum,
  ScopeRecord,
  type ScopeValue,
} from '../python/scope.ts';

/**
 * Loads the interpreter, which a cold start does without, and makes the factory of evaluators.
 * @param clockMs a clock that only runs forward: an expression that takes seconds by it is tried again
 */
export const loadEvaluators = async (clockMs: () => number): Promise<EvaluatorFactory> => {
  const { createEvaluatorFactory } = await import('../python/evaluate.ts');
  return createEvaluatorFactory({ clockMs });
};
