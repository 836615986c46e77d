import { TerminalError } from '../errors/sync-error.ts';
import { floatRepr } from './float-repr.ts';
import { hasLoneSurrogate } from './lone-surrogate.ts';
import { isJsonArray, JsonFloat, type JsonObject, type JsonValue, type PlainJsonObject } from './json-value.ts';

export interface PythonJsonOptions {
  /** Escape everything beyond ASCII as `\uXXXX`, as `json.dumps` does by default. */
  readonly ascii: boolean;
}

/**
 * JSON text as Python's `json.dumps` writes it: separators `, ` and `: `, floats by their repr, bare `NaN` and
 * `Infinity` tokens, integers with all their digits (reference.md A.4, D.4).
 */
export const pythonJson = (value: JsonValue, options: PythonJsonOptions): string =>
  write(value, options.ascii ? asciiStyle : unicodeStyle);

/**
 * Compact JSON text for a `jsonb` parameter, every digit kept (jsonb stores numbers as NUMERIC).
 * Throws `TerminalError('unstorable_text')` for what jsonb refuses: `NaN`, infinities, NUL, lone surrogates.
 */
export const jsonbText = (value: JsonValue): string => write(value, jsonbStyle);

interface Style {
  readonly text: (value: string) => string;
  readonly float: (value: number) => string;
  readonly itemSeparator: string;
  readonly keySeparator: string;
  /** Texts of keys, with the separator behind them. */
  readonly keys: Map<string, string>;
}

const write = (value: JsonValue, style: Style): string => {
  switch (typeof value) {
    case 'string':
      return style.text(value);
    case 'number':
      return Number.isInteger(value) ? String(value) : style.float(value);
    case 'object': {
      if (value === null) return 'null';
      if (value instanceof JsonFloat) return style.float(value.value);
      return isJsonArray(value) ? writeArray(value, style) : writeObject(value, style);
    }
    default:
      return String(value);
  }
};

const writeArray = (items: readonly JsonValue[], style: Style): string => {
  let out = '[';
  for (let index = 0; index < items.length; index++)
    out += (index === 0 ? '' : style.itemSeparator) + write(items[index]!, style);
  return `${out}]`;
};

const writeObject = (object: JsonObject, style: Style): string => {
  let out = '{';
  if (object instanceof Map) for (const [key, member] of object) out = withMember(out, key, member, style);
  // A list of pairs costs as much as the text. What JSON is read into has no inherited members.
  // oxlint-disable-next-line guard-for-in
  else for (const key in object) out = withMember(out, key, (object as PlainJsonObject)[key]!, style);
  return `${out}}`;
};

const withMember = (out: string, key: string, member: JsonValue, style: Style): string =>
  (out.length > 1 ? out + style.itemSeparator : out) + keyText(key, style) + write(member, style);

/** The keys of a state's rows are the same few: each is written once. */
const keyText = (key: string, { keys, text, keySeparator }: Style): string => {
  const known = keys.get(key);
  if (known !== undefined) return known;
  const written = text(key) + keySeparator;
  if (keys.size >= maxKeys) keys.clear();
  if (key.length <= maxKeyCharacters) keys.set(key, written);
  return written;
};

const maxKeys = 1_024;
const maxKeyCharacters = 255;

/** One class: two of them side by side take five times as long. */
const needsEscape = /[^ !#-[\]-~]/;
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

const spaced = { itemSeparator: ', ', keySeparator: ': ' } as const;
const asciiStyle: Style = { ...spaced, text: asciiString, float: floatToken, keys: new Map() };
const unicodeStyle: Style = { ...spaced, text: unicodeString, float: floatToken, keys: new Map() };
const jsonbStyle: Style = {
  text: storableString,
  float: finiteFloat,
  itemSeparator: ',',
  keySeparator: ':',
  keys: new Map(),
};
