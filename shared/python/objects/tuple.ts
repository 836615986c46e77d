import { bind, signature } from './arguments.ts';
import { collect } from './iterate.ts';
import { type MethodTable, PyTuple, PyType } from './object.ts';
import { sequenceMethods } from './sequence.ts';

/** Methods of a tuple. */
export const tupleMethodTable: MethodTable<PyTuple> = new Map(sequenceMethods);

/** The type `tuple`. */
export const tupleType = new PyType('tuple', (run, args, named) => {
  const [source] = bind(signature('tuple', 'iterable?'), args, named);
  return source instanceof PyTuple ? source : new PyTuple(source === undefined ? [] : collect(run, source));
});
