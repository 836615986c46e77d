import { TerminalError } from '../errors/sync-error.ts';
import { floatCellText } from '../json/float-repr.ts';
import { isJsonArray, JsonFloat, JsonTuple, type JsonValue } from '../json/json-value.ts';
import { hasLoneSurrogate } from '../json/lone-surrogate.ts';
import { jsonbText, pythonJson } from '../json/write-json.ts';
import { arrayText } from './array-text.ts';
import { recordText } from './record-text.ts';
import type { ColumnDefinition } from './state-model.ts';

/** Whether cells of the column are `jsonb`; any other type, null and the schema's `STR` included, is text. */
export const isJsonColumn = ({ dataType }: Pick<ColumnDefinition, 'dataType'>): boolean => dataType === 'json';

/**
 * A value as the text of its cell (reference.md E.3); null is a null cell. In a text column an object is JSON text
 * (G-27), and so is a list that is no PostgreSQL array.
 *
 * Throws `TerminalError('unstorable_text')` for NUL and lone surrogates, and in a json column for `NaN` and infinities.
 */
export const cellText = (value: JsonValue, json: boolean): string | null => {
  if (value === null) return null;
  return json ? jsonbText(value) : plainText(value);
};

/** Whether a text column can hold the text. */
export const isStorable = (text: string): boolean => !text.includes('\0') && !hasLoneSurrogate(text);

const plainText = (value: Exclude<JsonValue, null>): string => {
  switch (typeof value) {
    case 'string':
      return storable(value);
    case 'number':
      return Number.isInteger(value) ? String(value) : floatCellText(value);
    case 'object':
      if (value instanceof JsonFloat) return floatCellText(value.value);
      return storable(listText(value) ?? pythonJson(value, { ascii: true }));
    default:
      return String(value);
  }
};

const listText = (value: JsonValue): string | undefined => {
  if (!isJsonArray(value)) return undefined;
  return value instanceof JsonTuple && value.length > 0 ? recordText(value) : arrayText(value);
};

const storable = (text: string): string => {
  if (text.includes('\0')) throw new TerminalError('unstorable_text', 'a text holds the NUL character');
  if (hasLoneSurrogate(text)) throw new TerminalError('unstorable_text', 'a text holds half of a surrogate pair');
  return text;
};
