import { requireCount } from './number.ts';
import { typeError } from './python-error.ts';
import { typeName } from './type-name.ts';
import type { NamedArguments, PyValue } from './object.ts';

/** Names of the parameters in order; a name with `?` may be absent, one behind `/` may also be passed by name. */
export interface Signature {
  readonly name: string;
  readonly least: number;
  readonly parameters: readonly string[];
  /** Whether parameters may be passed by name. */
  readonly byName: boolean;
}

/** Describes a function's parameters: `signature('split', 'sep? maxsplit?', true)`. */
export const signature = (name: string, parameters: string, byName = false): Signature => {
  const ofName = signatures.get(name) ?? new Map<string, Signature>();
  const known = ofName.get(parameters);
  if (known !== undefined && known.byName === byName) return known;
  const described = describe(name, parameters, byName);
  signatures.set(name, ofName.set(parameters, described));
  return described;
};

/* Signatures by function and parameters: all of them stand in our own source, so there is an end to them. */
const signatures = new Map<string, Map<string, Signature>>();

/** Binds arguments to parameters: one entry per parameter, undefined where it was not passed. Throws `TypeError`. */
export const bind = (
  signature: Signature,
  args: readonly PyValue[],
  named: NamedArguments,
): readonly (PyValue | undefined)[] => {
  const { name, parameters } = signature;
  if (named.size > 0 && !signature.byName) throw typeError(`${name}() takes no keyword arguments`);
  if (args.length > parameters.length) throw countError(signature, args.length + named.size);
  const bound: (PyValue | undefined)[] = parameters.map((_, index) => args[index]);
  for (const [key, value] of named) {
    const index = parameters.indexOf(key);
    if (index === -1) throw typeError(`'${key}' is an invalid keyword argument for ${name}()`);
    if (bound[index] !== undefined) {
      throw typeError(`argument for ${name}() given by name ('${key}') and position (${index + 1})`);
    }
    bound[index] = value;
  }
  if (bound.slice(0, signature.least).includes(undefined)) throw countError(signature, args.length + named.size);
  return bound;
};

/** The argument as a text. Throws `TypeError: replace() argument 1 must be str, not int`. */
export const requireText = (value: PyValue | undefined, what: string): string => {
  if (typeof value !== 'string') throw typeError(`${what} must be str, not ${typeName(value ?? null)}`);
  return value;
};

/** An optional count: the default where it was not passed. */
export const countOr = (value: PyValue | undefined, byDefault: number): number =>
  value === undefined ? byDefault : requireCount(value);

const describe = (name: string, parameters: string, byName: boolean): Signature => {
  const names = parameters === '' ? [] : parameters.split(' ');
  return {
    name,
    least: names.filter((each) => !each.endsWith('?')).length,
    parameters: names.map((each) => each.replace('?', '')),
    byName,
  };
};

const countError = ({ name, least, parameters }: Signature, given: number): Error => {
  if (parameters.length === 0) return typeError(`${name}() takes no arguments (${given} given)`);
  if (least === parameters.length) {
    if (least === 1) return typeError(`${name}() takes exactly one argument (${given} given)`);
    return typeError(`${name} expected ${plural(least)}, got ${given}`);
  }
  const [word, bound] = given < least ? ['at least', least] : ['at most', parameters.length];
  return typeError(`${name} expected ${word} ${plural(bound)}, got ${given}`);
};

const plural = (count: number): string => `${count} argument${count === 1 ? '' : 's'}`;
