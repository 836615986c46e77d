import { TerminalError } from '../errors/sync-error.ts';
import { floatRepr } from './float-repr.ts';
import { hasLoneSurrogate } from './lone-surrogate.ts';
import { entriesOf, isJsonArray, JsonFloat, type JsonObject, type JsonValue } from './json-value.ts';

export interface PythonJsonOptions {
  /** Escape everything beyond ASCII as `\uXXXX`, as `json.dumps` does by default. */
  readonly ascii: boolean;
}

/**
 * JSON text as Python's `json.dumps` writes it: separators `, ` and `: `, floats by their repr, bare `NaN` and
 * `Infinity` tokens, integers with all their digits (reference.md A.4, D.4).
 */
export const pythonJson = (value: JsonValue, options: PythonJsonOptions): string =>
  write(value, options.ascii ? asciiString : unicodeString, floatToken, ', ', ': ');

/**
 * Compact JSON text for a `jsonb` parameter, every digit kept (jsonb stores numbers as NUMERIC).
 * Throws `TerminalError('unstorable_text')` for what jsonb refuses: `NaN`, infinities, NUL, lone surrogates.
 */
export const jsonbText = (value: JsonValue): string => write(value, storableString, finiteFloat, ',', ':');

type Write<T> = (value: T) => string;

const write = (
  value: JsonValue,
  text: Write<string>,
  float: Write<number>,
  itemSeparator: string,
  keySeparator: string,
): string => {
  const writeAny = (item: JsonValue): string => {
    switch (typeof item) {
      case 'string':
        return text(item);
      case 'number':
        return Number.isInteger(item) ? String(item) : float(item);
      case 'object': {
        if (item === null) return 'null';
        if (item instanceof JsonFloat) return float(item.value);
        return isJsonArray(item) ? writeArray(item) : writeObject(item);
      }
      default:
        return String(item);
    }
  };
  const writeArray = (items: readonly JsonValue[]): string => {
    let out = '[';
    for (let index = 0; index < items.length; index++)
      out += (index === 0 ? '' : itemSeparator) + writeAny(items[index]!);
    return `${out}]`;
  };
  const writeObject = (object: JsonObject): string => {
    let out = '{';
    for (const [key, member] of entriesOf(object)) {
      if (out.length > 1) out += itemSeparator;
      out += text(key) + keySeparator + writeAny(member);
    }
    return `${out}}`;
  };
  return writeAny(value);
};

const needsEscape = /[^ -~]|["\\]/;
const beyondAscii = /[\u007f-\uffff]/g;

/** `JSON.stringify` escapes as Python does, but leaves what is beyond ASCII (and DEL) as it is. */
const asciiString = (value: string): string =>
  needsEscape.test(value) ? JSON.stringify(value).replace(beyondAscii, escapeCode) : `"${value}"`;

const escapeCode = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

const escapes = /\\(?:u(d[89a-f][\da-f]{2})|.)/g;

/** As {@link asciiString} without the escapes beyond ASCII; a lone surrogate stays what it is, as in Python. */
const unicodeString = (value: string): string => {
  if (!needsEscape.test(value)) return `"${value}"`;
  if (!hasLoneSurrogate(value)) return JSON.stringify(value);
  return JSON.stringify(value).replace(escapes, (escape, code: string | undefined) =>
    code === undefined ? escape : String.fromCharCode(Number.parseInt(code, 16)),
  );
};

const floatToken = (value: number): string => (Number.isFinite(value) ? floatRepr(value) : String(value));

const storableString = (value: string): string => {
  if (!needsEscape.test(value)) return `"${value}"`;
  if (value.includes('\0')) throw new TerminalError('unstorable_text', 'NUL character in a json column');
  if (hasLoneSurrogate(value)) throw new TerminalError('unstorable_text', 'lone surrogate in a json column');
  return JSON.stringify(value);
};

const finiteFloat = (value: number): string => {
  if (!Number.isFinite(value)) throw new TerminalError('unstorable_text', 'NaN or an infinity in a json column');
  return floatRepr(value);
};
