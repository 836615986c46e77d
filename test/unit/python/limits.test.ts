import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { TerminalError } from '../../../shared/errors/sync-error.ts';
import type { ExpressionScope } from '../../../shared/python/scope.ts';
import { createEvaluator, createEvaluatorFactory } from '../../../shared/python/evaluate.ts';
import { ExpressionBudget } from '../../../shared/python/meter/budget.ts';
import { machineSlowness } from '../../support/machine-speed.ts';

const source = { nowMs: 0, seed: 'delivery' };
const scope: ExpressionScope = new Map([['query_state', { a: 7, text: 'a b '.repeat(50_000) }]]);

/** Other processes and the threads of the compiler and collector do not count. */
const processorTimeMs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
};

interface Attempt {
  readonly error: unknown;
  readonly tookMs: number;
}

const attempt = (expression: string): Attempt => {
  const evaluate = createEvaluator(source);
  const startedMs = processorTimeMs();
  try {
    evaluate(expression, scope);
    return { error: undefined, tookMs: processorTimeMs() - startedMs };
  } catch (error) {
    return { error, tookMs: processorTimeMs() - startedMs };
  }
};

/** The compiler and the collector of garbage add to a measurement and nothing takes from it: the least of a few counts. */
const leastOf = (expression: string, attempts = 6): Attempt => {
  let best = attempt(expression);
  for (let more = 1; more < attempts && best.tookMs > 45; more += 1) {
    const next = attempt(expression);
    if (next.tookMs < best.tookMs) best = next;
  }
  return best;
};

