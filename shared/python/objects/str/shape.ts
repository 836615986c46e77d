import { bind, countOr, signature } from '../arguments.ts';
import { codePointLength, codePoints } from './code-points.ts';
import { hashKey } from '../hash-key.ts';
import { requireCount } from '../number.ts';
import { typeError, valueError } from '../python-error.ts';
import { type Method, PyBytes, type PyValue, type Run } from '../object.ts';
import * as textCase from './case.ts';
import * as textClass from './classify.ts';
import { typeName } from '../type-name.ts';
import { encodeText } from '../codecs.ts';

/** Spaces of this many characters, within the bound of a text. */
const fill = (run: Run, character: string, count: number): string => {
  if (count <= 0) return '';
  run.meter.text(count * character.length);
  return character.repeat(count);
};

type Place = (missing: number, width: number) => number;

const padder =
  (name: string, left: Place): Method<string> =>
  (run, text, args, named) => {
    const [widthValue, character = ' '] = bind(signature(name, 'width fillchar?'), args, named);
    const width = requireCount(widthValue!);
    if (typeof character !== 'string') {
      throw typeError(`The fill character must be a unicode character, not ${typeName(character)}`);
    }
    if (codePointLength(run, character) !== 1) throw typeError('The fill character must be exactly one character long');
    const missing = width - codePointLength(run, text);
    if (missing <= 0) return text;
    run.meter.text(width);
    const before = left(missing, width);
    return fill(run, character, before) + text + fill(run, character, missing - before);
  };

const zfill: Method<string> = (run, text, args, named) => {
  const missing = requireCount(bind(signature('zfill', 'width'), args, named)[0]!) - codePointLength(run, text);
  if (missing <= 0) return text;
  const sign = text.startsWith('+') || text.startsWith('-') ? text[0]! : '';
  return sign + fill(run, '0', missing) + text.slice(sign.length);
};

const stripper =
  (name: string, left: boolean, right: boolean): Method<string> =>
  (run, text, args, named) => {
    const [characters = null] = bind(signature(name, 'chars?'), args, named);
    if (characters !== null && typeof characters !== 'string') {
      throw typeError(`${name} arg must be None or str, not ${typeName(characters)}`);
    }
    run.meter.spend('walk', text.length + (characters?.length ?? 0) * 4);
    const chosen = characters === null ? undefined : new Set(characters);
    const goes = (character: string): boolean => chosen?.has(character) ?? textClass.isSpace(character);
    let start = 0;
    let end = text.length;
    while (start < (left ? end : 0)) {
      const character = String.fromCodePoint(text.codePointAt(start)!);
      if (!goes(character)) break;
      start += character.length;
    }
    while (end > (right ? start : text.length)) {
      const wide = end - start > 1 && text.codePointAt(end - 2)! > 0xffff;
      const character = text.slice(wide ? end - 2 : end - 1, end);
      if (!goes(character)) break;
      end -= character.length;
    }
    return text.slice(start, end);
  };

const mapper =
  (name: string, map: (text: string) => string): Method<string> =>
  (run, text, args, named) => {
    bind(signature(name, ''), args, named);
    // Sharp s, ligatures and the like become up to three characters.
    run.meter.text(text.length);
    run.meter.spend('text', text.length * 2);
    if (!textCase.isSettled(text)) run.meter.spend('classify', text.length);
    const mapped = map(text);
    run.meter.text(mapped.length);
    return mapped;
  };

const characterMapper =
  (name: string, map: (characters: readonly string[]) => string): Method<string> =>
  (run, text, args, named) => {
    bind(signature(name, ''), args, named);
    run.meter.spend('classify', text.length * 2);
    const mapped = map(codePoints(run, text));
    run.meter.text(mapped.length);
    return mapped;
  };

const expandTabs: Method<string> = (run, text, args, named) => {
  const size = countOr(bind(signature('expandtabs', 'tabsize?', true), args, named)[0], 8);
  let out = '';
  let column = 0;
  for (const character of codePoints(run, text)) {
    if (character === '\t') {
      const width = size > 0 ? size - (column % size) : 0;
      out += fill(run, ' ', width);
      if (out.length > run.meter.limits.maxTextLength) run.meter.text(out.length);
      column += width;
    } else {
      out += character;
      column = character === '\n' || character === '\r' ? 0 : column + 1;
    }
  }
  return out;
};

