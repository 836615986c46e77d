import { endOfString, isSpace, measureValue, type JsonMeasure } from '../json/measure-json.ts';

/** Where one event stands in a body, and where its data does within it. Ends are exclusive. */
export interface EventExtent {
  readonly start: number;
  readonly end: number;
  readonly data: DataExtent | undefined;
}

/** The value of `data`, or of `data_base64` with its quotes. */
export interface DataExtent {
  readonly start: number;
  readonly end: number;
  readonly isBase64: boolean;
  /** Of the value as it stands there. */
  readonly measure: JsonMeasure;
}

/** The extents of a batch's events in their order; undefined if the body is no JSON array that is closed. */
export const scanEvents = (bytes: Uint8Array): readonly EventExtent[] | undefined => {
  let position = skipSpace(bytes, 0);
  if (bytes[position] !== openBracket) return undefined;
  position = skipSpace(bytes, position + 1);
  const events: EventExtent[] = [];
  while (bytes[position] !== closeBracket || events.length > 0) {
    const event = scanEvent(bytes, position);
    events.push(event);
    position = skipSpace(bytes, event.end);
    if (bytes[position] !== comma) break;
    position += 1;
  }
  const isClosed = bytes[position] === closeBracket && skipSpace(bytes, position + 1) === bytes.length;
  return isClosed ? events : undefined;
};

/**
 * The extent of the event that begins at `from`. It finds ends and does not check: what is no JSON is found out when its text
 * is read. Of two `data` members the last one counts, as in a reader.
 */
export const scanEvent = (bytes: Uint8Array, from: number): EventExtent => {
  const start = skipSpace(bytes, from);
  if (bytes[start] !== openBrace) {
    const end = endOfValue(bytes, start);
    return { start, end: trimmedEnd(bytes, start, end), data: undefined };
  }
  let data: EventExtent['data'];
  let position = start + 1;
  while (position < bytes.length) {
    position = skipSpace(bytes, position);
    if (bytes[position] !== quote) break;
    const keyEnd = endOfString(bytes, position);
    const isData = isKey(bytes, position, keyEnd, 'data');
    const isBase64 = !isData && isKey(bytes, position, keyEnd, 'data_base64');
    position = skipSpace(bytes, keyEnd);
    if (bytes[position] !== colon) break;
    const valueStart = skipSpace(bytes, position + 1);
    if (isData || isBase64) {
      const { end, parent, measure } = measureValue(bytes, valueStart);
      data = { start: valueStart, end, isBase64, measure };
      position = parent;
    } else position = endOfValue(bytes, valueStart);
    if (bytes[position] !== comma) break;
    position += 1;
  }
  // Where the members end, the event does; whatever else stands before the next comma makes it unreadable.
  const close = bytes[position] === closeBrace ? position + 1 : position;
  return { start, end: trimmedEnd(bytes, start, endOfValue(bytes, close)), data };
};

const quote = 34;
const comma = 44;
const colon = 58;
const openBracket = 91;

const closeBracket = 93;
const openBrace = 123;
const closeBrace = 125;

const skipSpace = (bytes: Uint8Array, from: number): number => {
  let position = from;
  while (isSpace(bytes[position])) position += 1;
  return position;
};

/** The position behind the value that begins at `from`: at its parent's next comma or bracket, or at the end of the bytes. */
const endOfValue = (bytes: Uint8Array, from: number): number => {
  let depth = 0;
  let position = from;
  while (position < bytes.length) {
    const byte = bytes[position]!;
    if (byte === quote) {
      position = endOfString(bytes, position);
      continue;
    }
    if (byte === openBrace || byte === openBracket) depth += 1;
    else if (byte === closeBrace || byte === closeBracket) {
      if (depth === 0) return position;
      depth -= 1;
    } else if (byte === comma && depth === 0) return position;
    position += 1;
  }
  return position;
};

const isKey = (bytes: Uint8Array, start: number, end: number, key: string): boolean => {
  if (end - start !== key.length + 2) return false;
  for (let index = 0; index < key.length; index += 1) {
    if (bytes[start + 1 + index] !== key.charCodeAt(index)) return false;
  }
  return true;
};

const trimmedEnd = (bytes: Uint8Array, start: number, end: number): number => {
  let position = end;
  while (position > start && isSpace(bytes[position - 1])) position -= 1;
  return position;
};
