import fc from 'fast-check';

const texts = [
  "'abc'",
  "'a,b,c'",
  "''",
  "'Hello World'",
  "'  x y '",
  "'ß'",
  "'ΑΣ'",
  "'😀a'",
  "'123'",
  "'-4.5'",
  "'aXbXc'",
  "'a\\tb\\n'",
  "'ab' * 3",
  "'%d'",
  "'it\\'s'",
  "'\\x00\\u200b\"'",
];
const integers = ['0', '1', '2', '3', '7', '10', '-1', '-3', '255', '(10**20)', '(2**53 + 1)', 'True', "len('abc')"];
const floats = [
  '0.0',
  '1.5',
  '-2.5',
  '2.675',
  '1e16',
  '1e-5',
  '0.1',
  '3.14159',
  '1e300',
  '-0.0',
  "float('inf')",
  "float('nan')",
  '123456.789',
  '5e-324',
  '(1/3)',
  '1e22',
];
const collections = [
  '[]',
  '[1, 2, 3]',
  "['a', 'b']",
  '[[1], [2, 3]]',
  "[1.5, None, 'x']",
  '(1, 2)',
  '()',
  "('b', 'a')",
  'range(5)',
  '{}',
  "{'a': 1}",
  "{1: 'x', 2.5: None}",
];
const methods = [
  'upper()',
  'lower()',
  'strip()',
  'title()',
  'capitalize()',
  'swapcase()',
  'split()',
  "split(',')",
  'split(None, 1)',
  "rsplit(',', 1)",
  'splitlines()',
  'isdigit()',
  'isalpha()',
  'isupper()',
  'istitle()',
  'isspace()',
  'casefold()',
  'zfill(6)',
  'center(9)',
  "center(8, '*')",
  "ljust(7, '.')",
  'rjust(7)',
  "replace('a', 'bb')",
  "replace('', '-')",

  "find('b')",
  "rfind('b')",
  "count('a')",
  "count('')",
  "startswith('a')",
  "endswith(('c', 'd'))",
  "partition(',')",
  "rpartition('X')",
  'encode()',
  'expandtabs(3)',
  "join(['x', 'y'])",
  "index('b')",
  "lstrip('a ')",
  "rstrip('c ')",
];
const specs = [
  '',
  '5',
  '<5',
  '>8',
  '^9',
  '*^9',
  '08',
  '05d',
  '.2f',
  '10.3f',
  ',',
  ',.2f',
  'e',
  '.3e',
  'g',
  '.3g',
  '%',
  '.1%',
  'x',
  '#x',
  'b',
  '_',
  's',
  '.2',
  '10s',
  '-^12',
  '015,.2f',
  '+.0f',
  '.10g',
  '.17g',
  '.0e',
  '_x',
  ' d',
  'E',
  '.1',
  '.16',
];
const percents = [
  '%s',
  '%r',
  '%d',
  '%5d',
  '%-5d|',
  '%05d',
  '%+d',
  '%x',
  '%o',
  '%#x',
  '%f',
  '%.2f',
  '%8.3f',
  '%-8.3f|',
  '%e',
  '%g',
  '%.3g',
  '%c',
  '%.0f',
  '%010.2f',
  '%a',
  '%5s',
  '%.2s',
  '% d',
  '%.15e',
];
const comparisons = ['<', '<=', '>', '>=', '==', '!=', 'in', 'not in'];
const conversions = [
  'len',
  'str',
  'repr',
  'bool',
  'abs',
  'int',
  'float',
  'tuple',
  'sorted',
  'hex',
  'round',
  'chr',
  'ord',
];

const oneOf = (values: readonly string[]): fc.Arbitrary<string> => fc.constantFrom(...values);
const number = fc.oneof(oneOf(integers), oneOf(floats), fc.integer().map(String), fc.double().map(pythonFloat));
const text = oneOf(texts);
const literal = fc.oneof(number, text, oneOf(collections), oneOf(['None', 'True']));

function pythonFloat(value: number): string {
  if (Number.isFinite(value)) return Object.is(value, -0) ? '-0.0' : `float('${value}')`;
  return `float('${Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'}')`;
}

/** Fills the holes of a template, written `#`, with what the arbitraries give. */
const fill = (template: string, ...parts: readonly fc.Arbitrary<string>[]): fc.Arbitrary<string> =>
  fc.tuple(...parts).map((values) => {
    const rest = [...values];
    return template.replaceAll('#', () => rest.shift() ?? '');
  });

const { expression } = fc.letrec<{ expression: string }>((tie) => {
  const inner = tie('expression');
  return {
    expression: fc.oneof(
      { maxDepth: 3, depthSize: 'small' },
      literal,
      fill('(# # #)', number, oneOf(['+', '-', '*', '/', '//', '%']), number),
      fill('(# ** #)', number, oneOf(['0', '1', '2', '-1', '3', '-2', '17'])),
      fill('(# # #)', oneOf(integers), oneOf(['&', '|', '^', '<<', '>>']), oneOf(['0', '1', '2', '3', '7'])),
      fill('(#).#', text, oneOf(methods)),
      fill('(#).#', inner, oneOf(methods)),
      fill('(# # #)', inner, oneOf(comparisons), inner),
      fill('(# # #)', inner, oneOf(['and', 'or', 'and not', 'or not']), inner),
      fill('(not # # #)', inner, oneOf(['and', 'or', '==', 'if 1 else']), inner),
      fill('(# if # else #)', inner, inner, inner),
      fill(
        '(#)[#]',
        fc.oneof(text, oneOf(collections)),
        oneOf(['0', '1', '-1', '1:', '::-1', ':2', '::2', '-2:', '5', '1:0']),
      ),
      fill("('#' % #)", oneOf(percents), fc.oneof(number, text, fill('(#,)', number))),
      fill('f"{#:#}"', fc.oneof(oneOf(integers), oneOf(['1.5', '2.675', '1e16', '-0.0', '123456.789'])), oneOf(specs)),
      fill('#(#)', oneOf(conversions), inner),
      fill('round(#, #)', number, oneOf(['0', '1', '2', '-1', '-2', 'None', '3'])),
      fill('divmod(#, #)', number, number),
      fill('pow(#, #, #)', oneOf(integers), oneOf(['0', '1', '2', '7', '-1']), oneOf(['7', '1000', '-5'])),
      fill('math.#(#)', oneOf(['sqrt', 'floor', 'ceil', 'trunc', 'fabs', 'isqrt', 'degrees', 'frexp', 'modf']), number),
      fill('math.#(#, #)', oneOf(['gcd', 'fmod', 'copysign', 'remainder', 'isclose']), number, number),
      fill('[x for x in # if x]', oneOf(collections)),
      fill('(lambda x, y=2: (x, y))(#)', inner),
      fill('(# + #)', inner, inner),
      fill('(# * #)', inner, oneOf(['0', '2', '-1', "'a'"])),
      fill('-(#)', inner),
    ),
  };
});

/** An expression of the language, most of them with a value, some with an exception. */
export const expressionArbitrary: fc.Arbitrary<string> = expression;
