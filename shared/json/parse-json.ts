import { isExact } from './is-exact.ts';
import type { JsonValue } from './json-value.ts';
import { parseLossless } from './parse-lossless.ts';

/**
 * Reads JSON text as Python does (reference.md section 0) and keeps what {@link JsonValue} can tell apart.
 *
 * Most texts hold nothing that `JSON.parse` would lose. So it runs first, and its value is compared with the text. If
 * they differ, the lossless parser reads the text anew.
 *
 * Throws `TerminalError`: `invalid_json`, `nesting_too_deep`.
 * @param textMembers how many members the objects of the text have together, if somebody has counted them (`isExact`)
 */
export const parseJson = (text: string, textMembers?: number): JsonValue => {
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch {
    // Not JSON, or JSON with the tokens that Python adds: the lossless parser tells which, with a position.
    return parseLossless(text);
  }
  return isExact(text, value, textMembers) ? value : parseLossless(text, true);
};
