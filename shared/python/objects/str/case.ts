import {
  changesToLower,
  changesToUpper,
  isCaseIgnorable,
  isLowercase,
  isTitlecase,
  isUppercase,
} from '../../../unicode/unicode-classes.ts';

export const isLower = (character: string): boolean => isLowercase(character.codePointAt(0)!);
export const isUpper = (character: string): boolean => isUppercase(character.codePointAt(0)!);
export const isTitle = (character: string): boolean => isTitlecase(character.codePointAt(0)!);

/* Up to here the engine's mappings are those of Unicode 14.0; beyond, letters may have got a case since. */
// oxlint-disable-next-line no-control-regex
const settled = /^[\0-\u017f]*$/;

/** Whether case is the engine's business alone. */
export const isSettled = (text: string): boolean => settled.test(text);

/** Python's `upper`. */
export const upperText = (text: string): string =>
  settled.test(text) ? text.toUpperCase() : Array.from(text, upper).join('');

/** Python's `lower`. */
export const lowerText = (text: string): string => {
  if (settled.test(text)) return text.toLowerCase();
  const characters = Array.from(text);
  return characters.map((_, index) => lowerAt(characters, index)).join('');
};

/** Python's `title`: every run of cased letters begins with a title letter. */
export const titleText = (characters: readonly string[]): string => {
  let inWord = false;
  return characters
    .map((character, index) => {
      const form = inWord ? lowerAt(characters, index) : toTitle(character);
      inWord = isCased(character);
      return form;
    })
    .join('');
};

/** Python's `capitalize`. */
export const capitalizeText = (characters: readonly string[]): string =>
  characters.map((character, index) => (index === 0 ? toTitle(character) : lowerAt(characters, index))).join('');

/** Python's `swapcase`. */
export const swapcaseText = (characters: readonly string[]): string =>
  characters
    .map((character, index) =>
      isUpper(character) ? lowerAt(characters, index) : isLower(character) ? upper(character) : character,
    )
    .join('');

/** Python's `casefold`. */
export const casefoldText = (characters: readonly string[]): string =>
  characters
    .map((character) => {
      if (character < '\u0080') return character.toLowerCase();
      const point = character.codePointAt(0)!;
      if (point === 0x131) return character;
      if (point >= 0x13a0 && point <= 0x13f5) return character;
      if ((point >= 0x13f8 && point <= 0x13fd) || (point >= 0xab70 && point <= 0xabbf)) return upper(character);
      return Array.from(upperText(lower(character)), lower).join('');
    })
    .join('');

/** Python's `istitle`. */
export const isTitleText = (characters: readonly string[]): boolean => {
  let inWord = false;
  let any = false;
  for (const character of characters) {
    if (isUpper(character) || isTitle(character)) {
      if (inWord) return false;
      inWord = any = true;
    } else if (isLower(character)) {
      if (!inWord) return false;
      any = true;
    } else inWord = false;
  }
  return any;
};

const upper = (character: string): string =>
  changesToUpper(character.codePointAt(0)!) ? character.toUpperCase() : character;

/** Lower case of the code point at an index: a sigma that ends a word has a form of its own. */
const lowerAt = (characters: readonly string[], index: number): string => {
  const character = characters[index]!;
  if (character !== 'Σ') return lower(character);
  let before = index - 1;
  while (before >= 0 && isCaseIgnorable(characters[before]!.codePointAt(0)!)) before -= 1;
  let after = index + 1;
  while (after < characters.length && isCaseIgnorable(characters[after]!.codePointAt(0)!)) after += 1;
  const ends =
    before >= 0 && isCased(characters[before]!) && !(after < characters.length && isCased(characters[after]!));
  return ends ? 'ς' : 'σ';
};

const lower = (character: string): string =>
  changesToLower(character.codePointAt(0)!) ? character.toLowerCase() : character;

/** Whether a code point has a case. */
const isCased = (character: string): boolean => isLower(character) || isUpper(character) || isTitle(character);

/* Letters that are written as two: their title form is the one in the middle. */
const digraphs: ReadonlyMap<string, string> = new Map(
  ['Ǆǅǆ', 'Ǉǈǉ', 'Ǌǋǌ', 'Ǳǲǳ'].flatMap((forms) => {
    const [upper, title, lower] = Array.from(forms) as [string, string, string];
    return [upper, title, lower].map((form): [string, string] => [form, title]);
  }),
);

/** The code point as the first letter of a word. */
const toTitle = (character: string): string => {
  const digraph = digraphs.get(character);
  if (digraph !== undefined) return digraph;
  if (character < '\u0080') return character.toUpperCase();
  const point = character.codePointAt(0)!;
  // Georgian letters have capitals for whole words only.
  if ((point >= 0x10d0 && point <= 0x10ff) || isTitle(character)) return character;
  // Greek with a subscript iota: one title letter, the upper form writes the iota out.
  if (point >= 0x1f80 && point <= 0x1faf) return String.fromCodePoint(point | 8);
  if (point === 0x1fb3 || point === 0x1fc3 || point === 0x1ff3) return String.fromCodePoint(point + 9);
  if (point === 0x149) return '\u02bcN';
  const [first = '', ...rest] = Array.from(upper(character));
  return rest.length === 0 ? first : first + rest.join('').toLowerCase().replace('ι', '\u0345');
};
