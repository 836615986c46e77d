import { builtins } from '../../shared/python/modules/builtins.ts';
import { bytesMethodTable } from '../../shared/python/objects/bytes.ts';
import { dictMethodTable } from '../../shared/python/objects/dict.ts';
import { floatMethodTable } from '../../shared/python/objects/float.ts';
import { integerMethodTable } from '../../shared/python/objects/int.ts';
import { listMethodTable } from '../../shared/python/objects/list.ts';
import { PyNamespace } from '../../shared/python/objects/object.ts';
import { setMethodTable } from '../../shared/python/objects/set.ts';
import { textMethodTable } from '../../shared/python/objects/str/str.ts';

/** Draws a number in [0, bound). */
export type Draw = (bound: number) => number;

/** A small seeded generator (mulberry32): the same numbers on every machine. */
export const drawFrom = (seed: number): Draw => {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
};

/**
 * An expression that tries to cost too much: every operator, built-in function and method of the language (they are read
 * from its own tables) on small, large and wrong operands, alone, many times over, and on the same large values.
 */
export const hostileExpression = (draw: Draw): string => {
  const loop = draw(8);
  const inner = operation(draw, 2 + draw(2));
  if (loop < 3) return inner;
  if (loop < 5) return `[${inner} for x in range(${oneOf(draw, counts)})]`;
  if (loop === 5)
    return `(lambda a, b: [${inner} for x in range(${oneOf(draw, counts)})])(${large(draw)}, ${any(draw, 1)})`;
  if (loop === 6) return `(lambda a, b: ${inner})(${large(draw)}, ${large(draw)})`;
  return `sum(1 for x in (${any(draw, 1)}) if ${inner})`;
};

const oneOf = <Item>(draw: Draw, items: readonly Item[]): Item => items[draw(items.length)]!;

const counts = ['2', '30', '1000', '60000', '10**12'];

const smallAtoms = (
  "0|1|-1|7|255|1.5|-0.0|1e308|float('nan')|True|None|''|'a'|'%s'|'{}'|b''|b'ab'|()|(1,)|[]|[1, 2]|{}|{'a': 1}|{1}|x|a|b|" +
  "range(3)|'utf-8'|'ignore'|'0999999,'|'>999999'|'.9999f'|'%999999d'|'%(a)s'|'١٢'|'ß'|'İ'|'😀'|lambda *y: y|len|str|int|" +
  "query_state|query_state['text']|query_state['number']|query_state['list']|secret|(10**20)|(2**64)|slice(None, None, -1)"
).split('|');

const largeAtoms = (
  "'a' * 900000|'ab ' * 300000|'a,' * 400000|'😀' * 200000|'١' * 300000|'ß' * 300000|'aΣ' * 200000|'\\x00' * 500000|'1' * 900000|" +
  "'1_' * 4000|'9' * 4300|'f' * 16000|'-' + '1' * 4299|'%s' * 300000|'%(' * 300000|'\\n' * 400000|'\\t' * 5000|bytes(900000)|" +
  "b'a ' * 400000|[0] * 190000|[1.5] * 190000|['a' * 900000] * 1000|[b'a' * 900000] * 1000|[y for y in range(30000)]|" +
  '[str(y) for y in range(20000)]|((0,) * 100000)|{y: y for y in range(20000)}|{y for y in range(20000)}|range(10**12)|' +
  "range(2**65000, 2**65000 + 10**9)|2**65000|(2**65000 - 1)|-(3**40000)|(7**5000)|1e-320|tuple(['a' * 900000] * 1000)|" +
  "{'a' * 900000: 1}|{('a' * 900000, 1): 2}|query_state['big_text']|query_state['big_list']|query_state['big']|" +
  '(lambda l: [l.append([l[-1], l[-1]]) for y in range(40)] and l)([1])|(lambda l: [l.append([l.pop()]) for y in range(90)] and l)([1])|' +
  "zip(range(10**9), range(10**9))|(y for y in range(10**9))|('a' for y in range(10**9))"
).split('|');

const operators = '+ - * / // % ** << >> & | ^ < <= > >= == != in is and or'.split(' ').concat(['not in', 'is not']);

const small = (draw: Draw): string => oneOf(draw, smallAtoms);
const large = (draw: Draw): string => oneOf(draw, largeAtoms);

