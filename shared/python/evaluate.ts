import { RetryableError, TerminalError } from '../errors/sync-error.ts';
import type { JsonValue } from '../json/json-value.ts';
import type { EvaluationSource, Evaluator, EvaluatorFactory, ExpressionScope } from './scope.ts';
import { builtins } from './modules/builtins.ts';
import { Frame } from './interpreter/frame.ts';
import { ScopeValues } from './interpreter/from-json.ts';
import { callValue, evaluateNode } from './interpreter/interpreter.ts';
import { isoTime } from './modules/iso-time.ts';
import { defaultExpressionLimits, type ExpressionLimits } from './meter/limits.ts';
import { MersenneTwister } from './numeric/mersenne-twister.ts';
import { ExpressionBudget } from './meter/budget.ts';
import { Meter } from './meter/meter.ts';
import { parseExpression } from './syntax/parse-expression.ts';
import { PythonError } from './objects/python-error.ts';
import type { PyValue, Run } from './objects/object.ts';
import type { Node } from './syntax/node.ts';
import { toJson } from './interpreter/to-json.ts';
import { type Parsed, TreeCache } from './syntax/tree-cache.ts';

export interface EvaluatorOptions {
  readonly limits?: Partial<ExpressionLimits>;
  /**
   * A clock that only runs forward (milliseconds), for the net of time alone. Without one there is no net: every other
   * bound holds all the same.
   */
  readonly clockMs?: () => number;
  /** Sources whose trees are kept. */
  readonly maxTrees?: number;
}

/**
 * Makes evaluators of the Python expressions of callable columns (reference.md D.6, G-43). The trees of sources are kept in
 * one bounded cache for all evaluators of the factory.
 *
 * `now()` is the delivery's timestamp in UTC as `datetime.now().isoformat()` writes it, `utc` the same with `+00:00`.
 * What is not as in CPython: README.md.
 *
 * Random numbers are those of Python's `random.seed("<seed>/<n>")` for the n-th evaluation of an evaluator (from 0): rows of
 * one delivery differ, and a second attempt at the delivery draws the same ones.
 */
export const createEvaluatorFactory = (options: EvaluatorOptions = {}): EvaluatorFactory => {
  const limits: ExpressionLimits = { ...defaultExpressionLimits, ...options.limits };
  const clockMs = options.clockMs ?? ((): number => 0);
  const trees = new TreeCache(options.maxTrees ?? 500);
  const parse = (source: string): Parsed => {
    try {
      return { tree: parseExpression(source, limits, clockMs) };
    } catch (error) {
      const known = coded(error);
      // What time has ended may go well the next time: it is not kept.
      if (known instanceof RetryableError) throw known;
      return { error: known };
    }
  };
  return (source: EvaluationSource, budget = new ExpressionBudget()): Evaluator => {
    const values = new ScopeValues();
    let evaluations = 0;
    return (expression, scope) => {
      const meter = new Meter(limits, budget, clockMs);
      const run = startRun(meter, values, source.nowMs, `${source.seed}/${evaluations}`);
      evaluations += 1;
      const parsed = trees.get(expression, () => parse(expression));
      if ('error' in parsed) throw parsed.error;
      try {
        return evaluateTree(run, values, parsed.tree, scope);
      } catch (error) {
        throw coded(error);
      } finally {
        values.restore();
        meter.settle();
      }
    };
  };
};

/** The evaluator of one delivery, with trees of its own; if there are many deliveries, share a factory. */
export const createEvaluator = (source: EvaluationSource & EvaluatorOptions): Evaluator =>
  createEvaluatorFactory(source)(source);

/** What an evaluation ends in: `invalid_expression` with the kind of Python's exception, a limit, or the net of time. */
const coded = (error: unknown): TerminalError | RetryableError => {
  if (error instanceof TerminalError || error instanceof RetryableError) return error;
  if (error instanceof PythonError) {
    return new TerminalError('invalid_expression', `${error.type}: ${error.message}`, { cause: error });
  }
  if (error instanceof RangeError) {
    // The stack of the caller may leave less room than the bound of depth assumes: another time there may be enough.
    if (error.message.includes('call stack')) {
      return new RetryableError('expression_timeout', 'the expression needs more stack than there is');
    }
    return new TerminalError('expression_limit', 'the expression makes a value that is too large');
  }
  const kind = error instanceof Error ? error.name : typeof error;
  return new TerminalError('invalid_expression', `the expression cannot be evaluated: ${kind} of the interpreter`);
};

const startRun = (meter: Meter, values: ScopeValues, nowMs: number, seed: string): Run => {
  let random: { current: MersenneTwister } | undefined;
  const run: Run = {
    meter,
    nowMs,
    random: () => {
      if (random === undefined) meter.spend('seeding', 1);
      random ??= { current: MersenneTwister.ofText(seed) };
      return random;
    },
    identify: numbering(),
    call: (callee, args, named) => callValue(run, callee, args, named),
    own: (value) => {
      values.own(value);
    },
  };
  return run;
};

/** Objects of one evaluation by number, in the order in which they are asked for. */
const numbering = (): ((value: object) => number) => {
  let numbers: WeakMap<object, number> | undefined;
  let last = 0;
  return (value) => {
    numbers ??= new WeakMap();
    const known = numbers.get(value);
    if (known !== undefined) return known;
    last += 1;
    numbers.set(value, last);
    return last;
  };
};

const evaluateTree = (run: Run, values: ScopeValues, tree: Node, scope: ExpressionScope): JsonValue => {
  values.enter(run);
  const local = (name: string): PyValue | undefined => {
    const value = scope.get(name);
    return value === undefined ? undefined : values.variable(name, value);
  };
  const builtin = (name: string): PyValue | undefined =>
    name === 'utc' ? `${isoTime(run.nowMs)}+00:00` : builtins.get(name);
  const top = new Frame('top', { local, builtin, assigned: new Map(), shared: new Map() });
  return toJson(run, evaluateNode(run, tree, top));
};
