import type { Frame } from './frame.ts';
import { typeError } from '../objects/python-error.ts';
import type { Parameter } from '../syntax/node.ts';
import { type NamedArguments, PyDict, PyTuple, type PyValue } from '../objects/object.ts';

/** Binds the arguments of a call to a lambda's parameters. Throws Python's `TypeError`. */
export const bindLambda = (
  frame: Frame,
  parameters: readonly Parameter[],
  defaults: readonly (PyValue | undefined)[],
  args: readonly PyValue[],
  named: NamedArguments,
): void => {
  const plain = parameters.filter(({ form }) => form === 'plain');
  const values = new Map<string, PyValue>();
  plain.forEach(({ name }, index) => {
    if (index < args.length) values.set(name, args[index]!);
  });
  const rest = parameters.find(({ form }) => form === 'rest');
  if (rest !== undefined) values.set(rest.name, new PyTuple(args.slice(plain.length)));
  else if (args.length > plain.length) throw tooMany(plain, args.length);
  const keywords = parameters.find(({ form }) => form === 'keywords');
  const extra = new PyDict();
  for (const [name, value] of named) {
    const known = parameters.some((each) => each.name === name && (each.form === 'plain' || each.form === 'named'));
    if (known && values.has(name)) throw typeError(`<lambda>() got multiple values for argument '${name}'`);
    if (known) values.set(name, value);
    else if (keywords === undefined) throw typeError(`<lambda>() got an unexpected keyword argument '${name}'`);
    else extra.entries.set(name, { key: name, value });
  }
  if (keywords !== undefined) values.set(keywords.name, extra);
  const absent: Parameter[] = [];
  parameters.forEach((parameter, index) => {
    const value = values.get(parameter.name) ?? (values.has(parameter.name) ? null : defaults[index]);
    if (value === undefined) absent.push(parameter);
    else frame.variables.set(parameter.name, value);
  });
  for (const form of ['plain', 'named'] as const) {
    const names = absent.filter((each) => each.form === form).map(({ name }) => name);
    if (names.length > 0) throw missing(form === 'plain' ? 'positional' : 'keyword-only', names);
  }
};

const tooMany = (plain: readonly Parameter[], given: number): Error => {
  const required = plain.filter(({ byDefault }) => byDefault === null).length;
  const range = required === plain.length ? `${plain.length}` : `from ${required} to ${plain.length}`;
  return typeError(
    `<lambda>() takes ${range} positional argument${plain.length === 1 ? '' : 's'} but ${given} ${given === 1 ? 'was' : 'were'} given`,
  );
};

const missing = (kind: string, names: readonly string[]): Error =>
  typeError(
    `<lambda>() missing ${names.length} required ${kind} argument${names.length === 1 ? '' : 's'}: ${listed(names)}`,
  );

const listed = (names: readonly string[]): string => {
  const quoted = names.map((name) => `'${name}'`);
  if (quoted.length < 3) return quoted.join(' and ');
  return `${quoted.slice(0, -1).join(', ')}, and ${quoted.at(-1)}`;
};
