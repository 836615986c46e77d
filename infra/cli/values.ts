import type { CliValues } from './cli-command.ts';
import { usageError } from './cli-io.ts';

/** The text of an option, or undefined. */
export const textValue = (values: CliValues, name: string): string | undefined => {
  const value = values[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
};

export const flagValue = (values: CliValues, name: string): boolean => values[name] === true;

/** A whole number within bounds. @throws CliError usage */
export const integerValue = (
  values: CliValues,
  name: string,
  bounds: { readonly min: number; readonly max: number },
): number | undefined => {
  const text = textValue(values, name);
  if (text === undefined) return undefined;
  const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= bounds.min && number <= bounds.max) return number;
  throw usageError(`--${name} must be a whole number from ${bounds.min} to ${bounds.max}`);
};

/** The text of an option that must be there. @throws CliError usage */
export const requiredText = (values: CliValues, name: string, what: string): string => {
  const text = textValue(values, name);
  if (text === undefined) throw usageError(`--${name} is missing: ${what}`);
  return text;
};
