import { codePointLength, sliceText } from '../str/code-points.ts';
import { exponentDigits, fixedDigits, generalDigits } from './float-digits.ts';
import { floatRepr } from '../../../json/float-repr.ts';
import { bitLength, integerOf, toFloat } from '../number.ts';
import { overflowError, typeError, valueError, withheld } from '../python-error.ts';
import { integerText, str } from '../repr.ts';
import type { PyValue, Run } from '../object.ts';
import { typeName } from '../type-name.ts';

/** Python's `format(value, spec)`. Throws `ValueError`, `TypeError`. */
export const formatValue = (run: Run, value: PyValue, spec: string): string => {
  if (spec === '') return str(run, value);
  run.meter.charge(8);
  run.meter.spend('walk', spec.length);
  if (typeof value === 'string') return formatText(run, parse(run, spec, value), value);
  if (typeof value === 'number') return formatFloat(run, parse(run, spec, value), value, value);
  const integer = integerOf(value);
  if (integer === undefined) throw typeError(`unsupported format string passed to ${typeName(value)}.__format__`);
  const parsed = parse(run, spec, value);
  if (parsed.type !== '' && 'eEfFgG%'.includes(parsed.type)) return formatFloat(run, parsed, value, toFloat(integer));
  return formatInteger(run, parsed, value, integer);
};

interface Spec {
  readonly fill: string;
  readonly align: string;
  readonly sign: string;
  readonly zeroNegative: boolean;
  readonly alternate: boolean;
  readonly zero: boolean;
  readonly width: number;
  readonly grouping: string;
  readonly precision: number | undefined;
  readonly type: string;
}

const formatText = (run: Run, spec: Spec, text: string): string => {
  if (spec.type !== '' && spec.type !== 's') throw unknownCode(spec, text);
  if (spec.sign !== '-') throw valueError('Sign not allowed in string format specifier');
  if (spec.alternate) throw valueError('Alternate form (#) not allowed in string format specifier');
  if (spec.grouping !== '') throw valueError(`Cannot specify '${spec.grouping}' with 's'.`);
  if (spec.align === '=' && !spec.zero) throw valueError("'=' alignment not allowed in string format specifier");
  const cut = spec.precision === undefined ? text : sliceText(run, text, 0, spec.precision);
  return padded(run, { ...spec, align: spec.align === '=' ? '' : spec.align }, '', cut, '<');
};

const unknownCode = (spec: Spec, value: PyValue): Error =>
  valueError(`Unknown format code '${withheld}' for object of type '${typeName(value)}'`);

const padded = (run: Run, spec: Spec, prefix: string, body: string, byDefault: string): string => {
  const missing = spec.width - codePointLength(run, prefix + body);
  if (missing <= 0) return prefix + body;
  run.meter.text(spec.width * spec.fill.length);
  const align = spec.align === '' ? byDefault : spec.align;
  const fill = (count: number): string => spec.fill.repeat(count);
  if (align === '<') return prefix + body + fill(missing);
  if (align === '^') return fill(missing >> 1) + prefix + body + fill(missing - (missing >> 1));
  return align === '=' ? prefix + fill(missing) + body : fill(missing) + prefix + body;
};

