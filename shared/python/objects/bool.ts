import { bind, signature } from './arguments.ts';
import { intType } from './int.ts';
import { PyType } from './object.ts';
import { truth } from './truth.ts';

/** The type `bool`, which is an `int` too. */
export const boolType = new PyType(
  'bool',
  (_run, args, named) => truth(bind(signature('bool', 'x?'), args, named)[0] ?? false),
  { base: intType },
);
