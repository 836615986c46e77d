import { typeError } from './python-error.ts';
import type { PyDict, PyRange, PyValue, Run } from './object.ts';
import { typeName } from './type-name.ts';
import { viewItems } from './dict-view.ts';

/** Whether there is anything to iterate. */
export const isIterable = (value: PyValue): boolean => sourceOf(value) !== undefined;

/** Python's `iter(value)`; every item is a step. Throws `TypeError` where there is nothing to iterate. */
export const iterate = (run: Run, value: PyValue): IterableIterator<PyValue> => {
  const source = sourceOf(value);
  if (source === undefined) throw typeError(`'${typeName(value)}' object is not iterable`);
  const iterator = Symbol.iterator in source ? source[Symbol.iterator]() : source;
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
  const items: PyValue[] = [];
  for (const item of iterate(run, value)) {
    items.push(item);
    if (items.length > run.meter.limits.maxItems) run.meter.items(items.length);
  }
  return items;
};

const sourceOf = (value: PyValue): Iterable<PyValue> | Iterator<PyValue> | undefined => {
  if (typeof value === 'string') return value[Symbol.iterator]();
  if (typeof value === 'object' && value !== null) {
    switch (value.kind) {
      case 'list':
      case 'tuple':
        return value.items;
      case 'dict':
        return keysOf(value);
      case 'view':
        return viewItems(value);
      case 'set':
        return value.members.values();
      case 'range':
        return overRange(value);
      case 'bytes':
        return overBytes(value.bytes);
      case 'iterator':
        return value.source;
      default:
    }
  }
  return undefined;
};

function* keysOf(dict: PyDict): Generator<PyValue> {
  for (const { key } of dict.entries.values()) yield key;
}

function* overRange(range: PyRange): Generator<PyValue> {
  for (let index = 0n, value = range.start; index < range.length; index += 1n, value += range.step) yield value;
}

function* overBytes(bytes: Uint8Array): Generator<PyValue> {
  for (const byte of bytes) yield BigInt(byte);
}