const pattern = /^(?:(.)?([<>=^]))?([-+ ])?(z)?(#)?(0)?(\d+)?([,_])?(?:\.(\d+))?(.)?$/su;

const parse = (run: Run, spec: string, value: PyValue): Spec => {
  const match = pattern.exec(spec);
  if (match === null) {
    throw /\.(?!\d)/.test(spec)
      ? valueError('Format specifier missing precision')
      : valueError(`Invalid format specifier '${withheld}' for object of type '${typeName(value)}'`);
  }
  const [, fill, align, sign, zeroNegative, alternate, zero, width, grouping, precision, type] = match;
  if (type === '.') throw valueError('Format specifier missing precision');
  const count = (digits: string | undefined): number | undefined => {
    if (digits === undefined) return undefined;
    if (digits.length > 18) throw valueError('Too many decimal digits in format string');
    run.meter.text(Number(digits));
    return Number(digits);
  };
  return {
    fill: fill ?? (zero === undefined || align !== undefined ? (zero === undefined ? ' ' : '0') : '0'),
    align: align ?? (zero === undefined ? '' : '='),
    sign: sign ?? '-',
    zeroNegative: zeroNegative !== undefined,
    alternate: alternate !== undefined,
    zero: zero !== undefined,
    width: count(width) ?? 0,
    grouping: grouping ?? '',
    precision: count(precision),
    type: type ?? '',
  };
};

const formatFloat = (run: Run, spec: Spec, original: PyValue, value: number): string => {
  if (!'eEfFgGn%'.includes(spec.type)) throw unknownCode(spec, original);
  let text: string;
  if (!Number.isFinite(value)) text = (Number.isNaN(value) ? 'nan' : 'inf') + (spec.type === '%' ? '%' : '');
  else text = floatDigits(run, spec, value, spec.type);
  if ('EFG'.includes(spec.type) && spec.type !== '') text = text.toUpperCase();
  const isZero = !/[1-9]/.test(text) && Number.isFinite(value);
  const negative = (value < 0 || Object.is(value, -0)) && !(spec.zeroNegative && isZero);
  const prefix = signOf(spec, negative);
  const end = /[^\d]/.exec(text)?.index ?? text.length;
  return padded(run, spec, prefix, grouped(run, spec, prefix, text.slice(0, end), text.slice(end)), '>');
};

const floatDigits = (run: Run, spec: Spec, value: number, type: string): string => {
  const precision = spec.precision ?? 6;
  run.meter.bits(precision * 4);
  run.meter.product(precision * 4 + 1100, precision * 4 + 1100);
  switch (type.toLowerCase()) {
    case 'e':
      return exponentDigits(value, precision, spec.alternate);
    case 'f':
      return fixedDigits(value, precision) + (spec.alternate && precision === 0 ? '.' : '');
    case '%':
      return `${fixedDigits(value * 100, precision)}%`;
    case 'g':
    case 'n':
      return generalDigits(value, precision, { alternate: spec.alternate });
    default:
      if (spec.precision === undefined) return floatRepr(Math.abs(value));
      return generalDigits(value, precision, {
        alternate: spec.alternate,
        keepPoint: true,
        fixedUpTo: Math.max(precision, 1) - 1,
      });
  }
};

const signOf = (spec: Spec, negative: boolean): string => (negative ? '-' : spec.sign === '-' ? '' : spec.sign);

/** Separates the digits before the point; zeros that fill the width are separated too. */
const grouped = (run: Run, spec: Spec, prefix: string, digits: string, rest: string): string => {
  const every = spec.grouping === '_' && 'bBoxX'.includes(spec.type) && spec.type !== '' ? 4 : 3;
  let whole = digits;
  const group = (text: string): string => {
    run.meter.text(text.length * 2);
    run.meter.spend('part', text.length / every);
    const groups: string[] = [];
    for (let end = text.length; end > 0; end -= every) groups.push(text.slice(Math.max(end - every, 0), end));
    return groups.reverse().join(spec.grouping);
  };
  if (spec.grouping === '') return digits + rest;
  if (spec.fill === '0' && spec.align === '=') {
    const room = spec.width - prefix.length - rest.length;
    // The fewest digits that fill the room with their separators; none of these may come first.
    let wanted = Math.ceil((room * every) / (every + 1));
    if (wanted + Math.ceil(wanted / every) - 1 < room) wanted += 1;
    whole = digits.padStart(Math.max(wanted, digits.length), '0');
  }
  return group(whole) + rest;
};

const formatInteger = (run: Run, spec: Spec, value: PyValue, integer: bigint): string => {
  if (spec.zeroNegative) throw valueError('Negative zero coercion (z) not allowed in integer format specifier');
  if (spec.precision !== undefined) throw valueError('Precision not allowed in integer format specifier');
  const magnitude = integer < 0n ? -integer : integer;
  if (spec.type === 'c') {
    if (integer < 0n || integer > 0x10ffffn) throw overflowError('%c arg not in range(0x110000)');
    return padded(run, spec, '', String.fromCodePoint(Number(integer)), '<');
  }
  const bases: Readonly<Record<string, readonly [number, string]>> = {
    b: [2, '0b'],
    o: [8, '0o'],
    x: [16, '0x'],
    X: [16, '0X'],
  };
  const base = Object.hasOwn(bases, spec.type) ? bases[spec.type] : undefined;
  if (base === undefined && spec.type !== '' && spec.type !== 'd' && spec.type !== 'n') throw unknownCode(spec, value);
  if (base !== undefined && spec.grouping === ',') throw valueError(`Cannot specify ',' with '${spec.type}'.`);
  run.meter.text(bitLength(magnitude));
  let digits = base === undefined ? integerText(run, magnitude) : magnitude.toString(base[0]);
  if (spec.type === 'X') digits = digits.toUpperCase();
  run.meter.text(digits.length);
  const prefix = signOf(spec, integer < 0n) + (spec.alternate && base !== undefined ? base[1] : '');
  return padded(run, spec, prefix, grouped(run, spec, prefix, digits, ''), '>');
};
