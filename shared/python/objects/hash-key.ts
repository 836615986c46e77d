import { bitLength } from './number.ts';
import type { HashKey, PyValue, Run } from './object.ts';
import { typeError } from './python-error.ts';
import { typeName } from './type-name.ts';

/** What a value is filed under. Throws `TypeError: unhashable type: 'list'`. */
export const hashKey = (run: Run, value: PyValue, depth = 0): HashKey => {
  if (typeof value === 'string') {
    if (value.length > 64) run.meter.scan(value.length);
    return value.startsWith('\u0000') ? `\u0000s${value}` : value;
  }
  if (typeof value === 'bigint' || value === null) return value;
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  switch (value.kind) {
    case 'tuple': {
      const inner = run.meter.deeper(depth);
      let key = '\u0000t';
      for (const item of value.items) {
        run.meter.charge(1);
        const text = keyText(run, hashKey(run, item, inner));
        run.meter.text(text.length + 8);
        key += `${text.length}:${text}`;
      }
      run.meter.text(key.length);
      return key;
    }
    case 'bytes':
      run.meter.spend('latin', value.bytes.length);
      return `\u0000b${Buffer.from(value.bytes).toString('latin1')}`;
    case 'list':
    case 'dict':
    case 'set':
    case 'slice':
    case 'record':
      throw typeError(`unhashable type: '${typeName(value)}'`);
    case 'enum':
      return `\u0000e${value.typeName}.${value.member}`;
    case 'range': {
      run.meter.spend('conversion', 1);
      const parts = [value.length, value.length > 0n ? value.start : 0n, value.length > 1n ? value.step : 0n];
      return `\u0000r${parts.map((part) => integerKey(run, part)).join(':')}`;
    }
    default:
      return value;
  }
};

/** A key as a text that no other key has. */
export const keyText = (run: Run, key: HashKey): string => {
  if (typeof key === 'object' && key !== null) return `#${run.identify(key)}`;
  return typeof key === 'bigint' ? `bigint:${integerKey(run, key)}` : `${typeof key}:${String(key)}`;
};

/** Decimal digits of long integers would take too long. */
const integerKey = (run: Run, value: bigint): string => {
  const bits = bitLength(value);
  run.meter.bits(bits);
  if (bits > 64) run.meter.text(bits >> 2);
  run.meter.spend('walk', bits >> 4);
  return bits <= 64 ? value.toString() : `x${value.toString(16)}`;
};
