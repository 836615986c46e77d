import { typeError } from './python-error.ts';
import type { HashKey, PyDict, PyRange, PySet, PyValue, Run } from './object.ts';
import { typeName } from './type-name.ts';
import { viewAsSet } from './dict-view.ts';

export type OrderOperator = '<' | '<=' | '>' | '>=';

/** Whether two items are one or equal; each is a step, whatever is found. */
export const sameItem = (run: Run, left: PyValue, right: PyValue, depth = 0): boolean =>
  equals(run, left, right, depth) || (typeof left === 'number' && Number.isNaN(left) && Number.isNaN(right));

/** Python's `is`: equal small values are one object here, which is what CPython's caches make true of most of them. */
export const identical = (left: PyValue, right: PyValue): boolean => Object.is(left, right);

/** Python's `==`. Never throws but at a limit. */
export const equals = (run: Run, left: PyValue, right: PyValue, depth = 0): boolean => {
  run.meter.charge(1);
  if (isNumber(left) || isNumber(right)) {
    if (!isNumber(left) || !isNumber(right)) return false;
    const [one, other] = [plainNumber(left), plainNumber(right)];
    chargeIntegers(run, one, other);
    return typeof one === typeof other
      ? one === other
      : !(one < other) && !(one > other) && !Number.isNaN(Number(one) + Number(other));
  }
  if (typeof left === 'string' || typeof right === 'string' || left === null || right === null) {
    if (typeof left === 'string' && typeof right === 'string') {
      if (left.length !== right.length) return false;
      if (left.length > 64) run.meter.scan(left.length);
    }
    return left === right;
  }
  if (left === right) return true;
  if (left.kind === 'view' || right.kind === 'view') {
    const one = viewAsSet(run, left);
    const other = viewAsSet(run, right);
    return one !== undefined && other !== undefined && equals(run, one, other, depth);
  }
  if (left.kind === 'list' && right.kind === 'list')
    return equalItems(run, left.items, right.items, run.meter.deeper(depth));
  if (left.kind === 'tuple' && right.kind === 'tuple') {
    return equalItems(run, left.items, right.items, run.meter.deeper(depth));
  }
  if (left.kind === 'dict' && right.kind === 'dict') return equalDicts(run, left, right, run.meter.deeper(depth));
  if (left.kind === 'set' && right.kind === 'set')
    return left.members.size === right.members.size && isSubset(run, left, right);
  if (left.kind === 'bytes' && right.kind === 'bytes') {
    run.meter.scan(Math.min(left.bytes.length, right.bytes.length));
    return Buffer.compare(left.bytes, right.bytes) === 0;
  }
  if (left.kind === 'enum' && right.kind === 'enum')
    return left.typeName === right.typeName && left.member === right.member;
  if (left.kind === 'range' && right.kind === 'range') return equalRanges(left, right);
  if (left.kind === 'slice' && right.kind === 'slice') {
    return equalItems(
      run,
      [left.start, left.stop, left.step],
      [right.start, right.stop, right.step],
      run.meter.deeper(depth),
    );
  }
  return false;
};

/** Whether every member of the first set is one of the second. */
export const isSubset = (run: Run, left: PySet, right: PySet): boolean => {
  for (const key of left.members.keys()) {
    chargeLookup(run, key);
    if (!right.members.has(key)) return false;
  }
  return true;
};

/** Python's `<`, `<=`, `>`, `>=`. Throws `TypeError` where the types have no order. */
export const order = (run: Run, operator: OrderOperator, left: PyValue, right: PyValue, depth = 0): boolean => {
  run.meter.charge(1);
  if (isNumber(left) && isNumber(right)) {
    const [one, other] = [plainNumber(left), plainNumber(right)];
    chargeIntegers(run, one, other);
    if (operator === '<') return one < other;
    if (operator === '<=') return one <= other;
    return operator === '>' ? one > other : one >= other;
  }
  if (typeof left === 'string' && typeof right === 'string') {
    return holds(operator, compareTexts(run, left, right));
  }
  if (typeof left === 'object' && left !== null && typeof right === 'object' && right !== null) {
    if ((left.kind === 'list' && right.kind === 'list') || (left.kind === 'tuple' && right.kind === 'tuple')) {
      return orderItems(run, operator, left.items, right.items, run.meter.deeper(depth));
    }
    const [one, other] = [viewAsSet(run, left), viewAsSet(run, right)];
    if (one !== undefined && other !== undefined) return orderSets(run, operator, one, other);
    if (left.kind === 'bytes' && right.kind === 'bytes') {
      run.meter.scan(Math.min(left.bytes.length, right.bytes.length));
      return holds(operator, Buffer.compare(left.bytes, right.bytes));
    }
  }
  throw typeError(`'${operator}' not supported between instances of '${typeName(left)}' and '${typeName(right)}'`);
};

