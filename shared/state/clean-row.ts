import type { JsonValue } from '../json/json-value.ts';
import { cleanKey } from './clean-key.ts';

/** Every key cleaned; of two values under one name the last one stays, at the place of the first (reference.md D.1). */
export const cleanRow = (members: Iterable<readonly [string, JsonValue]>): Map<string, JsonValue> => {
  const cleaned = new Map<string, JsonValue>();
  for (const [key, value] of members) cleaned.set(cleanKey(key), value);
  return cleaned;
};