const any = (draw: Draw, depth: number): string => {
  const kind = draw(10);
  if (kind < 4) return `(${small(draw)})`;
  if (kind < 7 || depth <= 0) return `(${large(draw)})`;
  return operation(draw, depth - 1);
};

const methods: readonly string[] = [
  ...new Set(
    [
      textMethodTable,
      bytesMethodTable,
      listMethodTable,
      dictMethodTable,
      setMethodTable,
      integerMethodTable,
      floatMethodTable,
    ].flatMap((table) => [...table.keys()]),
  ),
];

const functions: readonly string[] = [...builtins].flatMap(([name, value]) =>
  value instanceof PyNamespace ? [...value.attributes.keys()].map((member) => `${name}.${member}`) : [name],
);

/** Methods with the receiver that they are for: a wrong one only gives None. */
const fitting: readonly (readonly [readonly string[], readonly string[]])[] = [
  [[...textMethodTable.keys()], ["'ab '", ...largeAtoms.filter((each) => each.includes("'") && each.includes(' * '))]],
  [[...bytesMethodTable.keys()], ["b'ab'", 'bytes(900000)', "b'a ' * 400000"]],
  [[...listMethodTable.keys()], ['[1, 2]', '[0] * 190000', "['a' * 900000] * 1000", "query_state['big_list']"]],
  [[...dictMethodTable.keys()], ["{'a': 1}", '{y: y for y in range(20000)}', "query_state['big']"]],
  [[...setMethodTable.keys()], ['{1}', '{y for y in range(20000)}']],
  [[...integerMethodTable.keys()], ['7', '2**65000']],
  [[...floatMethodTable.keys()], ['1.5', '1e308', '5e-324']],
];

const args = (draw: Draw, depth: number): string =>
  Array.from({ length: oneOf(draw, [0, 1, 1, 1, 2, 2, 3]) }, () => any(draw, depth)).join(', ');

const named = (draw: Draw): string =>
  draw(6) > 0
    ? ''
    : oneOf(draw, ['key=len', 'reverse=True', 'strict=True', "sep=','", 'k=100000', 'signed=True', 'maxsplit=3']);

const call = (callee: string, draw: Draw, depth: number): string =>
  `${callee}(${[args(draw, depth), named(draw)].filter((each) => each !== '').join(', ')})`;

const operation = (draw: Draw, depth: number): string => {
  switch (draw(14)) {
    case 0:
    case 1:
    case 2: {
      const [names, receivers] = oneOf(draw, fitting);
      return call(`(${oneOf(draw, receivers)}).${oneOf(draw, names)}`, draw, depth);
    }
    case 3:
      return call(`${any(draw, depth)}.${oneOf(draw, methods)}`, draw, depth);
    case 4:
    case 5:
    case 6:
      return call(oneOf(draw, functions), draw, depth);
    case 7:
    case 8:
      return `(${any(draw, depth)} ${oneOf(draw, operators)} ${any(draw, depth)})`;
    case 9:
      return `${oneOf(draw, ['-', '+', '~', 'not '])}${any(draw, depth)}`;
    case 10:
      return draw(2) === 0
        ? `${any(draw, depth)}[${any(draw, depth)}]`
        : `${any(draw, depth)}[${small(draw)}:${any(draw, depth)}:${oneOf(draw, ['', '-1', '3'])}]`;
    case 11:
      return `f"{${any(draw, 0)}!${oneOf(draw, ['r', 's', 'a'])}:${oneOf(draw, ['', '>999999', '.5'])}}{1.5:${oneOf(draw, ['.9999f', '0999999,', '.999999e', '>99999'])}}"`.replaceAll(
        '\\',
        '',
      );
    case 12:
      return oneOf(draw, ['[*#]', '(*#, *#)', '{*#}', '{**#}', '{#: #}', '{#, #}', '[#, #]', '(#, #)']).replaceAll(
        '#',
        () => any(draw, depth),
      );
    default: {
      const [open, close] = oneOf(draw, ['[]', '{}']);
      const key = open === '{' && draw(2) === 0 ? `${any(draw, depth)}: ` : '';
      return `${open}${key}${any(draw, depth)} for x in ${any(draw, depth)}${close}`;
    }
  }
};
