import { TerminalError } from '../errors/sync-error.ts';

/**
 * What a message may need beside its id for headers: trace context, whose `tracestate` and `baggage` are the long
 * ones.
 */
const headerReserveBytes = 2_048;

/**
 * The bytes that a payload may have, so that it fits the server's limit together with its headers. The headers are the
 * id and a reserve of 2 KiB, or of a quarter of the limit if that is less.
 */
export const payloadRoomBytes = (maxPayloadBytes: number, longestIdCharacters: number): number =>
  maxPayloadBytes - Math.min(headerReserveBytes, Math.floor(maxPayloadBytes / 4)) - longestIdCharacters * 3;

/** Texts from `start` to before `end` that go into one message. */
export interface Part {
  readonly start: number;
  readonly end: number;
}

/**
 * What tells a part from the others in its message's id: its first and last row. A number of the part would be another
 * part's number where the rows are packed in another way the next time.
 */
export const rangeOf = ({ start, end }: Part): string => (end === start ? 'none' : `${start}-${end - 1}`);

/** The longest {@link rangeOf}: two positions. */
export const maxRangeCharacters = 35;

/** What Python's `json.dumps` puts between the items of a list. */
export const itemSeparator = ', ';

/**
 * Cuts a list of ASCII texts of these lengths, joined by {@link itemSeparator}, into parts that stay within `roomBytes` together with
 * `frameBytes` of envelope, each with at most `maxItems` texts. No texts give no part. A text that does not fit alone
 * is a TerminalError `forward_too_large` (reference.md G-47).
 */
export const packTexts = (
  lengths: readonly number[],
  frameBytes: number,
  roomBytes: number,
  maxItems: number,
): readonly Part[] => {
  const parts: Part[] = [];
  let start = 0;
  let bytes = frameBytes;
  for (let index = 0; index < lengths.length; index += 1) {
    const length = lengths[index]!;
    if (frameBytes + length > roomBytes) {
      throw new TerminalError(
        'forward_too_large',
        `row ${index} needs a message of ${frameBytes + length} bytes, the limit is ${roomBytes}`,
      );
    }
    const added = index === start ? length : itemSeparator.length + length;
    if (index > start && (bytes + added > roomBytes || index - start >= maxItems)) {
      parts.push({ start, end: index });
      start = index;
      bytes = frameBytes + length;
    } else {
      bytes += added;
    }
  }
  if (start < lengths.length) parts.push({ start, end: lengths.length });
  return parts;
};

export const lengthsOf = (texts: readonly string[]): readonly number[] => texts.map(({ length }) => length);

/** The bytes of all messages that the parts make. */
export const packedBytes = (parts: readonly Part[], lengths: readonly number[], frameBytes: number): number =>
  parts.length * frameBytes + lengths.reduce((sum, length) => sum + length + itemSeparator.length, 0);
