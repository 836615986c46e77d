import type { Run } from '../object.ts';

/** What `ascii()` and `!a` write: everything beyond ASCII as an escape. */
export const escapeAscii = (run: Run, text: string): string => {
  run.meter.scan(text.length);
  // oxlint-disable-next-line no-control-regex
  if (/^[\0-\x7f]*$/.test(text)) return text;
  run.meter.spend('classify', text.length);
  const escaped = text.replaceAll(/[^\0-\x7f]/gu, escapeCharacter);
  run.meter.text(escaped.length);
  return escaped;
};

const escapeCharacter = (character: string): string => {
  const point = character.codePointAt(0)!;
  if (point < 0x100) return `\\x${point.toString(16).padStart(2, '0')}`;
  return point < 0x10000 ? `\\u${point.toString(16).padStart(4, '0')}` : `\\U${point.toString(16).padStart(8, '0')}`;
};