const isNumber = (value: PyValue): value is boolean | bigint | number =>
  typeof value === 'bigint' || typeof value === 'number' || typeof value === 'boolean';

const plainNumber = (value: boolean | bigint | number): bigint | number =>
  typeof value === 'boolean' ? (value ? 1n : 0n) : value;

const maxPlain = 2n ** 1024n;

/** Integers are compared word by word. */
const chargeIntegers = (run: Run, left: bigint | number, right: bigint | number): void => {
  if (typeof left !== 'bigint' || typeof right !== 'bigint') return;
  if (left > maxPlain || left < -maxPlain) run.meter.charge(4);
};

const equalItems = (run: Run, left: readonly PyValue[], right: readonly PyValue[], depth: number): boolean =>
  left.length === right.length && left.every((item, index) => sameItem(run, item, right[index]!, depth));

const equalDicts = (run: Run, left: PyDict, right: PyDict, depth: number): boolean => {
  if (left.entries.size !== right.entries.size) return false;
  for (const [key, { value }] of left.entries) {
    chargeLookup(run, key);
    const other = right.entries.get(key);
    if (other === undefined || !sameItem(run, value, other.value, depth)) return false;
  }
  return true;
};

/** A key that is found is compared with the one that is there. */
const chargeLookup = (run: Run, key: HashKey): void => {
  run.meter.charge(1);
  if (typeof key === 'string' && key.length > 64) run.meter.scan(key.length);
};

const equalRanges = (left: PyRange, right: PyRange): boolean =>
  left.length === right.length &&
  (left.length === 0n || (left.start === right.start && (left.length === 1n || left.step === right.step)));

const holds = (operator: OrderOperator, difference: number): boolean => {
  if (operator === '<') return difference < 0;
  if (operator === '<=') return difference <= 0;
  return operator === '>' ? difference > 0 : difference >= 0;
};

const surrogates = /[\ud800-\udfff]/;

/** Below zero, zero or above: by code points, where JavaScript goes by UTF-16 units. */
const compareTexts = (run: Run, left: string, right: string): number => {
  if (left.length + right.length > 64) run.meter.scan(left.length + right.length);
  if (left === right) return 0;
  if (!surrogates.test(left) && !surrogates.test(right)) return left < right ? -1 : 1;
  run.meter.spend('walk', Math.min(left.length, right.length));
  const one = left[Symbol.iterator]();
  const other = right[Symbol.iterator]();
  for (;;) {
    const [a, b] = [one.next().value, other.next().value];
    if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? -1 : 1;
    const difference = a.codePointAt(0)! - b.codePointAt(0)!;
    if (difference !== 0) return difference;
  }
};

const orderItems = (
  run: Run,
  operator: OrderOperator,
  left: readonly PyValue[],
  right: readonly PyValue[],
  depth: number,
): boolean => {
  const shared = Math.min(left.length, right.length);
  for (let index = 0; index < shared; index += 1) {
    const [one, other] = [left[index]!, right[index]!];
    if (!sameItem(run, one, other, depth)) return order(run, operator, one, other, depth);
  }
  return holds(operator, left.length - right.length);
};

const orderSets = (run: Run, operator: OrderOperator, left: PySet, right: PySet): boolean => {
  const [inner, outer] = operator.startsWith('<') ? [left, right] : [right, left];
  const proper = operator === '<' || operator === '>';
  return (!proper || inner.members.size < outer.members.size) && isSubset(run, inner, outer);
};
