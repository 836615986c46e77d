/** One message that was delivered and not settled, as it would be stored. */
export interface UnsettledRows {
  readonly id: string;
  /** One text per row: equal texts are equal rows. */
  readonly rows: readonly string[];
}

/** The last rows of a state. */
export interface LastRows {
  /** The position of the first of them. */
  readonly start: number;
  /** One text per row, in the order of the positions; null for a row that the ledger gives to a message already. */
  readonly rows: readonly (string | null)[];
}

/** What became of one message, as far as the rows tell. */
export type Match =
  | { readonly id: string; readonly found: 'stored'; readonly startIndex: number; readonly rowCount: number }
  | { readonly id: string; readonly found: 'not_stored' }
  | { readonly id: string; readonly found: 'ambiguous'; readonly reason: string };

/**
 * Which messages another writer has stored, by the last rows of their state. Pure.
 *
 * 1. A message is `stored` only if its rows stand there as one block, and no other message has a claim to any of them.
 * 2. The blocks of stored messages come in the order of the stream and fill the end of the state without a gap: what is
 *    unsettled was stored after what is settled, and nobody has written since.
 * 3. A message is `not_stored` if no block of its rows stands there.
 * 4. All others are `ambiguous`. So is a content that stands there more or fewer times than messages have it, because a
 *    settled message may have had it too.
 *
 * @param messages in the order of the stream
 */
export const matchStored = (messages: readonly UnsettledRows[], last: LastRows): readonly Match[] => {
  const index = indexRows(last.rows);
  const contents = new Map<string, Content>();
  const contentOf = messages.map(({ rows }): Content => {
    const key = JSON.stringify(rows);
    const known = contents.get(key);
    if (known !== undefined) {
      known.copies += 1;
      return known;
    }
    const content = { rows, copies: 1, ...blocksOf(rows, last.rows, index) };
    contents.set(key, content);
    return content;
  });
  const stored = fillTail(contentOf, last.rows.length);
  const claimed = claimedRows(contentOf, stored, last.rows.length);
  return messages.map(({ id }, at): Match => {
    const { rows, starts, blocks, copies } = contentOf[at]!;
    const start = stored.get(at);
    if (starts.size === 0) return { id, found: 'not_stored' };
    if (start !== undefined) {
      if (rows.every((_, offset) => !claimed[start + offset])) {
        return { id, found: 'stored', startIndex: last.start + start, rowCount: rows.length };
      }
      return { id, found: 'ambiguous', reason: 'its rows are there, and may be those of another message' };
    }
    const owners = copies === 1 ? 'one message has' : `${copies} messages have`;
    const reason =
      blocks === copies
        ? 'its rows are there, but not at the end of the state in the order of the stream'
        : `its rows are there ${blocks === 1 ? 'once' : `${blocks} times`}, and ${owners} them`;
    return { id, found: 'ambiguous', reason };
  });
};

/** Messages with the same rows. */
interface Content {
  readonly rows: readonly string[];
  copies: number;
  /** Every place where the rows stand. */
  readonly starts: ReadonlySet<number>;
  /** How many of the places do not overlap. */
  readonly blocks: number;
}

/** From the end: the last message whose block ends there, then the last one before it whose block ends where that begins. */
const fillTail = (contentOf: readonly Content[], length: number): ReadonlyMap<number, number> => {
  const stored = new Map<number, number>();
  let tail = length;
  for (let at = contentOf.length - 1; at >= 0; at -= 1) {
    const { rows, starts, blocks, copies } = contentOf[at]!;
    const start = tail - rows.length;
    if (blocks !== copies || !starts.has(start)) continue;
    stored.set(at, start);
    tail = start;
  }
  return stored;
};

/**
 * The rows that a message without a block of its own may have written. Who loses a block to such a message has a claim to
 * every place where its rows stand, and so on.
 */
const claimedRows = (
  contentOf: readonly Content[],
  stored: ReadonlyMap<number, number>,
  length: number,
): readonly boolean[] => {
  const claimed = Array.from({ length }, () => false);
  const claimers = new Set<Content>();
  const claim = (content: Content): void => {
    if (claimers.has(content)) return;
    claimers.add(content);
    for (const start of content.starts) claimed.fill(true, start, start + content.rows.length);
  };
  for (const [at, content] of contentOf.entries()) if (!stored.has(at)) claim(content);
  for (let known = -1; known < claimers.size;) {
    known = claimers.size;
    for (const [at, start] of stored) {
      const content = contentOf[at]!;
      if (content.rows.some((_, offset) => claimed[start + offset])) claim(content);
    }
  }
  return claimed;
};

const indexRows = (rows: LastRows['rows']): ReadonlyMap<string, readonly number[]> => {
  const index = new Map<string, number[]>();
  for (const [position, row] of rows.entries()) {
    if (row === null) continue;
    const positions = index.get(row);
    if (positions === undefined) index.set(row, [position]);
    else positions.push(position);
  }
  return index;
};

const blocksOf = (
  rows: readonly string[],
  stored: LastRows['rows'],
  index: ReadonlyMap<string, readonly number[]>,
): Pick<Content, 'starts' | 'blocks'> => {
  const starts = new Set<number>();
  let blocks = 0;
  let free = 0;
  for (const start of index.get(rows[0] ?? '') ?? []) {
    if (rows.some((row, offset) => stored[start + offset] !== row)) continue;
    starts.add(start);
    if (start < free) continue;
    blocks += 1;
    free = start + rows.length;
  }
  return { starts, blocks };
};