const test =
  (name: string, matches: (characters: readonly string[]) => boolean): Method<string> =>
  (run, text, args, named) => {
    bind(signature(name, ''), args, named);
    run.meter.spend('classify', text.length);
    return matches(codePoints(run, text));
  };

const every =
  (matches: (character: string) => boolean) =>
  (characters: readonly string[]): boolean =>
    characters.length > 0 && characters.every(matches);

const identifier = /^[\p{XID_Start}_]\p{XID_Continue}*$/u;

const translate: Method<string> = (run, text, args, named) => {
  const [table = null] = bind(signature('translate', 'table'), args, named);
  if (typeof table !== 'object' || table === null || table.kind !== 'dict') {
    throw typeError(`'${typeName(table)}' object is not subscriptable`);
  }
  let out = '';
  for (const character of codePoints(run, text)) {
    run.meter.charge(1);
    const entry = table.entries.get(hashKey(run, BigInt(character.codePointAt(0)!)));
    const replacement: PyValue = entry === undefined ? character : entry.value;
    run.meter.spend('text', typeof replacement === 'string' ? replacement.length : 2);
    if (typeof replacement === 'bigint') out += characterOf(replacement);
    else if (typeof replacement === 'string') out += replacement;
    else if (replacement !== null) throw typeError('character mapping must return integer, None or str');
    if (out.length > run.meter.limits.maxTextLength) run.meter.text(out.length);
  }
  return out;
};

const characterOf = (point: bigint): string => {
  if (point < 0n || point > 0x10ffffn) throw valueError('character mapping must be in range(0x110000)');
  return String.fromCodePoint(Number(point));
};

const encode: Method<string> = (run, text, args, named) => {
  const [encoding, errors] = bind(signature('encode', 'encoding? errors?', true), args, named);
  return new PyBytes(encodeText(run, text, encoding, errors));
};

/** Methods of a text that change or test its characters. */
export const textShapeMethods: readonly (readonly [string, Method<string>])[] = [
  ['ljust', padder('ljust', () => 0)],
  ['rjust', padder('rjust', (missing) => missing)],
  ['center', padder('center', (missing, width) => (missing >> 1) + (missing & width & 1))],
  ['zfill', zfill],
  ['strip', stripper('strip', true, true)],
  ['lstrip', stripper('lstrip', true, false)],
  ['rstrip', stripper('rstrip', false, true)],
  ['upper', mapper('upper', textCase.upperText)],
  ['lower', mapper('lower', textCase.lowerText)],
  ['title', characterMapper('title', textCase.titleText)],
  ['capitalize', characterMapper('capitalize', textCase.capitalizeText)],
  ['swapcase', characterMapper('swapcase', textCase.swapcaseText)],
  ['casefold', characterMapper('casefold', textCase.casefoldText)],
  ['expandtabs', expandTabs],
  ['translate', translate],
  ['encode', encode],
  ['isalnum', test('isalnum', every(textClass.isAlnum))],
  ['isalpha', test('isalpha', every(textClass.isAlpha))],
  ['isascii', test('isascii', (characters) => characters.every((each) => each < '\u0080'))],
  ['isdecimal', test('isdecimal', every(textClass.isDecimal))],
  ['isdigit', test('isdigit', every(textClass.isDigit))],
  ['isnumeric', test('isnumeric', every(textClass.isNumeric))],
  ['isidentifier', test('isidentifier', (all) => identifier.test(all.join('')) && all.every(textClass.isPrintable))],
  ['isprintable', test('isprintable', (characters) => characters.every(textClass.isPrintable))],
  ['isspace', test('isspace', every(textClass.isSpace))],
  [
    'islower',
    test('islower', (all) =>
      all.some(textCase.isLower) && !all.some((c) => textCase.isUpper(c) || textCase.isTitle(c))),
  ],
  [
    'isupper',
    test('isupper', (all) =>
      all.some(textCase.isUpper) && !all.some((c) => textCase.isLower(c) || textCase.isTitle(c))),
  ],
  ['istitle', test('istitle', textCase.isTitleText)],
];
