/** What a JSON text holds, counted before anything is made of it. */
export interface JsonMeasure {
  /** Objects and lists. */
  readonly containers: number;
  /** Members of all objects, repeated ones each time. */
  readonly members: number;
  /** Items of lists and members, but for the first of each container. */
  readonly commas: number;
  readonly bytes: number;
}

/**
 * Counts without reading: what is no JSON is found out when its text is read.
 * @param start of the value, inclusive; `end` exclusive
 */
export const measureJson = (bytes: Uint8Array, start = 0, end = bytes.length): JsonMeasure => {
  let containers = 0;
  let members = 0;
  let commas = 0;
  let position = start;
  while (position < end) {
    const byte = bytes[position]!;
    if (byte === quote) position = endOfString(bytes, position) - 1;
    else if (byte === comma) commas += 1;
    else if (byte === colon) members += 1;
    else if (byte === openBrace || byte === openBracket) containers += 1;
    position += 1;
  }
  return { containers, members, commas, bytes: end - start };
};

/** A value with its measure: white space behind it is not its own. */
export interface MeasuredValue {
  /** Exclusive. */
  readonly end: number;
  /** Where its parent goes on: at a comma or a bracket, or at the end of the bytes. */
  readonly parent: number;
  readonly measure: JsonMeasure;
}

/** The same for a value whose end is not known: one walk finds it and counts. */
export const measureValue = (bytes: Uint8Array, start: number): MeasuredValue => {
  let containers = 0;
  let members = 0;
  let commas = 0;
  let depth = 0;
  let position = start;
  while (position < bytes.length) {
    const byte = bytes[position]!;
    if (byte === quote) {
      position = endOfString(bytes, position);
      continue;
    }
    if (byte === openBrace || byte === openBracket) {
      containers += 1;
      depth += 1;
    } else if (byte === closeBrace || byte === closeBracket) {
      if (depth === 0) break;
      depth -= 1;
    } else if (byte === comma) {
      if (depth === 0) break;
      commas += 1;
    } else if (byte === colon) members += 1;
    position += 1;
  }
  let end = position;
  while (end > start && isSpace(bytes[end - 1])) end -= 1;
  return { end, parent: position, measure: { containers, members, commas, bytes: end - start } };
};

/** The position behind the string that begins at `from`; the length of the bytes if it does not end. */
export const endOfString = (bytes: Uint8Array, from: number): number => {
  let position = from + 1;
  const near = position + longString;
  while (position < bytes.length) {
    const byte = bytes[position]!;
    if (byte === quote) return position + 1;
    position += byte === backslash ? 2 : 1;
    if (position > near) return endOfLongString(bytes, position);
  }
  return bytes.length;
};

/** White space as JSON knows it. */
export const isSpace = (byte: number | undefined): boolean =>
  byte === space || byte === lineFeed || byte === carriageReturn || byte === tab;

/** What the text takes when it is read, at most, beside itself. */
export const readBytes = ({ containers, members, commas, bytes }: JsonMeasure): number =>
  containers * containerBytes + members * memberBytes + commas * itemBytes + bytes;

/* What a value takes once it is read, at most: an object that is a Map, a member with a key of its own, a number or a place. */
const containerBytes = 320;
const memberBytes = 64;
const itemBytes = 16;

/** From here on a search by the engine is quicker than a loop. */
const longString = 24;

const endOfLongString = (bytes: Uint8Array, from: number): number => {
  let position = from;
  for (;;) {
    const end = bytes.indexOf(quote, position);
    if (end < 0) return bytes.length;
    let backslashes = 0;
    while (end - 1 - backslashes >= position && bytes[end - 1 - backslashes] === backslash) backslashes += 1;
    if (backslashes % 2 === 0) return end + 1;
    position = end + 1;
  }
};

const tab = 9;
const lineFeed = 10;
const carriageReturn = 13;
const space = 32;
const quote = 34;
const comma = 44;
const colon = 58;
const openBracket = 91;
const backslash = 92;
const closeBracket = 93;
const openBrace = 123;
const closeBrace = 125;
