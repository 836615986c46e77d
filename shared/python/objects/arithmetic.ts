import { nearestFloat } from '../numeric/exact-float.ts';
import { bitLength, floatOf, floorDivide, floorModulo, integerOf } from './number.ts';
import { power } from './power.ts';
import { overflowError, typeError, valueError, zeroDivisionError } from './python-error.ts';
import { PyBytes, PyList, PyTuple, type PyValue, type Run } from './object.ts';
import { typeName } from './type-name.ts';

export type ArithmeticOperator = '+' | '-' | '*' | '/' | '//' | '%' | '**' | '<<' | '>>' | '&' | '|' | '^' | '@';

/** Python's `TypeError` of an operator that the two types do not share. */
export const unsupported = (operator: string, left: PyValue, right: PyValue): Error =>
  typeError(`unsupported operand type(s) for ${operator}: '${typeName(left)}' and '${typeName(right)}'`);

/** Quotient towards minus infinity and rest with the divisor's sign, as CPython derives both from `fmod`. */
export const divmodFloats = (left: number, right: number): { quotient: number; rest: number } => {
  let rest = left % right;
  let quotient = (left - rest) / right;
  if (rest === 0) rest = right < 0 ? -0 : 0;
  else if (right < 0 !== rest < 0) {
    rest += right;
    quotient -= 1;
  }
  if (quotient === 0) return { quotient: left / right < 0 || Object.is(left / right, -0) ? -0 : 0, rest };
  const floor = Math.floor(quotient);
  return { quotient: quotient - floor > 0.5 ? floor + 1 : floor, rest };
};

/** `+ - * / // % ** << >> & | ^` of two numbers; undefined where one of them is none, or a float meets a bit operator. */
export const numericOperation = (
  run: Run,
  operator: ArithmeticOperator,
  left: PyValue,
  right: PyValue,
): PyValue | undefined => {
  if (operator === '@') return undefined;
  const leftInteger = integerOf(left);
  const rightInteger = integerOf(right);
  if (leftInteger !== undefined && rightInteger !== undefined) {
    const result = onIntegers(run, operator, leftInteger, rightInteger);
    const bothBooleans = typeof left === 'boolean' && typeof right === 'boolean';
    return bothBooleans && (operator === '&' || operator === '|' || operator === '^') ? result === 1n : result;
  }
  if (operator === '<<' || operator === '>>' || operator === '&' || operator === '|' || operator === '^')
    return undefined;
  if (typeof left !== 'number' && leftInteger === undefined) return undefined;
  if (typeof right !== 'number' && rightInteger === undefined) return undefined;
  return onFloats(run, operator, floatOf(left)!, floatOf(right)!);
};

/** `-x`, `+x`, `~x`. */
export const unaryOperation = (run: Run, operator: '-' | '+' | '~', value: PyValue): PyValue => {
  const integer = integerOf(value);
  if (integer !== undefined) run.meter.bits(bitLength(integer));
  if (integer !== undefined) return operator === '-' ? -integer : operator === '+' ? integer : ~integer;
  if (typeof value === 'number' && operator !== '~') return operator === '-' ? -value : value;
  throw typeError(`bad operand type for unary ${operator}: '${typeName(value)}'`);
};

/** A sequence some times over; zero and negative counts give an empty one. */
export const repeat = (run: Run, value: string | PyList | PyTuple | PyBytes, count: bigint): PyValue => {
  if (count >= 2n ** 63n || count < -(2n ** 63n)) {
    throw overflowError("cannot fit 'int' into an index-sized integer");
  }
  const most = run.meter.limits.maxTextLength + 1;
  const times = count < 0n ? 0 : count > BigInt(most) ? most : Number(count);
  if (typeof value === 'string') {
    run.meter.text(value.length * times);
    return value.repeat(value === '' ? 0 : times);
  }
  if (value.kind === 'bytes') {
    run.meter.madeBytes(value.bytes.length * times);
    return new PyBytes(Uint8Array.from(Buffer.alloc(value.bytes.length * times, value.bytes)));
  }
  run.meter.items(value.items.length * times);
  const items = repeatItems(value.items, times);
  return value.kind === 'list' ? new PyList(items) : new PyTuple(items);
};

/** By doubling: the engine copies whole blocks. */
const repeatItems = (items: readonly PyValue[], times: number): PyValue[] => {
  let result: PyValue[] = [];
  let block = items;
  for (let rest = items.length === 0 ? 0 : times; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = result.concat(block);
    if (rest > 1) block = block.concat(block);
  }
  return result;
};

const divideIntegers = (run: Run, left: bigint, right: bigint): number => {
  if (right === 0n) throw zeroDivisionError('division by zero');
  const sign = left < 0n !== right < 0n ? -1 : 1;
  run.meter.product(bitLength(left) + 64, bitLength(right) + 64);
  const magnitude = nearestFloat(left < 0n ? -left : left, right < 0n ? -right : right);
  if (magnitude === Infinity) throw overflowError('integer division result too large for a float');
  return sign * magnitude;
};

const shift = (run: Run, operator: '<<' | '>>', left: bigint, right: bigint): bigint => {
  if (right < 0n) throw valueError('negative shift count');
  if (left === 0n) return 0n;
  run.meter.bits(bitLength(left));
  if (operator === '>>') return right > BigInt(bitLength(left)) ? (left < 0n ? -1n : 0n) : left >> right;
  run.meter.bits(bitLength(left) + Number(right));
  return left << right;
};

const onIntegers = (run: Run, operator: ArithmeticOperator, left: bigint, right: bigint): PyValue => {
  switch (operator) {
    case '+':
    case '-': {
      const result = operator === '+' ? left + right : left - right;
      if (result > 0xffff_ffff_ffffn || result < -0xffff_ffff_ffffn) run.meter.bits(bitLength(result));
      return result;
    }
    case '*': {
      const leftBits = bitLength(left);
      const rightBits = bitLength(right);
      run.meter.bits(leftBits + rightBits);
      run.meter.product(leftBits, rightBits);
      return left * right;
    }
    case '/':
      return divideIntegers(run, left, right);
    case '//':
      if (right === 0n) throw zeroDivisionError('integer division or modulo by zero');
      chargeQuotient(run, left, right);
      return floorDivide(left, right);
    case '%':
      if (right === 0n) throw zeroDivisionError('integer modulo by zero');
      chargeQuotient(run, left, right);
      return floorModulo(left, right);
    case '**':
      return power(run, left, right);
    case '<<':
    case '>>':
      return shift(run, operator, left, right);
    case '&':
    case '|':
    default:
      run.meter.bits(Math.max(bitLength(left), bitLength(right)));
      return operator === '&' ? left & right : operator === '|' ? left | right : left ^ right;
  }
};

const chargeQuotient = (run: Run, left: bigint, right: bigint): void => {
  const [leftBits, rightBits] = [bitLength(left), bitLength(right)];
  run.meter.product(leftBits, rightBits);
  run.meter.bits(leftBits);
  run.meter.bits(rightBits);
};

const onFloats = (
  run: Run,
  operator: '+' | '-' | '*' | '/' | '//' | '%' | '**',
  left: number,
  right: number,
): number => {
  switch (operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      if (right === 0) throw zeroDivisionError('float division by zero');
      return left / right;
    case '//':
      if (right === 0) throw zeroDivisionError('float floor division by zero');
      return divmodFloats(left, right).quotient;
    case '%':
      if (right === 0) throw zeroDivisionError('float modulo');
      return divmodFloats(left, right).rest;
    default:
      return power(run, left, right) as number;
  }
};
