import { TerminalError } from '../errors/sync-error.ts';
import { pythonStr } from '../json/python-repr.ts';
import { Expansion } from './expansion.ts';
import type { KeyDefinition, Row } from './state-model.ts';
import { isAlphanumeric } from '../unicode/unicode-classes.ts';

const braces = /\{([^{}]+)\}/g;

/**
 * Replaces every `{name}` in one pass; unknown names stay as they are (reference.md D.3). Values that are texts are
 * brought to one line unless `keepNewLines` is set.
 */
export const fillTemplate = (
  template: string,
  row: Row,
  options: { readonly keepNewLines?: boolean; readonly expansion?: Expansion } = {},
): string => {
  const { keepNewLines = false, expansion = new Expansion() } = options;
  const texts = new Map<string, string>();
  const textOf = (name: string): string | undefined => {
    const known = texts.get(name);
    if (known !== undefined) return known;
    const value = isWord(name) ? row.get(name) : undefined;
    if (value === undefined) return undefined;
    const text = typeof value !== 'string' || keepNewLines ? pythonStr(value) : oneLine(value);
    texts.set(name, text);
    return text;
  };
  let length = template.length;
  return template.replace(braces, (match, name: string) => {
    const text = textOf(name);
    if (text === undefined) return match;
    // Before it is made: a long value that is named many times makes a text that no memory holds.
    length += text.length - match.length;
    expansion.admit(length);
    return text;
  });
};

/**
 * Fills the template columns in the order of their definitions; later ones see what earlier ones gave.
 * Throws `TerminalError`: `missing_template_column`, `invalid_template` (not a text), `expansion_too_large`.
 */
export const fillTemplates = (
  row: Row,
  definitions: readonly KeyDefinition[],
  expansion: Expansion = new Expansion(),
): Row => {
  if (definitions.length === 0) return row;
  const filled = new Map(row);
  for (const { name } of definitions) {
    const template = filled.get(name);
    if (template === undefined) {
      throw new TerminalError('missing_template_column', `the template column ${name} is not in the entry`);
    }
    if (typeof template !== 'string') {
      throw new TerminalError('invalid_template', `the template column ${name} does not hold a text`);
    }
    filled.set(name, fillTemplate(template, filled, { expansion }));
  }
  return filled;
};

const asciiWord = /^\w+$/;
const underscore = 0x5f;

/** Word characters are those of column names: categories L* and N* of Unicode 14.0, and `_`. */
const isWord = (name: string): boolean => {
  if (asciiWord.test(name)) return true;
  for (const character of name) {
    const codePoint = character.codePointAt(0)!;
    if (codePoint !== underscore && !isAlphanumeric(codePoint)) return false;
  }
  return true;
};

/** New lines inside a value, real ones and the two characters `\n`, become spaces. */
const oneLine = (text: string): string => text.replaceAll(String.raw`\n`, ' ').replaceAll('\n', ' ');