const hostile: readonly (readonly [string, string])[] = [
  ['a tower of powers', '10**10**10'],
  ['a negative tower of powers', '-10**10**10'],
  ['a shift by a thousand million', '1 << 10**9'],
  ['a text of a thousand million characters', "'a' * 10**9"],
  ['bytes of a thousand million', "b'a' * 10**9"],
  ['a list of a thousand million items', '[0] * 10**9'],
  ['ten thousand open parentheses', `${'('.repeat(10_000)}1${')'.repeat(10_000)}`],
  ['ten thousand nested lists', `${'['.repeat(10_000)}${']'.repeat(10_000)}`],
  ['four thousand nested parentheses in a short source', `${'('.repeat(4_000)}1${')'.repeat(4_000)}`],
  ['brackets that are closed in texts only', "(((( ')))))' ".repeat(700)],
  ['brackets within a formatted text', `f'{${'('.repeat(4_000)}'`],
  ['a long chain of not', `${'not '.repeat(2_400)}1`],
  ['a long chain of minus', `${'-'.repeat(9_000)}1`],
  ['a long chain of plus', `1${'+1'.repeat(4_900)}`],
  ['a long chain of attributes', `query_state${'.a'.repeat(4_900)}`],
  ['a long chain of subscripts', `query_state${'[0]'.repeat(3_000)}`],
  ['a long chain of comparisons', `1${'<2'.repeat(4_900)}`],
  ['a long chain of lambdas', `${'lambda:'.repeat(1_400)}1`],
  ['a long chain of conditions', `${'1 if 1 else '.repeat(800)}1`],
  ['a width of a format', "'%1000000000d' % 1"],
  ['a width of a format that is an argument', "'%*d' % (10**9, 1)"],
  ['a precision of a format', "'%.1000000000f' % 1.5"],
  ['a width of a formatted text', "f'{1:>1000000000}'"],
  ['a width of a formatted text that is computed', "f'{1:{10**9}}'"],
  ['a precision of a formatted text', "f'{1.5:.1000000000f}'"],
  ['a tuple of a long range', 'tuple(range(10**12))'],
  ['a sum of a long range', 'sum(range(10**12))'],
  ['a search in a long range', "'a' in range(10**12)"],
  ['a list from a long range', '[x for x in range(10**12)]'],
  ['a generator over a long range', 'sum(x * x for x in range(10**12))'],
  ['nested comprehensions', 'sum(1 for a in range(1000) for b in range(1000) for c in range(1000))'],
  ['lists of lists', '[[x for x in range(1000)] for y in range(1000)]'],
  ['a power with a huge modulus', 'pow(3, 2**60000, 2**60000 + 1)'],
  ['many powers with a modulus', '[pow(7, x, 2**61 - 1) for x in range(100000)]'],
  ['an integer of a million digits', "int('9' * 10**6)"],
  ['an integer of a million digits in base 7', "int('6' * 10**6, 7)"],
  ['an integer of a million hexadecimal digits', "int('f' * 10**6, 16)"],
  ['a float that begins like one for a million characters', "float('1' * 999999 + 'x')"],
  ['an integer that begins like one for a million characters', "int('1_' * 499999 + 'x')"],
  ['endless recursion', '(lambda f: f(f))(lambda f: f(f))'],
  ['recursion that branches', '(lambda f: f(f, 0))(lambda f, n: [f(f, n + 1), f(f, n + 1)] if n < 50 else 1)'],
  ['a factorial', 'math.factorial(10**9)'],
  ['a number of combinations', 'math.comb(10**6, 5 * 10**5)'],
  ['a product', 'math.prod(range(1, 10**6))'],
  ['a smallest multiple', 'math.lcm(2**60000 + 1, 3**30000)'],
  ['many large products', '[2**30000 * 3**15000 for x in range(100000)]'],
  ['many large quotients', '[2**65000 // 3**20000 for x in range(100000)]'],
  ['many large roots', '[math.isqrt(2**60000) for x in range(10000)]'],
  ['many exact sums', 'math.fsum(1 / (x + 1) for x in range(10**9))'],
  ['a join of long texts', "'x'.join('a' * 1000 for x in range(10**9))"],
  ['a replacement that multiplies', "('a' * 1000000).replace('a', 'b' * 1000)"],
  ['a centred text', "'a'.center(10**9)"],
  ['zeros before a text', "'a'.zfill(10**9)"],
  ['tabs that expand', "('\\t' * 1000).expandtabs(10**6)"],
  ['a translation that multiplies', "('a' * 100000).translate({97: 'b' * 1000})"],
  ['a search whose needle nearly matches everywhere', "[('a' * 900000).find('a' * 400000 + 'b') for x in range(1000)]"],
  ['a search from the right', "[('a' * 900000).rfind('b' + 'a' * 400000) for x in range(1000)]"],
  ['a search for what is not there', "[('b' + 'a' * 300000) in ('a' * 900000) for x in range(1000)]"],
  ['a split into a million parts', "('a,' * 499999).split(',')"],
  ['titles of long texts', "[('aΣ' * 100000).title() for x in range(1000)]"],
  ['reprs of long texts', "[repr('\\x00' * 500000) for x in range(1000)]"],
  ['indexes into a text of wide characters', "[('a😀' * 100000)[x] for x in range(100000)]"],
  ['a text that doubles', "(lambda x: [x.append(x[-1] + x[-1]) for k in range(99)])(['a'])"],
  ['a list that holds itself', '((l := [1]), l.append(l), l)[2]'],
  ['the text of a list that holds itself', '((l := [1]), l.append(l), str(l))[2]'],
  ['a list that grows under its loop', '(lambda x: [x.append(y) for y in x])([1])'],
  ['a list that extends itself', '(lambda x: [x.extend(x) for k in range(100)])([1])'],
  ['the text of lists that share', '(lambda x: [x.append([x[-1], x[-1]]) for k in range(60)] and str(x))([1])'],
  ['lists that share as a result', '(lambda x: [x.append([x[-1], x[-1]]) for k in range(60)] and x)([1])'],
  [
    'a comparison of lists that share',
    '(lambda x, y: [(x.append([x[-1]] * 2), y.append([y[-1]] * 2)) for k in range(60)] and x == y)([1], [1])',
  ],
  ['a deep list', '(lambda x: [x.append([x.pop()]) for k in range(10000)] and x)([1])'],
  ['the text of a deep list', '(lambda x: [x.append([x.pop()]) for k in range(10000)] and str(x))([1])'],
  ['the hash of a deep tuple', '(lambda x: [x.append((x.pop(),)) for k in range(10000)] and hash(x[0]))([1])'],
  [
    'an order of deep lists',
    '(lambda x, y: [(x.append([x.pop()]), y.append([y.pop()])) for k in range(10000)] and x < y)([1], [2])',
  ],
  ['a large dictionary', '{x: x for x in range(10**9)}'],
  ['a large set', '{x for x in range(10**9)}'],
  ['large tuples as keys', '{(x,) * 1000 for x in range(100000)}'],
  ['a sort of many items', 'sorted([str(x) for x in range(100000)])'],
  ['a sum of lists', 'sum([[1] * 1000 for x in range(10000)], [])'],
  ['digests of long texts', "[hashlib.sha256(b'a' * 900000).hexdigest() for x in range(1000)]"],
  ['random numbers without end', '[random.random() for x in range(10**7)]'],
  ['random bits', 'random.getrandbits(10**9)'],
  ['random seeds', '[random.seed(x) for x in range(10**6)]'],
  ['a sample of a long range', 'random.sample(range(10**9), 5)'],
  ['an unpacked range', '[*range(10**9)]'],
  ['bytes joined into thousand million', "b''.join([bytes(1000000)] * 1000)"],
  ['bytes joined from a generator', "b''.join(bytes(1000000) for x in range(1000))"],
  [
    'a start looked for in many long bytes',
    '[bytes(900000).startswith(tuple([bytes(900000)] * 1000)) for x in range(9)]',
  ],
  ['zeros with separators that fill a width', "[f'{1:0999999,}' for x in range(99)]"],
  ['long texts compared in lists', "[['a' * 900000 + 'b'] == ['a' * 900000 + 'c'] for x in range(9999)]"],
  ['long texts counted in a list', "[(['a' * 900000] * 1000).count('a' * 899999 + 'b') for x in range(99)]"],
  ['long lists compared', '[[0] * 199999 + [1] < [0] * 199999 + [2] for x in range(99)]'],
  ['long lists compared again', '(lambda x, y: [x < y for z in range(999)])([0] * 100000, [0] * 100000)'],
  [
    'a first item among the items of a large dictionary',
    '(lambda d: [(0, 0) in d.items() for x in range(60000)])({x: x for x in range(30000)})',
  ],
  ['a range of long integers', '[x for x in range(2**65000, 2**65000 + 60000)]'],
  ['sums of long integers', '[2**65000 + x for x in range(60000)]'],
  ['shifts of long integers', '[(2**65000 >> 1) & 1 for x in range(60000)]'],
  ['sizes of long integers', '[(2**65000).bit_length() for x in range(60000)]'],
  ['ones in long integers', '[(2**65000 - 1).bit_count() for x in range(60000)]'],
  ['quotients of long integers', '[2**65000 / 3**40000 for x in range(60000)]'],
  ['long integers as keys', '{(2**65000 + x, 1) for x in range(60000)}'],
  ['long texts as keys', "{'a' * 500000 + str(x) for x in range(60000)}"],
  ['unions with nothing', '(lambda s: [s.union() for x in range(60000)])({x for x in range(30000)})'],
  [
    'subsets of large sets',
    '(lambda s, t: [s <= t for x in range(60000)])({x for x in range(30000)}, {x for x in range(30000)})',
  ],
  ['a seed that is long', "random.seed('a' * 900000)"],
  ['seeds that are long', '[random.seed(2**65000 + x) for x in range(60000)]'],
  ['generators of random numbers', '[random.Random(x) for x in range(60000)]'],
  ['roundings of long integers', '[round(2**65000, -19000) for x in range(60000)]'],
  ['long ranges as keys', '[{range(2**65000, 2**65000 + 9)} for x in range(60000)]'],
  ['ratios of floats', '[(1.5).as_integer_ratio() for x in range(60000)]'],
  ['reprs of bytes', '[repr(bytes(900000)) for x in range(99)]'],
  ['bytes in upper case', "[(b'a ' * 400000).upper() for x in range(99)]"],
  ['a character set that is long', "['x'.strip('a' * 900000) for x in range(99)]"],
  ['digits of another script', "[float('١' * 100000 + 'x') for x in range(99)]"],
  ['empty comprehensions', '[[y for y in ()] for x in range(60000)]'],
  ['many lambdas', '[(lambda a, b, c: a)(1, 2, 3) for x in range(60000)]'],
  ['many digests', "[hashlib.sha256(b'').hexdigest() for x in range(60000)]"],
];

