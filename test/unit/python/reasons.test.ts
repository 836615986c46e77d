import { describe, expect, it } from 'vitest';
import { TerminalError } from '../../../shared/errors/sync-error.ts';
import { createEvaluator, createEvaluatorFactory } from '../../../shared/python/evaluate.ts';
import type { ExpressionScope } from '../../../shared/python/scope.ts';
import { planAppend } from '../../support/at-once.ts';
import { column, stateModel } from '../../support/model-fixtures.ts';
import { delivery } from '../../support/plan-states.ts';

const secret = 'abc-secret-payload';
const number = 8_675_309_421;
const scope: ExpressionScope = new Map([
  [
    'd',
    {
      t: secret,
      n: number,
      f: 86_753.25,
      list: [secret, number],
      map: { [secret]: secret },
      spec: `${secret}d`,
      code: 'q',
      pair: [[secret]],
      wide: `${secret}é`,
    },
  ],
]);

const reasonOf = (expression: string): string => {
  try {
    createEvaluator({ nowMs: 0, seed: '' })(expression, scope);
  } catch (error) {
    if (error instanceof TerminalError) return error.message;
    throw error;
  }
  return 'no error';
};

/* Every place that raises with something of its operands: the reason names kinds, positions and words of the source. */
const raised: readonly (readonly [string, string])[] = [
  ["int(d['t'])", 'ValueError: invalid literal for int() with base 10: <value>'],
  ["int(d['t'], 16)", 'ValueError: invalid literal for int() with base 16: <value>'],
  ["int(d['t'].encode())", 'ValueError: invalid literal for int() with base 10: <value>'],
  ["float(d['t'])", 'ValueError: could not convert string to float: <value>'],
  ["d['quantity']", "KeyError: 'quantity'"],
  ["d[d['t']]", 'KeyError: <key>'],
  ["d['map'].pop(d['n'])", 'KeyError: <key>'],
  ["{1}.remove(d['t'])", 'KeyError: <key>'],
  ["'%(other)s' % d", 'KeyError: <key>'],
  ["d['list'].index(d['t'] + 'x')", 'ValueError: <value> is not in list'],
  ["(1, 2).index(d['t'])", 'ValueError: tuple.index(x): x not in tuple'],
  ["[1].remove(d['t'])", 'ValueError: list.remove(x): x not in list'],
  ["range(3).index(d['n'])", 'ValueError: <value> is not in range'],
  ["d['t'].index('zzz')", 'ValueError: substring not found'],
  ["'%d' % d['t']", 'TypeError: %d format: a real number is required, not str'],
  ["'%y' % d['t']", 'ValueError: unsupported format character <value> at index 1'],
  ["f\"{d['n']:{d['spec']}}\"", "ValueError: Invalid format specifier '<value>' for object of type 'int'"],
  ["f\"{d['n']:{d['code']}}\"", "ValueError: Unknown format code '<value>' for object of type 'int'"],
  ["f\"{d['f']:{d['code']}}\"", "ValueError: Unknown format code '<value>' for object of type 'float'"],
  ["d['t'].encode(d['t'])", 'LookupError: unknown encoding: <value>'],
  [
    "d['wide'].encode('ascii')",
    "UnicodeEncodeError: 'ascii' codec can't encode character <value> in position 18: ordinal not in range(128)",
  ],
  [
    "(d['t'].encode() + b'\\xff').decode()",
    "UnicodeDecodeError: 'utf-8' codec can't decode byte <value> in position 0: invalid start byte",
  ],
  ["hashlib.new(d['t'])", 'ValueError: unsupported hash type <value>'],
  ["random.randrange(d['n'], 1)", 'ValueError: empty range for randrange() (<value>, <value>, <value>)'],
  ["random.randint(d['n'], 1)", 'ValueError: empty range for randrange() (<value>, <value>, <value>)'],
  ["d['t'] + 1", 'TypeError: can only concatenate str (not "int") to str'],
  ["d['n'] + d['t']", "TypeError: unsupported operand type(s) for +: 'int' and 'str'"],
  ["d['t'] < d['n']", "TypeError: '<' not supported between instances of 'str' and 'int'"],
  ["d['n'][d['t']]", "TypeError: 'int' object is not subscriptable"],
  ["d['t'][d['t']]", "TypeError: string indices must be integers, not 'str'"],
  ["d['list'][d['n']]", 'IndexError: list index out of range'],
  ["d['list'][d['t']]", 'TypeError: list indices must be integers or slices, not str'],
  ["d['t']()", "TypeError: 'str' object is not callable"],
  ["{d['list']: 1}", "TypeError: unhashable type: 'list'"],
  ["len(d['n'])", "TypeError: object of type 'int' has no len()"],
  ["chr(d['n'])", 'OverflowError: Python int too large to convert to C int'],
  ["bytes([d['n']])", 'ValueError: bytes must be in range(0, 256)'],
  ["{1: 2}.update(d['pair'])", 'ValueError: dictionary update sequence element #0 has length 1; 2 is required'],
  ["[a for a, b in d['pair']]", 'ValueError: not enough values to unpack (expected 2, got 1)'],
  ["d['t'].join([d['n']])", 'TypeError: sequence item 0: expected str instance, int found'],
  ["d['n'] / 0", 'ZeroDivisionError: division by zero'],
  ["d['n'] ** d['f']", "OverflowError: (34, 'Numerical result out of range')"],
  ["{d['t']}", 'TypeError: Object of type set is not JSON serializable'],
  ["{(d['t'],): 1}", 'TypeError: keys must be str, int, float, bool or None, not tuple'],
  ["math.sqrt(-d['n'])", 'ValueError: math domain error'],
  ["d['t'].missing()", "TypeError: 'NoneType' object is not callable"],
  ["missing(d['t'])", "NameError: name 'missing' is not defined"],
  ["(lambda a: a)(b=d['t'])", "TypeError: <lambda>() got an unexpected keyword argument 'b'"],
  ["ValueError(d['t'])", 'TypeError: Object of type ValueError is not JSON serializable'],
  ["'a' * d['n']", 'the expression makes a text longer than 1000000 characters'],
];

describe('a reason holds no value of the data', () => {
  it.each(raised)('%s', (expression, reason) => {
    expect(reasonOf(expression)).toBe(reason);
    for (const value of [secret, String(number), '86753', 'secret']) expect(reason).not.toContain(value);
  });

  it('names the column, the row of the message and the kind of error', () => {
    const model = stateModel({
      columns: [column({ name: 'quantity', value: "int(query_state['n'])", callable: true })],
    });
    const { rejections } = planAppend(model, [delivery('d', `[{"n":"1"},{"n":"2"},{"n":"${secret}"}]`)], {
      flatten: 'lossless',
      evaluators: createEvaluatorFactory(),
    });
    expect(
      rejections.map(({ error }) => `${(error as TerminalError).code}: ${(error as TerminalError).message}`),
    ).toEqual([
      'invalid_expression: column quantity, row 3: ValueError: invalid literal for int() with base 10: <value>',
    ]);
  });
});
