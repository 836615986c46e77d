import { type ArithmeticOperator, numericOperation, repeat, unsupported } from './arithmetic.ts';
import { equals, identical, order, sameItem } from './compare.ts';
import { hashKey } from './hash-key.ts';
import { integerOf } from './number.ts';
import { iterate } from './iterate.ts';
import { mergedDict } from './dict.ts';
import { combineSets, type SetOperator } from './set.ts';
import { joinBytes } from './bytes.ts';
import { percentFormat } from './format/percent-format.ts';
import { typeError, valueError } from './python-error.ts';
import { PyBytes, PyList, PyTuple, type PyValue, type Run } from './object.ts';
import { contains } from './str/search.ts';
import { typeName } from './type-name.ts';
import { viewAsSet } from './dict-view.ts';

export type CompareOperator = '<' | '<=' | '>' | '>=' | '==' | '!=' | 'in' | 'not in' | 'is' | 'is not';

/** Every binary operator but the comparisons. Throws Python's errors. */
export const binaryOperation = (run: Run, operator: ArithmeticOperator, left: PyValue, right: PyValue): PyValue => {
  const number = numericOperation(run, operator, left, right);
  if (number !== undefined) return number;
  let result: PyValue | undefined;
  if (operator === '+') result = concatenate(run, left, right);
  else if (operator === '*') result = multiply(run, left, right);
  else if (operator === '%' && typeof left === 'string') result = percentFormat(run, left, right);
  else if (typeof left === 'object' && left !== null) {
    if (operator === '|' && left.kind === 'dict') result = mergedDict(run, left, right);
    else result = onSets(run, operator, left, right);
  }
  if (result === undefined) throw unsupported(operator === '**' ? '** or pow()' : operator, left, right);
  return result;
};

/** One comparison of a chain. Throws `TypeError`. */
export const compareOperation = (run: Run, operator: CompareOperator, left: PyValue, right: PyValue): boolean => {
  switch (operator) {
    case '==':
      return equals(run, left, right);
    case '!=':
      return !equals(run, left, right);
    case 'is':
      return identical(left, right);
    case 'is not':
      return !identical(left, right);
    case 'in':
      return holdsIn(run, right, left);
    case 'not in':
      return !holdsIn(run, right, left);
    default:
      return order(run, operator, left, right);
  }
};

const concatenate = (run: Run, left: PyValue, right: PyValue): PyValue | undefined => {
  if (typeof left === 'string') {
    if (typeof right !== 'string') throw typeError(`can only concatenate str (not "${typeName(right)}") to str`);
    run.meter.text(left.length + right.length);
    return left + right;
  }
  if (typeof left !== 'object' || left === null) return undefined;
  if (left.kind === 'list' || left.kind === 'tuple') {
    if (typeof right !== 'object' || right === null || right.kind !== left.kind) {
      throw typeError(`can only concatenate ${left.kind} (not "${typeName(right)}") to ${left.kind}`);
    }
    run.meter.items(left.items.length + right.items.length);
    const items = [...left.items, ...right.items];
    return left.kind === 'list' ? new PyList(items) : new PyTuple(items);
  }
  if (left.kind !== 'bytes') return undefined;
  if (typeof right !== 'object' || right === null || right.kind !== 'bytes') {
    throw typeError(`can't concat ${typeName(right)} to bytes`);
  }
  run.meter.madeBytes(left.bytes.length + right.bytes.length);
  return new PyBytes(joinBytes([left.bytes, right.bytes]));
};

const multiply = (run: Run, left: PyValue, right: PyValue): PyValue | undefined => {
  for (const [value, count] of [
    [left, right],
    [right, left],
  ] as const) {
    const sequence = ['string', 'list', 'tuple', 'bytes'].includes(kindOf(value));
    if (!sequence) continue;
    const times = integerOf(count);
    if (times === undefined) throw typeError(`can't multiply sequence by non-int of type '${typeName(count)}'`);
    return repeat(run, value as string | PyList | PyTuple | PyBytes, times);
  }
  return undefined;
};

const kindOf = (value: PyValue): string => (typeof value === 'object' && value !== null ? value.kind : typeof value);

const onSets = (run: Run, operator: ArithmeticOperator, left: PyValue, right: PyValue): PyValue | undefined => {
  if (!['&', '|', '-', '^'].includes(operator)) return undefined;
  const one = viewAsSet(run, left);
  const other = viewAsSet(run, right);
  return one === undefined || other === undefined ? undefined : combineSets(run, operator as SetOperator, one, other);
};

const holdsIn = (run: Run, container: PyValue, value: PyValue): boolean => {
  if (typeof container === 'string') {
    if (typeof value !== 'string') {
      throw typeError(`'in <string>' requires string as left operand, not ${typeName(value)}`);
    }
    return contains(run, container, value);
  }
  if (typeof container !== 'object' || container === null) {
    throw typeError(`argument of type '${typeName(container)}' is not iterable`);
  }
  switch (container.kind) {
    case 'dict':
      return container.entries.has(hashKey(run, value));
    case 'set':
      return container.members.has(hashKey(run, value));
    case 'view':
      if (container.part === 'keys') return container.dict.entries.has(hashKey(run, value));
      break;
    case 'range': {
      const integer = integerOf(value);
      if (integer === undefined) break;
      const { start, stop, step } = container;
      const inside = step > 0n ? integer >= start && integer < stop : integer <= start && integer > stop;
      return inside && (integer - start) % step === 0n;
    }
    case 'bytes':
      return inBytes(run, container, value);
    case 'list':
    case 'tuple':
    case 'iterator':
      break;
    default:
      throw typeError(`argument of type '${typeName(container)}' is not iterable`);
  }
  for (const item of iterate(run, container)) {
    if (sameItem(run, item, value)) return true;
  }
  return false;
};

const inBytes = (run: Run, container: PyBytes, value: PyValue): boolean => {
  const byte = integerOf(value);
  if (byte !== undefined) {
    if (byte < 0n || byte > 255n) throw valueError('byte must be in range(0, 256)');
    run.meter.scan(container.bytes.length);
    return container.bytes.includes(Number(byte));
  }
  if (!(value instanceof PyBytes)) throw typeError(`a bytes-like object is required, not '${typeName(value)}'`);
  run.meter.spend('latin', container.bytes.length + value.bytes.length);
  const latin = (bytes: PyBytes): string => Buffer.from(bytes.bytes).toString('latin1');
  return contains(run, latin(container), latin(value));
};