describe('a hostile expression ends in a coded error within 50 ms (G-43)', () => {
  it.each(hostile)('%s', (_name, expression) => {
    const { error, tookMs } = leastOf(expression);
    expect(error).toBeInstanceOf(TerminalError);
    expect(['expression_limit', 'invalid_expression']).toContain((error as TerminalError).code);
    expect(tookMs).toBeLessThan(50 * machineSlowness());
  });
});

describe('limits leave room for what columns compute', () => {
  const evaluate = createEvaluator(source);

  it.each([
    ['counts the words of a long text', "len(query_state['text'].split())", 100_000],
    ['replaces in a long text', "len(query_state['text'].replace(' ', '--'))", 300_000],
    ['sums ten thousand numbers', 'sum([x * 2 for x in range(10000)])', 99_990_000],
    ['recurses a hundred times', '(lambda f: f(f, 100))(lambda f, n: 0 if n == 0 else 1 + f(f, n - 1))', 100],
    ['takes a large power', 'len(str(7 ** 5000))', 4_226],
    ['nests ninety parentheses', `${'('.repeat(90)}1${')'.repeat(90)}`, 1],
    ['adds up two hundred terms', `0${' + 1'.repeat(150)}`, 150],
  ])('%s', (_name, expression, expected) => {
    expect(evaluate(expression, scope)).toBe(expected);
  });

  it('keeps to the steps that it is given', () => {
    const few = createEvaluatorFactory({ limits: { maxSteps: 5_000 } })(source);
    expect(few('sum(range(100))', scope)).toBe(4_950);
    expect(() => few('sum(range(10000))', scope)).toThrow('takes more than 5000 steps');
  });

  it('is tried again, never refused, if a machine stands still', () => {
    let nowMs = 0;
    const slow = createEvaluatorFactory({ clockMs: () => (nowMs += 3_000) })(source);
    expect(() => slow('sum(range(10000))', scope)).toThrow(
      expect.objectContaining({ name: 'RetryableError', code: 'expression_timeout' }),
    );
    // What it was refused for at one time is no verdict on the source.
    nowMs = -Infinity;
    expect(slow("query_state['a'] + 1", scope)).toBe(8);
  });

  it('looks at no clock for a small expression', () => {
    let nowMs = 0;
    const stalled = createEvaluatorFactory({ clockMs: () => (nowMs += 10_000) })(source);
    expect(stalled("query_state['a'] + 1", scope)).toBe(8);
  });

  it('takes from the budget that the delivery has', () => {
    const budget = new ExpressionBudget(30_000, 1_000);
    const evaluator = createEvaluatorFactory()(source, budget);
    expect(evaluator('sum(range(10000))', scope)).toBe(49_995_000);
    expect(budget.stepsLeft).toBeLessThan(20_000);
    evaluator('sum(range(10000))', scope);
    expect(() => evaluator('sum(range(10000))', scope)).toThrow('the expressions of the message take too many steps');
    const small = new ExpressionBudget(30_000, 1_000);
    expect(() => createEvaluatorFactory()(source, small)("'a' * 600", scope)).toThrow(
      'the expressions of the message make too many bytes together',
    );
  });
});

