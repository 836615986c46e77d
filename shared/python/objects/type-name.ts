import type { PyValue } from './object.ts';

/** Python's name of the value's type, as error messages and `isinstance` use it. */
export const typeName = (value: PyValue): string => {
  switch (typeof value) {
    case 'boolean':
      return 'bool';
    case 'bigint':
      return 'int';
    case 'number':
      return 'float';
    case 'string':
      return 'str';
    default:
  }
  if (value === null) return 'NoneType';
  switch (value.kind) {
    case 'record':
    case 'enum':
    case 'iterator':
    case 'function':
    case 'namespace':
    case 'opaque':
      return value.typeName;
    case 'view':
      return `dict_${value.part}`;
    case 'exception':
      return value.type.name;
    default:
      return value.kind;
  }
};
