import { CommandError } from './command-error.ts';

/** Reads the arguments of one command; faults are collected and told all at once by {@link ArgumentReader.check}. */
export interface ArgumentReader {
  text(name: string, maxCharacters?: number): string;
  optionalText(name: string, maxCharacters?: number): string | undefined;
  /** A text of any characters, line breaks among them. */
  document(name: string, maxCharacters: number): string;
  integer(name: string, fallback: number, bounds: { readonly min: number; readonly max: number }): number;
  optionalInteger(name: string, bounds: { readonly min: number; readonly max: number }): number | undefined;
  flag(name: string, fallback: boolean): boolean;
  /** A list of texts; empty if it is absent. */
  texts(name: string, maxItems: number): readonly string[];
  /** A list of whole numbers of at least 1; undefined if it is absent. */
  optionalIntegers(name: string, maxItems: number): readonly number[] | undefined;
  /** Adds a fault of the command's own. */
  fault(reason: string): void;
  /** @throws CommandError `invalid_arguments` with every fault, names that the command does not know among them. */
  check(): void;
}

const longestText = 1_000;

/** @param fields the request without its `command` */
export const argumentReader = (fields: Readonly<Record<string, unknown>>): ArgumentReader => {
  const faults: string[] = [];
  const known = new Set<string>(['command']);
  const valueOf = (name: string): unknown => {
    known.add(name);
    const value = fields[name];
    return value === null || value === '' ? undefined : value;
  };
  const optionalText = (name: string, maxCharacters = longestText): string | undefined => {
    const value = valueOf(name);
    if (value === undefined) return undefined;
    // oxlint-disable-next-line no-control-regex
    if (typeof value === 'string' && value.length <= maxCharacters && !/[\u0000-\u001f\u007f]/.test(value))
      return value;
    faults.push(`${name} must be a text of at most ${maxCharacters} characters`);
    return undefined;
  };
  const optionalInteger = (
    name: string,
    bounds: { readonly min: number; readonly max: number },
  ): number | undefined => {
    const value = valueOf(name);
    if (value === undefined) return undefined;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= bounds.min && value <= bounds.max) {
      return value;
    }
    faults.push(`${name} must be a whole number from ${bounds.min} to ${bounds.max}`);
    return undefined;
  };
  return {
    text: (name, maxCharacters) => {
      const before = faults.length;
      const value = optionalText(name, maxCharacters);
      if (value === undefined && faults.length === before) faults.push(`${name} is missing`);
      return value ?? '';
    },
    optionalText,
    document: (name, maxCharacters) => {
      known.add(name);
      const value = fields[name];
      if (typeof value === 'string' && value.length <= maxCharacters) return value;
      faults.push(`${name} must be a text of at most ${maxCharacters} characters`);
      return '';
    },
    optionalInteger,
    integer: (name, fallback, bounds) => optionalInteger(name, bounds) ?? fallback,
    flag: (name, fallback) => {
      const value = valueOf(name);
      if (value === undefined) return fallback;
      if (typeof value !== 'boolean') faults.push(`${name} must be true or false`);
      return value === true;
    },
    texts: (name, maxItems) => {
      const value = valueOf(name);
      if (value === undefined) return [];
      const isList = Array.isArray(value) && value.length <= maxItems;
      const isText = (item: unknown): item is string =>
        // oxlint-disable-next-line no-control-regex
        typeof item === 'string' && item.length <= longestText && !/[\u0000-\u001f\u007f]/.test(item);
      if (isList && value.every(isText)) return value;
      faults.push(`${name} must be a list of at most ${maxItems} texts of at most ${longestText} characters`);
      return [];
    },
    optionalIntegers: (name, maxItems) => {
      const value = valueOf(name);
      if (value === undefined) return undefined;
      const isWhole = (item: unknown): item is number => Number.isSafeInteger(item) && Number(item) >= 1;
      if (Array.isArray(value) && value.length > 0 && value.length <= maxItems && value.every(isWhole)) return value;
      faults.push(`${name} must be a list of 1 to ${maxItems} whole numbers of at least 1`);
      return undefined;
    },
    fault: (reason) => void faults.push(reason),
    check: () => {
      for (const name of Object.keys(fields)) {
        if (!known.has(name)) faults.push(`${name.slice(0, 60)} is not an argument of this command`);
      }
      if (faults.length > 0) throw new CommandError(400, 'invalid_arguments', faults.join('; '));
    },
  };
};
