import { builtinFunctions } from './builtin-functions.ts';
import { builtinTypes } from './builtin-types.ts';
import { exceptionTypes } from '../objects/exceptions.ts';
import { hashlibModule } from './hashlib.ts';
import { mathModule } from './math.ts';
import { randomModule } from './random.ts';
import { ellipsis, PyFunction, type PyValue } from '../objects/object.ts';

/**
 * Every name that an expression finds besides its scope (reference.md D.6); `utc`, a text, belongs to the evaluation. The
 * values are shared by all evaluations: none of them can be changed from within an expression.
 */
export const builtins: ReadonlyMap<string, PyValue> = new Map<string, PyValue>([
  ...exceptionTypes,
  ...builtinTypes.map((type): [string, PyValue] => [type.name, type]),
  ...builtinFunctions.map(([name, call]): [string, PyValue] => [name, new PyFunction(name, call)]),
  ['math', mathModule],
  ['random', randomModule],
  ['hashlib', hashlibModule],
  ['Ellipsis', ellipsis],
]);
