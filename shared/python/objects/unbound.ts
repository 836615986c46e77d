import { type Method, type MethodTable, PyFunction, type PyValue } from './object.ts';
import { typeError } from './python-error.ts';
import { typeName } from './type-name.ts';

/** Methods as functions of their receiver: `str.upper('a')`. */
export const unbound = <Self extends PyValue>(owner: string, table: MethodTable<Self>): Map<string, PyValue> =>
  new Map(
    Array.from(table as unknown as ReadonlyMap<string, Method<PyValue>>, ([name, method]): [string, PyValue] => [
      name,
      new PyFunction(name, (run, [self, ...args], named) => {
        if (self === undefined) throw typeError(`unbound method ${owner}.${name}() needs an argument`);
        if (typeName(self) !== owner) {
          throw typeError(`descriptor '${name}' for '${owner}' objects doesn't apply to a '${typeName(self)}' object`);
        }
        return method(run, self, args, named);
      }),
    ]),
  );
