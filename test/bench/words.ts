/** Frequent words of the texts that language models write; trigram indexes cost several times more on random characters. */
const words =
  `the of and to in that is for with as was on are by this be from at or which not have has an it its more their can
will one all other we our they new also may into such been than these when time most only some use what between system data model
results research based using first each through two about however there where how while during many different number example
process information important development analysis high level provide used study method work state well value both case
question answer customer service product price order market company report review summary language text sentence meaning
context response request message server network database query index table column record update change feature design test
quality performance measure average increase decrease growth energy climate water health patient treatment therapy risk
history culture city country government policy law public private education student teacher school university science
physics chemistry biology theory evidence experiment observation conclusion argument reason effect cause relation structure
function variable parameter algorithm complexity learning training inference attention memory knowledge expert agent planning
clearly generally usually often rarely perhaps therefore moreover although because since until unless whether either neither
simple complex significant relevant accurate efficient robust reliable available possible necessary sufficient general specific`
    .split(/\s+/)
    .filter((word) => word !== '');

/** A small seeded generator (mulberry32): every run measures the same texts. */
export const createRandom = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

/** A text of natural words with `minBytes` to `maxBytes` ASCII characters. */
const naturalText = (random: () => number, minBytes: number, maxBytes: number): string => {
  const length = minBytes + Math.floor(random() * (maxBytes - minBytes + 1));
  let text = words[Math.floor(random() * words.length)]!;
  while (text.length < length) {
    text += random() < 0.1 ? ', ' : ' ';
    text += words[Math.floor(random() * words.length)]!;
  }
  return text.slice(0, length);
};

/** Sizes of one cell, in bytes. */
export interface CellSize {
  readonly minBytes: number;
  readonly maxBytes: number;
}

export const usualCell: CellSize = { minBytes: 20, maxBytes: 200 };

/** `count` rows of `columns` texts each. */
export const naturalRows = (
  count: number,
  columns: number,
  seed: number,
  size: CellSize = usualCell,
): readonly (readonly string[])[] => {
  const random = createRandom(seed);
  return Array.from({ length: count }, () =>
    Array.from({ length: columns }, () => naturalText(random, size.minBytes, size.maxBytes)),
  );
};
