/** Whether a code point belongs to the class; surrogates are code points of their own. */
export type CharacterClass = (codePoint: number) => boolean;

/** A class from its ranges (see `unicode-classes.ts` for the notation), decoded at first use. */
export const characterClass = (ranges: string): CharacterClass => {
  let bounds: Uint32Array | undefined;
  let low: Uint8Array | undefined;
  return (codePoint) => {
    bounds ??= decode(ranges);
    low ??= lowOf(bounds);
    return codePoint < low.length ? low[codePoint] === 1 : contains(bounds, codePoint);
  };
};

/** Latin letters, which most texts are made of, by their code points. */
const lowOf = (bounds: Uint32Array): Uint8Array =>
  Uint8Array.from({ length: 0x250 }, (_, codePoint) => (contains(bounds, codePoint) ? 1 : 0));

/** First and last code point of every range, one after the other. */
const decode = (ranges: string): Uint32Array => {
  const items = ranges.split(' ');
  const bounds = new Uint32Array(items.length * 2);
  let last = 0;
  for (const [index, item] of items.entries()) {
    const [distance = '', length = '0'] = item.split('+');
    const first = last + Number.parseInt(distance, 36);
    last = first + Number.parseInt(length, 36);
    bounds[index * 2] = first;
    bounds[index * 2 + 1] = last;
  }
  return bounds;
};

/** Bisects for the number of bounds below the code point: an odd one means inside a range. */
const contains = (bounds: Uint32Array, codePoint: number): boolean => {
  let low = 0;
  let high = bounds.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bounds[middle]! < codePoint) low = middle + 1;
    else high = middle;
  }
  return low % 2 === 1 || bounds[low] === codePoint;
};
