import { bind, signature } from './arguments.ts';
import { sameItem } from './compare.ts';
import { integerOf } from './number.ts';
import type { Method, PyList, PyTuple, PyValue, Run } from './object.ts';
import { indexError, typeError, valueError, withheld } from './python-error.ts';
import { searchBounds } from './slice.ts';
import { typeName } from './type-name.ts';

/** Position of the first item that equals a value, or -1. */
export const positionOf = (
  run: Run,
  items: readonly PyValue[],
  wanted: PyValue,
  start = 0,
  end = items.length,
): number => {
  for (let index = start; index < end; index += 1) {
    const item = items[index]!;
    if (sameItem(run, item, wanted)) return index;
  }
  return -1;
};

/** Shared by `list[index]`, `pop` and the like. Throws `IndexError`, `TypeError`. */
export const positionIn = (value: PyValue, length: number, kind: string, outOf: string): number => {
  const index = integerOf(value);
  if (index === undefined) throw typeError(`${kind} indices must be integers or slices, not ${typeName(value)}`);
  const position = index < 0n ? index + BigInt(length) : index;
  if (position < 0n || position >= BigInt(length)) throw indexError(outOf);
  return Number(position);
};

const indexMethod: Method<PyList | PyTuple> = (run, self, args, named) => {
  const [wanted = null, start, stop] = bind(signature('index', 'value start? stop?'), args, named);
  const [from, end] = searchBounds(start, stop, self.items.length);
  const found = positionOf(run, self.items, wanted, from, end);
  if (found === -1) {
    throw valueError(self.kind === 'list' ? `${withheld} is not in list` : 'tuple.index(x): x not in tuple');
  }
  return BigInt(found);
};

const countMethod: Method<PyList | PyTuple> = (run, self, args, named) => {
  const [wanted = null] = bind(signature('count', 'value'), args, named);
  return BigInt(self.items.filter((item) => sameItem(run, item, wanted)).length);
};

/** `index` and `count` of lists and tuples. */
export const sequenceMethods: readonly (readonly [string, Method<PyList | PyTuple>])[] = [
  ['index', indexMethod],
  ['count', countMethod],
];
