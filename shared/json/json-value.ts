/**
 * A JSON value that keeps what the reference can tell apart (reference.md section 0).
 *
 * - An integer literal is a `number` while it is safe (|x| <= 2^53 - 1), a `bigint` beyond; `-0` is the integer 0.
 * - A float literal is a `number` when its value is not integral (or not finite: `NaN`, `Infinity`, `1e400`), else a
 *   {@link JsonFloat}: `1.0`, `1e2`, `-0.0`. So `Number.isInteger(v)` on a `number` always means "integer literal".
 * - An object is a plain object (what `JSON.parse` makes) or a `Map` if a plain object would lose the order of keys
 *   (keys that look like array indexes) or hide one (`__proto__`). Read both through {@link entriesOf}.
 */
export type JsonValue = null | boolean | string | number | bigint | JsonFloat | JsonArray | JsonObject;
export type JsonArray = readonly JsonValue[];
export type PlainJsonObject = { readonly [key: string]: JsonValue };
export type JsonObject = PlainJsonObject | ReadonlyMap<string, JsonValue>;

/** A finite float whose value is integral: `1.0` is not `1` in column types, keys and texts. */
export class JsonFloat {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** A list that was a tuple to the expression that made it: JSON like any other, but a text column shows it as a record. */
export class JsonTuple extends Array<JsonValue> {}

/** Whether the value is a JSON object in either of its two forms. */
export const isJsonObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof JsonFloat);

/** Whether the value is a JSON array. */
export const isJsonArray = (value: JsonValue | undefined): value is JsonArray => Array.isArray(value);

/** The object's members in order: duplicate keys keep the last value at the first position. */
export const entriesOf = (object: JsonObject): Iterable<readonly [string, JsonValue]> =>
  object instanceof Map ? object.entries() : Object.entries(object);

/** The member's value, or undefined if the object has no such own member. */
export const memberOf = (object: JsonObject, key: string): JsonValue | undefined =>
  object instanceof Map ? object.get(key) : Object.hasOwn(object, key) ? (object as PlainJsonObject)[key] : undefined;
