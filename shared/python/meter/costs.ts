/** What one unit of an operation costs: steps of work (at most 250 ns each), and bytes of memory that it makes. */
export interface Cost {
  readonly steps: number;
  readonly bytes: number;
}

/**
 * The price list: every operation of the language is charged for what it touches and makes, before it does it, as
 * `run.meter.spend(operation, units)`. Visiting a node, an item of an iterator or a member of a comparison is one step,
 * whatever it is (`charge(1)`); products and quotients of integers have a formula of their own (`product`).
 */
export const costs = {
  /** A UTF-16 unit that a native operation passes: to compare, search, hash, test by a regular expression. */
  scan: { steps: 1 / 64, bytes: 0 },
  /** A UTF-16 unit of a text that is made. */
  text: { steps: 1 / 64, bytes: 2 },
  /** `bytes`, an exception, a view, a slice: an object, whatever it holds. */
  object: { steps: 2, bytes: 256 },
  /** A point in time as a text, a range as a key, an integer as bytes: several objects of the host. */
  conversion: { steps: 12, bytes: 256 },
  /** A byte that is made. */
  byte: { steps: 1 / 64, bytes: 1 },
  /** A byte that is read as a character of a text, or written back: both copies are made. */
  latin: { steps: 1 / 32, bytes: 3 },
  /** A code point that a loop of ours looks at. */
  walk: { steps: 1 / 4, bytes: 0 },
  /** A code point that is looked up in a table of classes or mapped. */
  classify: { steps: 1, bytes: 4 },
  /** A code point as a text of its own in a list. */
  spread: { steps: 1 / 4, bytes: 8 },
  /** A part that a text is cut into behind a place that was found, and charged, by a search. */
  cut: { steps: 0, bytes: 48 },
  /** A part that a text is cut into. */
  part: { steps: 1, bytes: 48 },
  /** An item of a list that is moved, copied or made. */
  item: { steps: 1 / 8, bytes: 16 },
  /** An item that is sorted, before the comparisons. */
  sorted: { steps: 1 / 2, bytes: 64 },
  /** A member of a set or an entry of a dictionary that is looked up among those of another. */
  lookup: { steps: 1 / 2, bytes: 0 },
  /** A member of a set or an entry of a dictionary that is made. */
  entry: { steps: 2, bytes: 112 },
  /** A list, tuple, set or dictionary that an expression writes out, or an iterator: what it takes besides its members. */
  container: { steps: 2, bytes: 0 },
  /** A container that is written out by `repr`: its members are charged too. */
  written: { steps: 4, bytes: 0 },
  /** A bit of an integer that is made. */
  bit: { steps: 1 / 2048, bytes: 1 / 8 },
  /** A call of a lambda, or a comprehension: its variables. */
  frame: { steps: 6, bytes: 512 },
  /** A name that is bound in one. */
  binding: { steps: 1, bytes: 48 },
  /** A digest that is begun, copied or read. */
  digest: { steps: 60, bytes: 512 },
  /** A byte that is digested. */
  digested: { steps: 1 / 16, bytes: 0 },
  /** A generator of random numbers that is seeded, apart from the words of the seed. */
  seeding: { steps: 500, bytes: 8_000 },
  /** A transcendental function, computed exactly. */
  exact: { steps: 100, bytes: 0 },
} as const satisfies Readonly<Record<string, Cost>>;

export type Operation = keyof typeof costs;
