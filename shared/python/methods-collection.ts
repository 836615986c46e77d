import { bind, countOr, signature } from './arguments.ts';
import { equals, identical } from './compare.ts';
import { integerOf } from './integers.ts';
import { collect } from './iterate.ts';
import { indexError, typeError, valueError } from './python-error.ts';
import { repr } from './repr.ts';
import type { Run } from './run.ts';
import { searchBounds } from './slicing.ts';
import { sortItems } from './sort-items.ts';
import { typeName } from './type-name.ts';
import { type Method, type MethodTable, PyList, type PyRange, type PyTuple, type PyValue } from './values.ts';

const positionOf = (run: Run, items: readonly PyValue[], wanted: PyValue, start = 0, end = items.length): number => {
  for (let index = start; index < end; index += 1) {
    const item = items[index]!;
    if (identical(item, wanted) || equals(run, item, wanted)) return index;
  }
  return -1;
};

const indexMethod: Method<PyList | PyTuple> = (run, self, args, named) => {
  const [wanted = null, start, stop] = bind(signature('index', 'value start? stop?'), args, named);
  const [from, end] = searchBounds(start, stop, self.items.length);
  const found = positionOf(run, self.items, wanted, from, end);
  if (found === -1) {
    throw valueError(self.kind === 'list' ? `${repr(run, wanted)} is not in list` : 'tuple.index(x): x not in tuple');
  }
  return BigInt(found);
};

const countMethod: Method<PyList | PyTuple> = (run, self, args, named) => {
  const [wanted = null] = bind(signature('count', 'value'), args, named);
  return BigInt(self.items.filter((item) => identical(item, wanted) || equals(run, item, wanted)).length);
};

/** Shared by `list[index]`, `pop` and the like. Throws `IndexError`, `TypeError`. */
export const positionIn = (value: PyValue, length: number, kind: string, outOf: string): number => {
  const index = integerOf(value);
  if (index === undefined) throw typeError(`${kind} indices must be integers or slices, not ${typeName(value)}`);
  const position = index < 0n ? index + BigInt(length) : index;
  if (position < 0n || position >= BigInt(length)) throw indexError(outOf);
  return Number(position);
};

const listMethods: readonly (readonly [string, Method<PyList>])[] = [
  [
    'append',
    (run, self, args, named) => {
      const [item = null] = bind(signature('list.append', 'object'), args, named);
      run.meter.items(1);
      self.items.push(item);
      if (self.items.length > run.meter.limits.maxItems) run.meter.items(self.items.length);
      return null;
    },
  ],
  [
    'extend',
    (run, self, args, named) => {
      const added = collect(run, bind(signature('list.extend', 'iterable'), args, named)[0] ?? null);
      run.meter.items(self.items.length + added.length);
      self.items = [...self.items, ...added];
      return null;
    },
  ],
  [
    'insert',
    (run, self, args, named) => {
      const [index = null, item = null] = bind(signature('insert', 'index object'), args, named);
      run.meter.items(self.items.length + 1);
      self.items.splice(countOr(index, 0), 0, item);
      return null;
    },
  ],
  [
    'pop',
    (run, self, args, named) => {
      const [index = -1n] = bind(signature('pop', 'index?'), args, named);
      if (self.items.length === 0) throw indexError('pop from empty list');
      const position = positionIn(index, self.items.length, 'list', 'pop index out of range');
      run.meter.items(self.items.length - position);
      return self.items.splice(position, 1)[0]!;
    },
  ],
  [
    'remove',
    (run, self, args, named) => {
      const [wanted = null] = bind(signature('list.remove', 'value'), args, named);
      const position = positionOf(run, self.items, wanted);
      if (position === -1) throw valueError('list.remove(x): x not in list');
      self.items.splice(position, 1);
      return null;
    },
  ],
  [
    'clear',
    (_run, self, args, named) => {
      bind(signature('list.clear', ''), args, named);
      self.items = [];
      return null;
    },
  ],
  [
    'copy',
    (run, self, args, named) => {
      bind(signature('list.copy', ''), args, named);
      run.meter.items(self.items.length);
      return new PyList([...self.items]);
    },
  ],
  [
    'reverse',
    (run, self, args, named) => {
      bind(signature('list.reverse', ''), args, named);
      run.meter.items(self.items.length);
      self.items.reverse();
      return null;
    },
  ],
  [
    'sort',
    (run, self, args, named) => {
      if (args.length > 0) throw typeError('sort() takes no positional arguments');
      self.items = sortItems(run, self.items, named);
      return null;
    },
  ],
];

const shared: readonly (readonly [string, Method<PyList | PyTuple>])[] = [
  ['index', indexMethod],
  ['count', countMethod],
];

/** Positions in a range are computed, not searched. */
const rangeIndex = (run: Run, self: PyRange, wanted: PyValue): bigint | undefined => {
  const integer = integerOf(wanted) ?? (Number.isInteger(wanted) ? BigInt(wanted as number) : undefined);
  run.meter.charge(1);
  if (integer === undefined || (integer - self.start) % self.step !== 0n) return undefined;
  const position = (integer - self.start) / self.step;
  return position >= 0n && position < self.length ? position : undefined;
};

const rangeMethods: readonly (readonly [string, Method<PyRange>])[] = [
  [
    'index',
    (run, self, args, named) => {
      const [wanted = null] = bind(signature('range.index', 'value'), args, named);
      const found = rangeIndex(run, self, wanted);
      if (found === undefined) throw valueError(`${repr(run, wanted)} is not in range`);
      return found;
    },
  ],
  [
    'count',
    (run, self, args, named) => {
      const [wanted = null] = bind(signature('range.count', 'value'), args, named);
      return rangeIndex(run, self, wanted) === undefined ? 0n : 1n;
    },
  ],
];

export const rangeMethodTable: MethodTable<PyRange> = new Map(rangeMethods);
export const tupleMethodTable: MethodTable<PyTuple> = new Map(shared);
export const listMethodTable: MethodTable<PyList> = new Map<string, Method<PyList>>([...shared, ...listMethods]);
