import { bitLength } from './number.ts';
import { type PyDict, type PyDictView, type PyList, type PyRange, PyTuple, type PyValue, type Run } from './object.ts';
import { typeError } from './python-error.ts';
import { typeName } from './type-name.ts';

/** Whether there is anything to iterate. */
export const isIterable = (value: PyValue): boolean => {
  if (typeof value !== 'object' || value === null) return typeof value === 'string';
  return iterableKinds.has(value.kind);
};

const iterableKinds: ReadonlySet<string> = new Set('list tuple dict view set range bytes iterator'.split(' '));

/** Python's `iter(value)`; every item is a step. Throws `TypeError` where there is nothing to iterate. */
export const iterate = (run: Run, value: PyValue): IterableIterator<PyValue> => {
  const iterator = sourceOf(run, value);
  run.meter.spend('container', 1);
  return {
    next: () => {
      run.meter.charge(1);
      return iterator.next();
    },
    [Symbol.iterator]() {
      return this;
    },
  };
};

/** Calls with every item, as {@link iterate} gives them: what is iterated most needs no objects for it. */
export const visitItems = (run: Run, value: PyValue, visit: (item: PyValue) => void): void => {
  if (typeof value === 'object' && value !== null) {
    if (value.kind === 'list' || value.kind === 'tuple') {
      for (let index = 0; index < value.items.length; index += 1) {
        run.meter.charge(1);
        visit(value.items[index]!);
      }
      return;
    }
    if (value.kind === 'range') {
      const bits = longestBits(value);
      for (let index = 0n, item = value.start; index < value.length; index += 1n, item += value.step) {
        run.meter.charge(1);
        if (bits > 64) run.meter.bits(bits);
        visit(item);
      }
      return;
    }
  }
  for (const item of iterate(run, value)) visit(item);
};

/** All items of an iterable, within the bound of a collection. */
export const collect = (run: Run, value: PyValue): PyValue[] => {
  if (typeof value === 'object' && value !== null && (value.kind === 'list' || value.kind === 'tuple')) {
    run.meter.charge(value.items.length >> 1);
    run.meter.items(value.items.length);
    return [...value.items];
  }
  const items: PyValue[] = [];
  visitItems(run, value, (item) => {
    items.push(item);
    run.meter.grown(items.length);
  });
  run.meter.items(items.length);
  return items;
};

const sourceOf = (run: Run, value: PyValue): Iterator<PyValue> => {
  if (typeof value === 'string') return value[Symbol.iterator]();
  if (typeof value === 'object' && value !== null) {
    switch (value.kind) {
      case 'list':
        return overList(value);
      case 'tuple':
        return value.items[Symbol.iterator]();
      case 'dict':
        return overDict(value, 'keys');
      case 'view':
        return overDict(value.dict, value.part);
      case 'set':
        return value.members.values();
      case 'range':
        return overRange(run, value);
      case 'bytes':
        return overBytes(value.bytes);
      case 'iterator':
        return value.source;
      default:
    }
  }
  throw typeError(`'${typeName(value)}' object is not iterable`);
};

/** By position, as CPython goes: what is appended under way comes too. */
function* overList(list: PyList): Generator<PyValue> {
  for (let index = 0; index < list.items.length; index += 1) yield list.items[index]!;
}

function* overDict(dict: PyDict, part: PyDictView['part']): Generator<PyValue> {
  for (const { key, value } of dict.entries.values()) {
    yield part === 'keys' ? key : part === 'values' ? value : new PyTuple([key, value]);
  }
}

const longestBits = ({ start, stop, step }: PyRange): number =>
  Math.max(bitLength(start), bitLength(stop), bitLength(step));

function* overRange(run: Run, range: PyRange): Generator<PyValue> {
  // Long integers are made one by one: each is charged.
  const bits = longestBits(range);
  const { start, step, length } = range;
  for (let index = 0n, value = start; index < length; index += 1n, value += step) {
    if (bits > 64) run.meter.bits(bits);
    yield value;
  }
}

function* overBytes(bytes: Uint8Array): Generator<PyValue> {
  for (const byte of bytes) yield BigInt(byte);
}
