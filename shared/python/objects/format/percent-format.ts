import { exponentDigits, fixedDigits, generalDigits } from './float-digits.ts';
import { codePointLength, sliceText } from '../str/code-points.ts';
import { bitLength, floatOf, integerOf, requireCount } from '../number.ts';
import { escapeAscii } from './escape-ascii.ts';
import { memberOfDict } from '../dict.ts';
import { overflowError, typeError, valueError, withheld } from '../python-error.ts';
import { integerText, repr, str } from '../repr.ts';
import type { PyValue, Run } from '../object.ts';
import { typeName } from '../type-name.ts';

interface Conversion {
  readonly flags: string;
  readonly width: number;
  readonly precision: number | undefined;
  readonly type: string;
}

const pattern = /%(?:\(([^()]*)\))?([-+ #0]*)(\*|\d+)?(?:\.(\*|\d+)?)?[hlL]?(.)?/gsu;

/** Python's `format % values`. Throws `TypeError`, `ValueError`, `KeyError`. */
export const percentFormat = (run: Run, format: string, values: PyValue): string => {
  const isTuple = typeof values === 'object' && values !== null && values.kind === 'tuple';
  const isDict = typeof values === 'object' && values !== null && values.kind === 'dict';
  const items = isTuple ? values.items : [values];
  run.meter.spend('walk', format.length);
  let used = 0;
  let byName = false;
  const next = (): PyValue => {
    if (used >= items.length) throw typeError('not enough arguments for format string');
    used += 1;
    return items[used - 1]!;
  };
  const count = (text: string | undefined): number | undefined => {
    if (text === undefined) return undefined;
    if (text === '*') {
      const value = next();
      if (integerOf(value) === undefined) throw typeError('* wants int');
      return requireCount(value);
    }
    if (text.length > 18) throw valueError('width too big');
    return Number(text);
  };
  let out = '';
  let end = 0;
  for (const match of format.matchAll(pattern)) {
    run.meter.spend('part', 4);
    const [whole, name, flags = '', widthText, precisionText, type] = match;
    out += format.slice(end, match.index);
    end = match.index + whole.length;
    if (type === undefined) throw valueError('incomplete format');
    if (type === '%' && whole === '%%') {
      out += '%';
      continue;
    }
    let named: PyValue | undefined;
    if (name !== undefined) {
      if (!isDict) throw typeError('format requires a mapping');
      named = memberOfDict(run, values, name);
      byName = true;
    }
    const width = count(widthText) ?? 0;
    const hasPoint = whole.slice((name ?? '').length + (name === undefined ? 1 : 3)).includes('.');
    const precision = count(precisionText) ?? (hasPoint && type !== '.' ? 0 : undefined);
    const conversion: Conversion = {
      flags: flags + (width < 0 ? '-' : ''),
      width: Math.abs(width),
      precision: precision === undefined ? undefined : Math.max(precision, 0),
      type,
    };
    run.meter.text(conversion.width);
    const value = named === undefined ? next() : named;
    out += type === '%' ? '%' : convert(run, conversion, value, end - 1);
    if (out.length > run.meter.limits.maxTextLength) run.meter.text(out.length);
  }
  out += format.slice(end);
  const leftOver = isTuple ? used < items.length : used === 0 && !byName && !isDict && !isListLike(values);
  if (leftOver) throw typeError('not all arguments converted during string formatting');
  return out;
};

const convert = (run: Run, conversion: Conversion, value: PyValue, index: number): string => {
  const { type, precision } = conversion;
  switch (type) {
    case 's':
    case 'r':
    case 'a': {
      const text =
        type === 's' ? str(run, value) : type === 'r' ? repr(run, value) : escapeAscii(run, repr(run, value));
      return pad(run, conversion, '', precision === undefined ? text : sliceText(run, text, 0, precision), false);
    }
    case 'c':
      return pad(run, conversion, '', characterBody(value, run), false);
    case 'd':
    case 'i':
    case 'u':
    case 'o':
    case 'x':
    case 'X':
      return pad(run, conversion, ...integerBody(run, conversion, value), true);
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
      return pad(run, conversion, ...floatBody(run, conversion, value), true);
    default: {
      throw valueError(`unsupported format character ${withheld} at index ${index}`);
    }
  }
};

const pad = (run: Run, conversion: Conversion, sign: string, body: string, numeric: boolean): string => {
  const { flags, width } = conversion;
  const lead =
    numeric && !sign.startsWith('-')
      ? flags.includes('+')
        ? `+${sign}`
        : flags.includes(' ')
          ? ` ${sign}`
          : sign
      : sign;
  const missing = width - codePointLength(run, lead + body);
  if (missing <= 0) return lead + body;
  run.meter.text(width);
  if (flags.includes('-')) return lead + body + ' '.repeat(missing);
  return numeric && flags.includes('0') ? lead + '0'.repeat(missing) + body : ' '.repeat(missing) + lead + body;
};

const characterBody = (value: PyValue, run: Run): string => {
  const integer = integerOf(value);
  if (integer !== undefined) {
    if (integer < 0n || integer > 0x10ffffn) throw overflowError('%c arg not in range(0x110000)');
    return String.fromCodePoint(Number(integer));
  }
  if (typeof value !== 'string' || codePointLength(run, value) !== 1) throw typeError('%c requires int or char');
  return value;
};

const integerBody = (run: Run, conversion: Conversion, value: PyValue): readonly [string, string] => {
  const { type, flags, precision } = conversion;
  const integer = wholeNumber(value, type);
  const magnitude = integer < 0n ? -integer : integer;
  const base = type === 'o' ? 8 : type === 'x' || type === 'X' ? 16 : 10;
  run.meter.text(bitLength(magnitude));
  let digits = base === 10 ? integerText(run, magnitude) : magnitude.toString(base);
  if (type === 'X') digits = digits.toUpperCase();
  run.meter.text(Math.max(precision ?? 0, digits.length));
  const prefix = flags.includes('#') && base !== 10 ? `0${type}` : '';
  return [(integer < 0n ? '-' : '') + prefix, digits.padStart(precision ?? 0, '0')];
};

const wholeNumber = (value: PyValue, type: string): bigint => {
  const integer = integerOf(value);
  if (integer !== undefined) return integer;
  const decimal = type === 'd' || type === 'i' || type === 'u';
  if (!decimal || typeof value !== 'number') {
    throw typeError(`%${type} format: ${decimal ? 'a real number' : 'an integer'} is required, not ${typeName(value)}`);
  }
  if (Number.isNaN(value)) throw valueError('cannot convert float NaN to integer');
  if (!Number.isFinite(value)) throw overflowError('cannot convert float infinity to integer');
  return BigInt(Math.trunc(value));
};

const floatBody = (run: Run, conversion: Conversion, value: PyValue): readonly [string, string] => {
  const float = floatOf(value);
  if (float === undefined) throw typeError(`must be real number, not ${typeName(value)}`);
  const { type, flags, precision = 6 } = conversion;
  const alternate = flags.includes('#');
  run.meter.bits(precision * 4);
  run.meter.product(precision * 4 + 1100, precision * 4 + 1100);
  const sign = float < 0 || Object.is(float, -0) ? '-' : '';
  let text: string;
  if (!Number.isFinite(float)) text = Number.isNaN(float) ? 'nan' : 'inf';
  else if (type === 'f' || type === 'F')
    text = fixedDigits(float, precision) + (alternate && precision === 0 ? '.' : '');
  else if (type === 'e' || type === 'E') text = exponentDigits(float, precision, alternate);
  else text = generalDigits(float, precision, { alternate });
  return [sign, 'EFG'.includes(type) ? text.toUpperCase() : text];
};

/** A list or a mapping may stand on the right without being used. */
const isListLike = (value: PyValue): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (value.kind === 'list' || value.kind === 'bytes' || value.kind === 'range');
