import type { PyValue } from './object.ts';

/** Python's truth of a value: zeros, None and what is empty are false. */
export const truth = (value: PyValue): boolean => {
  switch (typeof value) {
    case 'boolean':
      return value;
    case 'bigint':
      return value !== 0n;
    case 'number':
      return value !== 0;
    case 'string':
      return value !== '';
    default:
  }
  if (value === null) return false;
  switch (value.kind) {
    case 'list':
    case 'tuple':
      return value.items.length > 0;
    case 'dict':
      return value.entries.size > 0;
    case 'view':
      return value.dict.entries.size > 0;
    case 'set':
      return value.members.size > 0;
    case 'bytes':
      return value.bytes.length > 0;
    case 'range':
      return value.length > 0n;
    default:
      return true;
  }
};
