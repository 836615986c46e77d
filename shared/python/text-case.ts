const cased = /^[\p{Lowercase}\p{Uppercase}\p{Lt}]$/u;
const ignorable = /^\p{Case_Ignorable}$/u;
const lowercase = /^\p{Lowercase}$/u;
const uppercase = /^\p{Uppercase}$/u;
const titlecase = /^\p{Lt}$/u;

/** Whether a code point has a case. */
export const isCased = (character: string): boolean => cased.test(character);
export const isLower = (character: string): boolean => lowercase.test(character);
export const isUpper = (character: string): boolean => uppercase.test(character);
export const isTitle = (character: string): boolean => titlecase.test(character);

/* Letters that are written as two: their title form is the one in the middle. */
const digraphs: ReadonlyMap<string, string> = new Map(
  ['Ǆǅǆ', 'Ǉǈǉ', 'Ǌǋǌ', 'Ǳǲǳ'].flatMap((forms) => {
    const [upper, title, lower] = Array.from(forms) as [string, string, string];
    return [upper, title, lower].map((form): [string, string] => [form, title]);
  }),
);

/** The code point as the first letter of a word. */
export const toTitle = (character: string): string => {
  const digraph = digraphs.get(character);
  if (digraph !== undefined) return digraph;
  if (character < '\u0080') return character.toUpperCase();
  const point = character.codePointAt(0)!;
  // Georgian letters have capitals for whole words only.
  if ((point >= 0x10d0 && point <= 0x10ff) || titlecase.test(character)) return character;
  // Greek with a subscript iota: one title letter, the upper form writes the iota out.
  if (point >= 0x1f80 && point <= 0x1faf) return String.fromCodePoint(point | 8);
  if (point === 0x1fb3 || point === 0x1fc3 || point === 0x1ff3) return String.fromCodePoint(point + 9);
  if (point === 0x149) return '\u02bcN';
  const [first = '', ...rest] = Array.from(character.toUpperCase());
  return rest.length === 0 ? first : first + rest.join('').toLowerCase().replace('ι', '\u0345');
};

/** Lower case of the code point at an index: a sigma that ends a word has a form of its own. */
export const lowerAt = (characters: readonly string[], index: number): string => {
  const character = characters[index]!;
  if (character !== 'Σ') return character.toLowerCase();
  let before = index - 1;
  while (before >= 0 && ignorable.test(characters[before]!)) before -= 1;
  let after = index + 1;
  while (after < characters.length && ignorable.test(characters[after]!)) after += 1;
  const ends =
    before >= 0 && isCased(characters[before]!) && !(after < characters.length && isCased(characters[after]!));
  return ends ? 'ς' : 'σ';
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
      isUpper(character) ? lowerAt(characters, index) : isLower(character) ? character.toUpperCase() : character,
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
      if ((point >= 0x13f8 && point <= 0x13fd) || (point >= 0xab70 && point <= 0xabbf)) return character.toUpperCase();
      return Array.from(character.toLowerCase().toUpperCase(), (each) => each.toLowerCase()).join('');
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
