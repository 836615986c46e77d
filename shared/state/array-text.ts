import { floatCellText } from '../json/float-repr.ts';
import { isJsonArray, JsonFloat, type JsonArray, type JsonValue } from '../json/json-value.ts';

/** PostgreSQL arrays have no more dimensions. */
const maxDimensions = 6;

/**
 * A list as PostgreSQL prints an array: `{1,2}`, `{a,"b c"}`, `{t,f}`, `{1,NULL}`. That is what the reference stored in
 * a text column (reference.md E.3). Undefined if the list is no array and the reference failed: mixed types, objects,
 * ragged lists, empty lists inside lists.
 */
export const arrayText = (list: JsonArray): string | undefined => {
  if (list.length === 0) return '{}';
  if (isAllNull(list)) return nullsText(list);
  const shape = shapeOf(list);
  const leaf = shape === undefined || shape.length > maxDimensions ? undefined : leafText(list);
  return leaf === undefined ? undefined : nest(list, leaf);
};

/** Only nulls at any depth, and no empty list: written as a literal, so neither types nor dimensions matter. */
const isAllNull = (list: JsonArray): boolean =>
  list.length > 0 && list.every((item) => item === null || (isJsonArray(item) && isAllNull(item)));

const nullsText = (list: JsonArray): string =>
  `{${list.map((item) => (isJsonArray(item) ? nullsText(item) : 'NULL')).join(',')}}`;

/** Lengths by dimension if all lists of one depth agree, none is empty and none stands beside a scalar. */
const shapeOf = (list: JsonArray): readonly number[] | undefined => {
  const inner = list.filter(isJsonArray).map(shapeOf);
  if (list.length === 0) return undefined;
  const [first] = inner;
  if (inner.length === 0) return [list.length];
  if (inner.length < list.length || first === undefined) return undefined;
  const same = inner.every((shape) => shape !== undefined && shape.join() === first.join());
  return same ? [list.length, ...first] : undefined;
};

type LeafText = (leaf: JsonValue) => string;

/** How elements print, by the one type that an array has. */
const leafText = (list: JsonArray): LeafText | undefined => {
  const leaves = leavesOf(list).filter((leaf) => leaf !== null);
  if (leaves.every((leaf) => typeof leaf === 'string')) return (leaf) => quoted(leaf as string);
  if (leaves.every((leaf) => typeof leaf === 'boolean')) return (leaf) => (leaf === true ? 't' : 'f');
  if (!leaves.every(isNumber)) return undefined;
  // NaN and infinities are double precision in the driver's literal, and make the whole array so.
  return leaves.some(isNonFinite) ? doubleText : numericText;
};

const leavesOf = (list: JsonArray): readonly JsonValue[] =>
  list.flatMap((item) => (isJsonArray(item) ? leavesOf(item) : [item]));

const needsQuotes = /^$|^null$|[{}",\\ \t\n\r\v\f]/i;

const quoted = (text: string): string =>
  needsQuotes.test(text) ? `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"` : text;

const isNumber = (value: JsonValue): value is number | bigint | JsonFloat =>
  typeof value === 'number' || typeof value === 'bigint' || value instanceof JsonFloat;

const isNonFinite = (value: JsonValue): boolean => typeof value === 'number' && !Number.isFinite(value);

/** Double precision as PostgreSQL prints it: the shortest digits, an exponent below 1e-4 and from 1e15 on. */
const doubleText: LeafText = (leaf) => {
  const value = leaf instanceof JsonFloat ? leaf.value : Number(leaf);
  if (!Number.isFinite(value)) return String(value);
  const [mantissa = '', power = '0'] = value.toExponential().split('e');
  const exponent = Number(power);
  if (value === 0 || (exponent >= -4 && exponent < 15)) return String(value);
  return `${mantissa}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
};

const numericText: LeafText = (leaf) => {
  if (typeof leaf === 'bigint') return leaf.toString();
  const value = leaf instanceof JsonFloat ? leaf.value : (leaf as number);
  return leaf instanceof JsonFloat || !Number.isInteger(value) ? floatCellText(value) : String(value);
};

const nest = (list: JsonArray, leaf: LeafText): string => {
  const items = list.map((item) => (item === null ? 'NULL' : isJsonArray(item) ? nest(item, leaf) : leaf(item)));
  return `{${items.join(',')}}`;
};
