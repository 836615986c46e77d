import { TerminalError } from '../errors/sync-error.ts';
import { maxIntegerDigits, maxJsonDepth } from './json-limits.ts';
import { JsonFloat, type JsonObject, type JsonValue } from './json-value.ts';

/**
 * The whole text as a value that loses nothing; throws `TerminalError` (`invalid_json`, `nesting_too_deep`).
 * @param isValid whether `JSON.parse` took the text: there is no control character in a string then
 */
export const parseLossless = (text: string, isValid = false): JsonValue =>
  new LosslessParser(text, !isValid && control.test(text)).parseText();

const quote = 34;
const comma = 44;
const minus = 45;
const dot = 46;
const colon = 58;
const openBracket = 91;
const backslash = 92;
const closeBracket = 93;
const openBrace = 123;
const closeBrace = 125;

// oxlint-disable-next-line no-control-regex
const control = /[\0-\x1f]/;
/** Up to here the digits of an integer add up exactly as a number. */
const exactDigits = 15;

/**
 * Recursive descent over the text. Rows of a message have the same keys in the same order, so the keys of the last
 * object at that depth are tried first. A hit needs no slice and no hash, and the engine finds the same hidden class.
 */
class LosslessParser {
  readonly #text: string;
  readonly #hasControl: boolean;
  #position = 0;
  #nextBackslash = -1;
  readonly #lastKeys: string[][] = [];

  constructor(text: string, hasControl: boolean) {
    this.#text = text;
    this.#hasControl = hasControl;
  }

  parseText(): JsonValue {
    this.#skipSpace();
    const value = this.#value(1);
    this.#skipSpace();
    if (this.#position < this.#text.length) throw this.#invalid('unexpected text after the value');
    return value;
  }

  #invalid(what: string): TerminalError {
    return new TerminalError('invalid_json', `${what} at character ${this.#position}`);
  }

