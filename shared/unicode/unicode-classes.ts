import { type CharacterClass, characterClass } from './character-class.ts';
import * as tables from './unicode-tables.ts';

/*
 * Character classes of Unicode 14.0, which the reference's interpreter has: Node's own tables are newer, and a letter
 * that they have added since would give another column name or key. How the tables are made: .config/generate-unicode.ts.
 */

/** Python's `isalpha` of one code point. */
export const isAlphabetic: CharacterClass = characterClass(tables.alphabeticRanges);

/** Python's `isalnum`. */
export const isAlphanumeric: CharacterClass = characterClass(tables.alphanumericRanges);

/** Python's `isdecimal`. */
export const isDecimal: CharacterClass = characterClass(tables.decimalRanges);

/** Python's `isdigit`: decimals, superscripts, circled digits and the like. */
export const isDigit: CharacterClass = characterClass(tables.digitRanges);

/** Python's `isnumeric`: digits, fractions, ideographs that count. */
export const isNumeric: CharacterClass = characterClass(tables.numericRanges);

/** Python's `isspace`. */
export const isWhitespace: CharacterClass = characterClass(tables.whitespaceRanges);

/** What Python's `repr` escapes: the opposite of `isprintable`. */
export const isUnprintable: CharacterClass = characterClass(tables.unprintableRanges);

/** Python's `islower`. */
export const isLowercase: CharacterClass = characterClass(tables.lowercaseRanges);

/** Python's `isupper`. */
export const isUppercase: CharacterClass = characterClass(tables.uppercaseRanges);

/** Letters like `ǅ`, which begin with a capital and go on small. */
export const isTitlecase: CharacterClass = characterClass(tables.titlecaseRanges);

/** What a word's end is looked for behind, when a sigma is put in lower case. */
export const isCaseIgnorable: CharacterClass = characterClass(tables.caseIgnorableRanges);

/** What `lower` changes. */
export const changesToLower: CharacterClass = characterClass(tables.changesToLowerRanges);

/** What `upper` changes. */
export const changesToUpper: CharacterClass = characterClass(tables.changesToUpperRanges);
