import { TerminalError } from '../errors/sync-error.ts';
import type { JsonValue } from '../json/json-value.ts';
import type { EvaluationSource, Evaluator, EvaluatorFactory, ExpressionScope } from './scope.ts';
import { builtins } from './modules/builtins.ts';
import { Frame } from './interpreter/frame.ts';
import { fromJson } from './interpreter/from-json.ts';
import { callValue, evaluateNode } from './interpreter/interpreter.ts';
import { isoTime } from './modules/iso-time.ts';
import { defaultExpressionLimits, type ExpressionLimits } from './meter/limits.ts';
import { MersenneTwister } from './numeric/mersenne-twister.ts';
import { Meter } from './meter/meter.ts';
import { parseExpression } from './syntax/parse-expression.ts';
import { ParseTimeError } from './syntax/parse-source.ts';
import { PythonError } from './objects/python-error.ts';
import type { PyValue, Run } from './objects/object.ts';
import type { Node } from './syntax/node.ts';
import { toJson } from './interpreter/to-json.ts';
import { type Parsed, TreeCache } from './syntax/tree-cache.ts';

export interface EvaluatorOptions {
  readonly limits?: Partial<ExpressionLimits>;
  /**
   * A clock that only runs forward (milliseconds), for the bound of time alone. By default it is the processor time of the
   * process: on a machine that is busy or throttled an expression must not be refused for the time that others took.
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
 * Not as in CPython: complex numbers, `\N{...}`, starred targets in comprehensions and `{x:=8}` in formatted texts are refused;
 * sets keep the order in which they were made; `hash` of a text is the same everywhere; what an expression does to its
 * variables does not reach the row; `tan`, `atan` and the hyperbolic functions may differ in the last bit.
 *
 * Random numbers are those of Python's `random.seed("<seed>/<n>")` for the n-th evaluation of an evaluator (from 0): rows of
 * one delivery differ, and a second attempt at the delivery draws the same ones.
 */
export const createEvaluatorFactory = (options: EvaluatorOptions = {}): EvaluatorFactory => {
  const limits: ExpressionLimits = { ...defaultExpressionLimits, ...options.limits };
  const clockMs = options.clockMs ?? processorTimeMs;
  const trees = new TreeCache(options.maxTrees ?? 500);
  const parse = (source: string): Parsed => {
    try {
      return { tree: parseExpression(source, limits, clockMs) };
    } catch (error) {
      if (error instanceof ParseTimeError) throw error;
      return { error: coded(error) };
    }
  };
  return ({ nowMs, seed }: EvaluationSource): Evaluator => {
    let evaluations = 0;
    return (expression, scope) => {
      const run = startRun(new Meter(limits, clockMs), nowMs, `${seed}/${evaluations}`);
      evaluations += 1;
      const parsed = trees.get(expression, () => parse(expression));
      if ('error' in parsed) throw parsed.error;
      try {
        return evaluateTree(run, parsed.tree, scope);
      } catch (error) {
        throw coded(error);
      }
    };
  };
};

/** The evaluator of one delivery, with trees of its own; where there are many deliveries, share a factory. */
export const createEvaluator = (source: EvaluationSource & EvaluatorOptions): Evaluator =>
  createEvaluatorFactory(source)(source);

const processorTimeMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** What an evaluation ends in: `invalid_expression` with Python's own text, or a limit. */
const coded = (error: unknown): TerminalError => {
  if (error instanceof PythonError) return new TerminalError('invalid_expression', error.message, { cause: error });
  // The stack of the caller may leave less room than the bound of depth assumes.
  if (error instanceof RangeError)
    return new TerminalError('expression_limit', 'the expression is too large', { cause: error });
  if (error instanceof TerminalError) return error;
  return new TerminalError('invalid_expression', `the expression cannot be evaluated: ${String(error)}`, {
    cause: error,
  });
};

const startRun = (meter: Meter, nowMs: number, seed: string): Run => {
  let random: { current: MersenneTwister } | undefined;
  const run: Run = {
    meter,
    nowMs,
    random: () => {
      if (random === undefined) meter.charge(500);
      random ??= { current: MersenneTwister.ofText(seed) };
      return random;
    },
    identify: numbering(),
    call: (callee, args, named) => callValue(run, callee, args, named),
  };
  return run;
};

/** Objects of one evaluation by number, in the order in which they are asked for. */
const numbering = (): ((value: object) => number) => {
  const numbers = new WeakMap<object, number>();
  let last = 0;
  return (value) => {
    const known = numbers.get(value);
    if (known !== undefined) return known;
    last += 1;
    numbers.set(value, last);
    return last;
  };
};

const evaluateTree = (run: Run, tree: Node, scope: ExpressionScope): JsonValue => {
  const converted = new Map<string, PyValue>();
  const local = (name: string): PyValue | undefined => {
    if (!scope.has(name)) return undefined;
    const known = converted.get(name);
    if (known !== undefined) return known;
    const value = fromJson(run, scope.get(name) ?? null);
    converted.set(name, value);
    return value;
  };
  const builtin = (name: string): PyValue | undefined =>
    name === 'utc' ? `${isoTime(run.nowMs)}+00:00` : builtins.get(name);
  const top = new Frame('top', { local, builtin, assigned: new Map(), shared: new Map() });
  return toJson(run, evaluateNode(run, tree, top));
};
