import { floatRepr } from './float-repr.ts';
import { entriesOf, isJsonArray, JsonFloat, type JsonValue } from './json-value.ts';
import { isUnprintable } from '../unicode/unicode-classes.ts';

/** Python's `repr` of a JSON value (reference.md D.8): `[1, 'a', None, {'k': 1.0}]`. */
export const pythonRepr = (value: JsonValue): string => {
  switch (typeof value) {
    case 'string':
      return stringRepr(value);
    case 'boolean':
      return value ? 'True' : 'False';
    case 'number':
      return Number.isInteger(value) ? String(value) : floatRepr(value);
    case 'bigint':
      return value.toString();
    default:
  }
  if (value === null) return 'None';
  if (value instanceof JsonFloat) return floatRepr(value.value);
  if (isJsonArray(value)) return `[${value.map(pythonRepr).join(', ')}]`;
  const members: string[] = [];
  for (const [key, member] of entriesOf(value)) members.push(`${stringRepr(key)}: ${pythonRepr(member)}`);
  return `{${members.join(', ')}}`;
};

/** Python's `str`: a string as it is, any other value as its repr. */
export const pythonStr = (value: JsonValue): string => (typeof value === 'string' ? value : pythonRepr(value));

const plain = /^[ !#-&(-[\]-~]*$/;
const named: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Single quotes, double ones if that spares an escape; what is not printable in Unicode 14.0 is escaped. */
const stringRepr = (text: string): string => {
  if (plain.test(text)) return `'${text}'`;
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let out = quote;
  for (const character of text) {
    const codePoint = character.codePointAt(0)!;
    if (character === quote) out += `\\${quote}`;
    else if (codePoint === 0x5c || codePoint < 0x20) out += named[character] ?? escape(codePoint);
    else out += codePoint >= 0x7f && isUnprintable(codePoint) ? escape(codePoint) : character;
  }
  return out + quote;
};

const escape = (codePoint: number): string => {
  const hex = codePoint.toString(16);
  if (codePoint < 0x100) return `\\x${hex.padStart(2, '0')}`;
  return codePoint < 0x1_0000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
};
