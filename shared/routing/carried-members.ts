import { memberOf, type JsonObject } from '../json/json-value.ts';
import { pythonJson } from '../json/write-json.ts';

const carried = ['input_route_id', 'context', 'priority'] as const;

/**
 * The members of an envelope that travel on with its rows (reference.md G-24), as text to stand after another member:
 * each with a leading comma. A null says no more than an absent member, so it is left out.
 */
export const carriedMembers = (message: JsonObject): string => {
  let text = '';
  for (const key of carried) {
    const value = memberOf(message, key);
    if (value !== undefined && value !== null) text += `, "${key}": ${pythonJson(value, { ascii: true })}`;
  }
  return text;
};
