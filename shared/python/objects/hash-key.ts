import { typeError } from './python-error.ts';
import type { HashKey, PyValue, Run } from './object.ts';
import { typeName } from './type-name.ts';

/** Throws `TypeError: unhashable type: 'list'`. */
export const hashKey = (run: Run, value: PyValue, depth = 0): HashKey => {
  if (typeof value === 'string') return ofText(value);
  if (typeof value === 'bigint' || value === null) return value;
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  switch (value.kind) {
    case 'tuple': {
      const inner = run.meter.deeper(depth);
      const parts = value.items.map((item) => {
        run.meter.charge(1);
        const key = hashKey(run, item, inner);
        const text = typeof key === 'object' && key !== null ? `#${run.identify(key)}` : `${typeof key}:${String(key)}`;
        return `${text.length}:${text}`;
      });
      const key = `\u0000t${parts.join('')}`;
      run.meter.text(key.length);
      return key;
    }
    case 'bytes':
      run.meter.scan(value.bytes.length);
      return `\u0000b${Buffer.from(value.bytes).toString('latin1')}`;
    case 'list':
    case 'dict':
    case 'set':
    case 'slice':
    case 'record':
      throw typeError(`unhashable type: '${typeName(value)}'`);
    case 'range':
      return `\u0000r${value.length}:${value.length > 0n ? value.start : 0n}:${value.length > 1n ? value.step : 0n}`;
    default:
      return value;
  }
};

const ofText = (text: string): string => (text.startsWith('\u0000') ? `\u0000s${text}` : text);