  #skipSpace(): number {
    const text = this.#text;
    let position = this.#position;
    let code = text.charCodeAt(position);
    while (code === 32 || code === 10 || code === 13 || code === 9) code = text.charCodeAt(++position);
    this.#position = position;
    return code;
  }

  /** `depth` is that of the value, were it a container. */
  #value(depth: number): JsonValue {
    const code = this.#text.charCodeAt(this.#position);
    if (code === quote) return this.#string();
    if (code === openBrace) return this.#object(depth);
    if (code === openBracket) return this.#array(depth);
    if (isDigit(code) || code === minus) return this.#number();
    if (this.#take('true')) return true;
    if (this.#take('false')) return false;
    if (this.#take('null')) return null;
    if (this.#take('NaN')) return Number.NaN;
    if (this.#take('Infinity')) return Number.POSITIVE_INFINITY;
    throw this.#invalid('expected a value');
  }

  #take(word: string): boolean {
    if (!this.#text.startsWith(word, this.#position)) return false;
    this.#position += word.length;
    return true;
  }

  #guardDepth(depth: number): void {
    if (depth > maxJsonDepth) {
      throw new TerminalError('nesting_too_deep', `JSON is nested deeper than ${maxJsonDepth} levels`);
    }
  }

  #array(depth: number): JsonValue {
    this.#guardDepth(depth);
    const items: JsonValue[] = [];
    this.#position++;
    if (this.#skipSpace() === closeBracket) {
      this.#position++;
      return items;
    }
    for (;;) {
      items.push(this.#value(depth + 1));
      const code = this.#skipSpace();
      if (code !== comma && code !== closeBracket) throw this.#invalid('expected , or ]');
      this.#position++;
      if (code === closeBracket) return items;
      this.#skipSpace();
    }
  }

  #object(depth: number): JsonObject {
    this.#guardDepth(depth);
    this.#position++;
    const plain: Record<string, JsonValue> = {};
    let ordered: Map<string, JsonValue> | undefined;
    if (this.#skipSpace() === closeBrace) {
      this.#position++;
      return plain;
    }
    const lastKeys = (this.#lastKeys[depth] ??= []);
    for (let index = 0; ; index++) {
      const key = this.#key(lastKeys, index);
      if (this.#skipSpace() !== colon) throw this.#invalid('expected :');
      this.#position++;
      this.#skipSpace();
      const value = this.#value(depth + 1);
      if (ordered === undefined && needsOrder(key)) ordered = new Map(Object.entries(plain));
      if (ordered === undefined) plain[key] = value;
      else ordered.set(key, value);
      const code = this.#skipSpace();
      if (code !== comma && code !== closeBrace) throw this.#invalid('expected , or }');
      this.#position++;
      if (code === closeBrace) return ordered ?? plain;
      this.#skipSpace();
    }
  }

  #key(lastKeys: string[], index: number): string {
    const start = this.#position + 1;
    const text = this.#text;
    if (text.charCodeAt(start - 1) !== quote) throw this.#invalid('expected a key');
    const last = lastKeys[index];
    if (last !== undefined && text.charCodeAt(start + last.length) === quote && text.startsWith(last, start)) {
      this.#position = start + last.length + 1;
      return last;
    }
    const key = this.#string();
    // Only a key that stands in the text as it is can be compared with the text; an escaped one is longer there.
    if (this.#position === start + key.length + 1 && index < 1_000) lastKeys[index] = key;
    return key;
  }

  #string(): string {
    const text = this.#text;
    const start = this.#position + 1;
    const end = text.indexOf('"', start);
    if (end < 0) throw this.#invalid('unterminated string');
    if (this.#nextBackslash < start) {
      const next = text.indexOf('\\', start);
      this.#nextBackslash = next < 0 ? text.length : next;
    }
    if (this.#nextBackslash < end) return this.#escapedString(start);
    const value = text.slice(start, end);
    if (this.#hasControl && control.test(value)) throw this.#invalid('control character in a string');
    this.#position = end + 1;
    return value;
  }

  #escapedString(start: number): string {
    const text = this.#text;
    let end = this.#nextBackslash;
    for (;;) {
      const code = text.charCodeAt(end);
      if (code === quote) break;
      if (Number.isNaN(code)) throw this.#invalid('unterminated string');
      end += code === backslash ? 2 : 1;
    }
    let value: string;
    try {
      value = JSON.parse(text.slice(start - 1, end + 1)) as string;
    } catch {
      throw this.#invalid('invalid escape or control character in a string');
    }
    this.#position = end + 1;
    return value;
  }

  #number(): JsonValue {
    const text = this.#text;
    const start = this.#position;
    const negative = text.charCodeAt(start) === minus;
    const firstDigit = negative ? start + 1 : start;
    let position = firstDigit;
    let code = text.charCodeAt(position);
    let sum = 0;
    if (code === 48) code = text.charCodeAt(++position);
    else {
      while (isDigit(code)) {
        sum = sum * 10 + (code - 48);
        code = text.charCodeAt(++position);
      }
    }
    const digits = position - firstDigit;
    if (digits === 0) {
      if (negative && this.#take('-Infinity')) return Number.NEGATIVE_INFINITY;
      throw this.#invalid('expected a digit');
    }
    const fractionEnd = code === dot ? this.#digitsEnd(position + 1) : position;
    const end = this.#exponentEnd(fractionEnd);
    this.#position = end;
    if (end === position) return this.#integer(start, digits, negative ? -sum : sum);
    const value = Number(text.slice(start, end));
    return Number.isInteger(value) ? new JsonFloat(value) : value;
  }

  #integer(start: number, digits: number, sum: number): JsonValue {
    // Adding zero makes the integer `-0` the integer 0.
    if (digits <= exactDigits) return sum + 0;
    if (digits > maxIntegerDigits) throw this.#invalid(`integer of more than ${maxIntegerDigits} digits`);
    const big = BigInt(this.#text.slice(start, this.#position));
    const small = Number(big);
    return Number.isSafeInteger(small) ? small : big;
  }

  /** The end of one digit or more from the position, else the position before it: a lone dot is not part of a number. */
  #digitsEnd(from: number): number {
    let position = from;
    while (isDigit(this.#text.charCodeAt(position))) position++;
    return position === from ? from - 1 : position;
  }

  #exponentEnd(from: number): number {
    const code = this.#text.charCodeAt(from);
    if (code !== 101 && code !== 69) return from;
    const sign = this.#text.charCodeAt(from + 1);
    const digits = sign === 43 || sign === minus ? from + 2 : from + 1;
    const end = this.#digitsEnd(digits);
    return end < digits ? from : end;
  }
}

const isDigit = (code: number): boolean => code >= 48 && code <= 57;

const indexLike = /^(?:0|[1-9]\d{0,9})$/;

const needsOrder = (key: string): boolean => {
  const code = key.charCodeAt(0);
  return isDigit(code) ? indexLike.test(key) : code === 95 && key === '__proto__';
};
