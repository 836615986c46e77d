import { isDecimal, isSpace, decimalValue } from './text-class.ts';
import { valueError } from './python-error.ts';
import type { Run } from './run.ts';

const maxDecimalDigits = 4300;

/** White space of both ends goes, and digits of any script become ASCII ones. */
const normalized = (run: Run, text: string): string => {
  run.meter.scan(text.length * 8);
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text[start]!)) start += 1;
  while (end > start && isSpace(text[end - 1]!)) end -= 1;
  const trimmed = text.slice(start, end);
  if (/^[\0-\x7f]*$/.test(trimmed)) return trimmed;
  return Array.from(trimmed, (each) => (each > '\x7f' && isDecimal(each) ? String(decimalValue(each)) : each)).join('');
};

const prefixes: Readonly<Record<string, number>> = { '0b': 2, '0o': 8, '0x': 16 };

const digitsOf = (base: number): RegExp => {
  const last = base <= 10 ? `0-${base - 1}` : `0-9a-${String.fromCharCode(86 + base)}`;
  return new RegExp(`^[${last}]+(?:_[${last}]+)*$`, 'i');
};

const accumulate = (run: Run, digits: string, base: number): bigint => {
  const names: Readonly<Record<number, string>> = { 2: '0b', 8: '0o', 16: '0x' };
  run.meter.bits(Math.ceil(digits.length * Math.log2(base)));
  if (base === 10) return BigInt(digits);
  const name = names[base];
  if (name !== undefined) return BigInt(name + digits);
  let value = 0n;
  for (const digit of digits) {
    run.meter.charge(1);
    value = value * BigInt(base) + BigInt(Number.parseInt(digit, 36));
  }
  return value;
};

/** Python's `int(text, base)`; `shown` is how the error names the argument. Throws `ValueError`. */
export const parseInteger = (run: Run, text: string, base: number, shown: () => string): bigint => {
  const invalid = (): Error => valueError(`invalid literal for int() with base ${base}: ${shown()}`);
  let body = normalized(run, text);
  const negative = body.startsWith('-');
  if (negative || body.startsWith('+')) body = body.slice(1);
  const prefix = body.slice(0, 2).toLowerCase();
  let actual = base;
  const named = Object.hasOwn(prefixes, prefix) ? prefixes[prefix] : undefined;
  if (named !== undefined && (base === 0 || base === named)) {
    actual = named;
    body = body.slice(2).replace(/^_/, '');
  } else if (base === 0) {
    actual = 10;
    if (/^0[\d_]*[1-9]/.test(body)) throw invalid();
  }
  const powerOfTwo = (actual & (actual - 1)) === 0;
  const count = body.replaceAll('_', '').length;
  if (!powerOfTwo && count > maxDecimalDigits && digitsOf(actual).test(body)) {
    throw valueError(
      `Exceeds the limit (4300 digits) for integer string conversion: value has ${count} digits; use sys.set_int_max_str_digits() to increase the limit`,
    );
  }
  if (!digitsOf(actual).test(body)) throw invalid();
  const value = accumulate(run, body.replaceAll('_', ''), actual);
  return negative ? -value : value;
};

/* No two parts of the pattern match the same digits, so it is linear. */
const floatPattern = /^[-+]?(?:\d+(?:_\d+)*(?:\.(?:\d+(?:_\d+)*)?)?|\.\d+(?:_\d+)*)(?:e[-+]?\d+(?:_\d+)*)?$/i;
const special = /^([-+]?)(?:(inf|infinity)|(nan))$/i;

/** Python's `float(text)`. Throws `ValueError`. */
export const parseFloatText = (run: Run, text: string, shown: () => string): number => {
  const body = normalized(run, text);
  const word = special.exec(body);
  if (word !== null) return word[3] !== undefined ? NaN : word[1] === '-' ? -Infinity : Infinity;
  if (!floatPattern.test(body)) throw valueError(`could not convert string to float: ${shown()}`);
  return Number(body.replaceAll('_', ''));
};
