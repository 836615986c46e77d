import { PythonError, typeError, withheld } from './python-error.ts';
import { typeName } from './type-name.ts';
import type { PyValue, Run } from './object.ts';

const loneSurrogate = /[\ud800-\udfff]/u;

/** Python's `str.encode` for UTF-8, ASCII and Latin-1; `errors` is `strict`, `ignore` or `replace`. */
export const encodeText = (run: Run, text: string, encoding?: PyValue, onError?: PyValue): Uint8Array => {
  const codec = codecOf(nameOf(encoding, 'utf-8'));
  const errors = nameOf(onError, 'strict');
  run.meter.scan(text.length);
  run.meter.madeBytes(text.length);
  run.meter.spend('byte', text.length * 2);
  if (codec === 'utf-8' && !loneSurrogate.test(text)) return new TextEncoder().encode(text);
  const top = codec === 'utf-8' ? 0x10ffff : codec === 'ascii' ? 0x7f : 0xff;
  const reason = codec === 'utf-8' ? 'surrogates not allowed' : `ordinal not in range(${top + 1})`;
  run.meter.spend('classify', text.length);
  let kept = '';
  let position = 0;
  for (const character of text) {
    const bad = character.codePointAt(0)! > top || loneSurrogate.test(character);
    if (bad && errors === 'strict') throw encodeError(codec, position, reason);
    if (!bad) kept += character;
    else if (errors === 'replace') kept += '?';
    position += 1;
  }
  return codec === 'utf-8' ? new TextEncoder().encode(kept) : Uint8Array.from(Buffer.from(kept, 'latin1'));
};

/** Python's `bytes.decode` for UTF-8, ASCII and Latin-1. */
export const decodeBytes = (run: Run, bytes: Uint8Array, encoding?: PyValue, onError?: PyValue): string => {
  const codec = codecOf(nameOf(encoding, 'utf-8'));
  const errors = nameOf(onError, 'strict');
  run.meter.text(bytes.length);
  run.meter.spend('walk', codec === 'ascii' ? bytes.length : 0);
  if (codec === 'latin-1') return Buffer.from(bytes).toString('latin1');
  const bad = codec === 'ascii' ? bytes.findIndex((byte) => byte > 0x7f) : -1;
  if (errors === 'strict' && bad !== -1) throw decodeError(codec, bad);
  const decoder = new TextDecoder('utf-8', { fatal: errors === 'strict', ignoreBOM: true });
  try {
    const text = decoder.decode(bytes);
    return errors === 'ignore' ? text.replaceAll('\ufffd', '') : text;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw decodeError(codec, 0);
  }
};

const names: ReadonlyMap<string, 'utf-8' | 'ascii' | 'latin-1'> = new Map([
  ['utf8', 'utf-8'],
  ['ascii', 'ascii'],
  ['usascii', 'ascii'],
  ['latin1', 'latin-1'],
  ['iso88591', 'latin-1'],
]);

const codecOf = (encoding: string): 'utf-8' | 'ascii' | 'latin-1' => {
  // The longest name that is known is far shorter.
  const codec = names.get(encoding.slice(0, 32).toLowerCase().replaceAll(/[-_ ]/g, ''));
  if (codec === undefined) throw new PythonError('LookupError', `unknown encoding: ${withheld}`);
  return codec;
};

/** An argument that names an encoding or a way to treat errors; absent, it has a default. */
const nameOf = (value: PyValue | undefined, byDefault: string): string => {
  if (value === undefined) return byDefault;
  if (typeof value !== 'string') throw typeError(`encoding and errors must be str, not ${typeName(value)}`);
  return value;
};

const encodeError = (codec: string, position: number, reason: string): PythonError =>
  new PythonError(
    'UnicodeEncodeError',
    `'${codec}' codec can't encode character ${withheld} in position ${position}: ${reason}`,
  );

const decodeError = (codec: string, position: number): PythonError =>
  new PythonError(
    'UnicodeDecodeError',
    `'${codec}' codec can't decode byte ${withheld} in position ${position}: invalid start byte`,
  );
