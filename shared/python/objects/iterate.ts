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

/** All items of an iterable, within the bound of a collection. */
export const collect = (run: Run, value: PyValue): PyValue[] => {
  if (typeof value === 'object' && value !== null && (value.kind === 'list' || value.kind === 'tuple')) {
    run.meter.charge(value.items.length >> 1);
    run.meter.items(value.items.length);
    return [...value.items];
  }
  const items: PyValue[] = [];
  for (const item of iterate(run, value)) {
    items.push(item);
    if (items.length > run.meter.limits.maxItems) run.meter.grown(items.length);
  }
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

function* overRange(run: Run, range: PyRange): Generator<PyValue> {
  // Long integers are made one by one: each is charged.
  const bits = Math.max(bitLength(range.start), bitLength(range.stop), bitLength(range.step));
  const { start, step, length } = range;
  for (let index = 0n, value = start; index < length; index += 1n, value += step) {
    if (bits > 64) run.meter.bits(bits);
    yield value;
  }
}

function* overBytes(bytes: Uint8Array): Generator<PyValue> {
  for (const byte of bytes) yield BigInt(byte);
}
