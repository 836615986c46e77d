import type { ProcessorProperties } from '../../../shared/routing/processor-properties.ts';

/** The sizes of a replay: rows of a page (one partition) and of a message. */
export interface ReplaySizes {
  readonly pageRows: number;
  readonly messageRows: number;
}

/** Rows are held in memory message by message: a larger `maxBatchLimit` is cut to this. */
const maxMessageRows = 1_000;

export const replaySizes = (properties: Pick<ProcessorProperties, 'maxBatchSize' | 'maxBatchLimit'>): ReplaySizes => ({
  pageRows: properties.maxBatchSize,
  messageRows: Math.min(properties.maxBatchLimit, maxMessageRows),
});

export const pageStartOf = (offset: number, { pageRows }: ReplaySizes): number => offset - (offset % pageRows);

/**
 * Where a read that begins at `offset` ends, so that it has about `targetRows` rows: at the end of a page, or within a
 * page at the end of a message. So messages are cut at the same positions whatever the reads are.
 */
export const readEnd = (offset: number, sizes: ReplaySizes, targetRows: number, total: number): number => {
  const target = offset + targetRows;
  if (target >= total) return total;
  const lastPage = pageStartOf(target, sizes);
  if (lastPage > offset) return lastPage;
  const pageStart = pageStartOf(offset, sizes);
  const wholeMessages = Math.floor((target - pageStart) / sizes.messageRows);
  const begun = Math.floor((offset - pageStart) / sizes.messageRows);
  const end = pageStart + Math.max(wholeMessages, begun + 1) * sizes.messageRows;
  return Math.min(end, pageStart + sizes.pageRows, total);
};

/** Rows `[start, end)` of the state that belong to the same page and make one message. */
export interface MessageCut {
  readonly pageStart: number;
  readonly start: number;
  readonly end: number;
}

/** Cuts what was read into messages: each page by itself, from its start (reference.md F.3). */
export const messageCuts = (offset: number, end: number, sizes: ReplaySizes): readonly MessageCut[] => {
  const cuts: MessageCut[] = [];
  let start = offset;
  while (start < end) {
    const pageStart = pageStartOf(start, sizes);
    const inPage = start - pageStart;
    const messageEnd = pageStart + (Math.floor(inPage / sizes.messageRows) + 1) * sizes.messageRows;
    const cutEnd = Math.min(messageEnd, pageStart + sizes.pageRows, end);
    cuts.push({ pageStart, start, end: cutEnd });
    start = cutEnd;
  }
  return cuts;
};
