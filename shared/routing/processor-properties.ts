import { TerminalError } from '../errors/sync-error.ts';
import { JsonFloat, memberOf, type JsonObject, type JsonValue } from '../json/json-value.ts';

const concurrencyModes = ['project-id', 'user-id', 'route-id', 'expression'] as const;
export type ConcurrencyMode = (typeof concurrencyModes)[number];

/** What a processor's `properties` say of routing (reference.md F.2). */
export interface ProcessorProperties {
  readonly requestDelayMs: number;
  /** Rows of one page of a replay. */
  readonly maxBatchSize: number;
  /** Rows of one message of a replay. */
  readonly maxBatchLimit: number;
  readonly concurrencyMode: ConcurrencyMode;
  readonly concurrencyExpression: string | null;
}

/**
 * Reads the properties with their defaults; numbers may be written as text or truth, unknown keys are ignored. An unknown mode
 * or a number that is none is a TerminalError `invalid_properties`.
 */
export const readProcessorProperties = (properties: JsonObject | null): ProcessorProperties => {
  const object = properties ?? {};
  return {
    requestDelayMs: wholeNumber(object, 'requestDelay', 0),
    maxBatchSize: wholeNumber(object, 'maxBatchSize', 100),
    maxBatchLimit: wholeNumber(object, 'maxBatchLimit', 1),
    concurrencyMode: modeOf(object),
    concurrencyExpression: expressionOf(object),
  };
};

/**
 * Checks the two sizes, which only a replay uses: an entry passes whatever they are, as in the reference. Throws a
 * TerminalError `invalid_page_size` if one is zero or negative (the reference divides by it).
 */
export const requirePageSizes = (properties: ProcessorProperties): ProcessorProperties => {
  for (const key of ['maxBatchSize', 'maxBatchLimit'] as const) {
    if (properties[key] < 1) {
      throw new TerminalError('invalid_page_size', `the processor's property ${key} must be at least 1`);
    }
  }
  return properties;
};

const wholeNumber = (properties: JsonObject, key: string, fallback: number): number => {
  const value = memberOf(properties, key);
  if (value === undefined || value === null) return fallback;
  const number = numberOf(value);
  if (!Number.isSafeInteger(number)) throw invalid(key, 'is not a whole number');
  return number;
};

const numberOf = (value: JsonValue): number => {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint' || typeof value === 'boolean') return Number(value);
  if (value instanceof JsonFloat) return value.value;
  return typeof value === 'string' && /^\s*[+-]?\d+(\.0+)?\s*$/.test(value) ? Number(value) : Number.NaN;
};

const invalid = (key: string, problem: string): TerminalError =>
  new TerminalError('invalid_properties', `the processor's property ${key} ${problem}`);

const modeOf = (properties: JsonObject): ConcurrencyMode => {
  const value = memberOf(properties, 'concurrencyMode');
  if (value === undefined || value === null) return 'project-id';
  const mode = concurrencyModes.find((candidate) => candidate === value);
  if (mode === undefined) throw invalid('concurrencyMode', `is none of ${concurrencyModes.join(', ')}`);
  return mode;
};

const expressionOf = (properties: JsonObject): string | null => {
  const value = memberOf(properties, 'concurrencyExpression');
  if (value === undefined || value === null || value === '') return null;
  if (typeof value !== 'string') throw invalid('concurrencyExpression', 'is not a text');
  return value;
};