const program = `
  import { createEvaluatorFactory } from '${new URL('../../../shared/python/evaluate.ts', import.meta.url).href}';
  const tags = Array.from({ length: 1_000 }, (_, index) => ' Tag number ' + index + ' ');
  const evaluate = createEvaluatorFactory({ clockMs: () => performance.now() })({ nowMs: 0, seed: '' });
  const expression = "', '.join(sorted({x.strip().lower().replace(' ', '-') for x in query_state['tags'] if len(x) > 3}))";
  console.log(evaluate(expression, new Map([['query_state', { tags }]])).length);
`;

describe('what is terminal does not depend on the process', () => {
  it('computes over a thousand tags in a process that has just started', { timeout: 60_000 }, () => {
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
    });
    expect([stdout.trim(), stderr]).toEqual(['15888', '']);
  });

  it('takes the same steps the first time and the hundredth', () => {
    const evaluator = createEvaluatorFactory()(source);
    const expression = 'sum([len(str(x)) for x in range(100)])';
    const stepsOf = (): number => {
      const budget = new ExpressionBudget();
      const before = budget.stepsLeft;
      createEvaluatorFactory()(source, budget)(expression, scope);
      return before - budget.stepsLeft;
    };
    const first = stepsOf();
    for (let time = 0; time < 100; time += 1) evaluator(expression, scope);
    expect(stepsOf()).toBe(first);
  });
});
