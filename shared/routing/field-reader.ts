/** One mapping of the file, as the YAML parser gives it. */
export type Fields = Readonly<Record<string, unknown>>;

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Something to say of a place in the file: `messageConfig.routes[2].name` and what is wrong there. */
export interface Remark {
  readonly place: string;
  readonly problem: string;
}

/** Reads typed fields and collects every fault with its place, so that one run names all of them. */
export interface FieldReader {
  readonly faults: readonly Remark[];
  fault(place: string, problem: string): void;
  text(fields: Fields, key: string, place: string): string;
  optionalText(fields: Fields, key: string, place: string): string | null;
  flag(fields: Fields, key: string, place: string, fallback: boolean): boolean;
  /** A whole number of at least `least`. */
  count(fields: Fields, key: string, place: string, fallback: number, least?: number): number;
}

/**
 * A null is taken as an absent key. Numbers and flags may be quoted, as templating tools write them. Anything else of
 * the wrong type is a fault. The fallback then stands in, so that reading goes on to the next fault.
 */
export const fieldReader = (): FieldReader => {
  const faults: Remark[] = [];
  const faultOf = (place: string, key: string, problem: string) => faults.push({ place: `${place}.${key}`, problem });
  const optionalText = (fields: Fields, key: string, place: string): string | null => {
    const value = fields[key];
    if (value === undefined || value === null) return null;
    const text = scalarText(value);
    if (text === undefined) faultOf(place, key, 'must be text');
    return text ?? null;
  };
  return {
    faults,
    fault: (place, problem) => void faults.push({ place, problem }),
    optionalText,
    text: (fields, key, place) => {
      const before = faults.length;
      const text = optionalText(fields, key, place);
      if (faults.length === before && (text === null || text.trim() === '')) faultOf(place, key, 'is missing');
      return text ?? '';
    },
    flag: (fields, key, place, fallback) => {
      const value = fields[key];
      if (value === undefined || value === null) return fallback;
      const flag = toFlag(value);
      if (flag === undefined) faultOf(place, key, 'must be true or false');
      return flag ?? fallback;
    },
    count: (fields, key, place, fallback, least = 1) => {
      const value = fields[key];
      if (value === undefined || value === null) return fallback;
      const number = toNumber(value);
      if (number !== undefined && Number.isSafeInteger(number) && number >= least) return number;
      faultOf(place, key, `must be a whole number of at least ${least}`);
      return fallback;
    },
  };
};

const scalarText = (value: unknown): string | undefined =>
  typeof value === 'string'
    ? value
    : typeof value === 'number' || typeof value === 'bigint'
      ? String(value)
      : undefined;

const toFlag = (value: unknown): boolean | undefined => {
  if (typeof value === 'boolean') return value;
  const text = typeof value === 'string' ? value.toLowerCase() : undefined;
  return text === 'true' ? true : text === 'false' ? false : undefined;
};

const toNumber = (value: unknown): number | undefined => {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
};
