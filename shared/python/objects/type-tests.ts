import { typeError } from './python-error.ts';
import type { PyType, PyValue, Run } from './object.ts';
import { typeName } from './type-name.ts';

/** Python's `isinstance`. */
export const isInstance = (run: Run, value: PyValue, types: PyValue): boolean =>
  anyType(run, types, 'isinstance', (type) => matchesType(value, type));

/** Python's `issubclass`. */
export const isSubclass = (run: Run, type: PyValue, types: PyValue): boolean => {
  if (!isType(type)) throw typeError('issubclass() arg 1 must be a class');
  return anyType(run, types, 'issubclass', (base) => derives(type, base));
};

/** The type itself or a tuple of types, nested as deep as Python allows them to be. */
const anyType = (run: Run, types: PyValue, name: string, test: (type: PyType) => boolean, depth = 0): boolean => {
  run.meter.charge(1);
  if (isType(types)) return test(types);
  if (typeof types === 'object' && types !== null && types.kind === 'tuple') {
    const inner = run.meter.deeper(depth);
    return types.items.some((each) => anyType(run, each, name, test, inner));
  }
  const ending =
    name === 'isinstance' ? 'a type, a tuple of types, or a union' : 'a class, a tuple of classes, or a union';
  throw typeError(`${name}() arg 2 must be ${ending}`);
};

const isType = (value: PyValue): value is PyType =>
  typeof value === 'object' && value !== null && value.kind === 'type';

const matchesType = (value: PyValue, type: PyType): boolean => {
  if (typeof value === 'object' && value !== null && value.kind === 'exception') return derives(value.type, type);
  const name = typeName(value);
  return name === type.name || (name === 'bool' && type.name === 'int');
};

const derives = (type: PyType, base: PyType): boolean => {
  for (let each: PyType | null = type; each !== null; each = each.base) if (each === base) return true;
  return false;
};
