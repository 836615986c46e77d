import { notImplementedError } from '../objects/python-error.ts';

/** What is wrong with a literal; the parser makes a syntax error of it. */
export class LiteralError extends Error {
  override readonly name = 'LiteralError';
}

const decimalInteger = /^(?:0(?:_?0)*|[1-9](?:_?\d)*)$/;
const baseInteger = /^0(?:b(?:_?[01])+|o(?:_?[0-7])+|x(?:_?[\da-f])+)$/i;
const decimalFloat = /^(?:\d(?:_?\d)*)?(?:\.(?:\d(?:_?\d)*)?)?(?:e[-+]?\d(?:_?\d)*)?$/i;

/** An integer or a float as written. Throws {@link LiteralError}. */
export const parseNumberLiteral = (text: string): bigint | number => {
  const digits = text.replaceAll('_', '');
  if (decimalInteger.test(text) || baseInteger.test(text)) {
    if (digits.length > 4300) throw new LiteralError('Exceeds the limit (4300 digits) for integer string conversion');
    return BigInt(digits);
  }
  if (/j$/i.test(text)) throw notImplementedError('complex numbers are not supported');
  if (/^0\d*$/.test(digits)) {
    throw new LiteralError(
      'leading zeros in decimal integer literals are not permitted; use an 0o prefix for octal integers',
    );
  }
  if (!decimalFloat.test(text)) throw new LiteralError('invalid decimal literal');
  return Number(digits);
};

const single: Readonly<Record<string, string>> = {
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\n': '',
};

const escape = /\\(?:([0-7]{1,3})|x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|(N\{[^}]*\})|([^]))/g;

/** The text that a literal's content stands for; unknown escapes stay as they are. Throws {@link LiteralError}. */
export const decodeEscapes = (content: string, isBytes: boolean): string =>
  content.replaceAll(
    escape,
    (whole: string, octal?: string, x?: string, u?: string, U?: string, named?: string, other?: string) => {
      if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8) & (isBytes ? 0xff : 0x1ff));
      if (x !== undefined) return String.fromCodePoint(Number.parseInt(x, 16));
      if (isBytes) return other !== undefined && Object.hasOwn(single, other) ? single[other]! : whole;
      if (named !== undefined) throw new LiteralError('named characters (\\N{...}) are not supported');
      const hex = u ?? U;
      if (hex !== undefined) {
        const point = Number.parseInt(hex, 16);
        if (point > 0x10ffff)
          throw new LiteralError("(unicode error) 'unicodeescape' codec can't decode bytes: illegal Unicode character");
        return String.fromCodePoint(point);
      }
      if (other !== undefined && 'xuUN'.includes(other)) {
        throw new LiteralError(`(unicode error) 'unicodeescape' codec can't decode bytes: truncated \\${other} escape`);
      }
      return other !== undefined && Object.hasOwn(single, other) ? single[other]! : whole;
    },
  );

export interface StringLiteral {
  readonly isBytes: boolean;
  readonly isRaw: boolean;
  /** Where the content starts and ends within the literal. */
  readonly start: number;
  readonly end: number;
}

/** Prefix and quotes of a string literal. Throws {@link LiteralError} where it does not end. */
export const stringLiteral = (text: string): StringLiteral => {
  const match = /^([a-z]*)('''|"""|'|")/i.exec(text);
  const [opening, prefix, quote] = match as unknown as [string, string, string];
  if (text.length < opening.length + quote.length || !text.endsWith(quote)) {
    throw new LiteralError('unterminated string literal');
  }
  return {
    isBytes: /b/i.test(prefix),
    isRaw: /r/i.test(prefix),
    start: opening.length,
    end: text.length - quote.length,
  };
};
