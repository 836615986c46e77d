import { TextDecoder } from 'node:util';

/**
 * Text of a file or a pipe, without its byte order mark.
 *
 * The encoding is the one that is named, else the one of the byte order mark. Without a mark, a zero in one of the
 * first two bytes means UTF-16: spreadsheets write "Unicode text" that way. Everything else is UTF-8.
 * @param encoding a label of the WHATWG encoding standard, such as `windows-1252`
 * @throws Error that names the encoding and what to do, if the bytes are not of it
 */
export async function* decodeText(
  source: AsyncIterable<Buffer | string>,
  encoding: string | undefined,
): AsyncGenerator<string> {
  let decoder: TextDecoder | undefined;
  let head: Buffer = Buffer.alloc(0);
  const decode = (bytes: Buffer, isLast: boolean): string => {
    decoder ??= decoderOf(encoding ?? encodingOf(head));
    try {
      return decoder.decode(bytes, { stream: !isLast });
    } catch (cause) {
      throw new Error(`it is not ${decoder.encoding} text; name its encoding, for example --encoding windows-1252`, {
        cause,
      });
    }
  };
  for await (const chunk of source) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    if (decoder !== undefined) {
      yield decode(bytes, false);
      continue;
    }
    head = Buffer.concat([head, bytes]);
    if (head.length >= longestMarkBytes) yield decode(head, false);
  }
  yield decode(decoder === undefined ? head : Buffer.alloc(0), true);
}

/** Whether the label is one that {@link decodeText} takes. */
export const isEncoding = (label: string): boolean => {
  try {
    return new TextDecoder(label).encoding !== '';
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
};

const longestMarkBytes = 4;

const decoderOf = (encoding: string): TextDecoder => {
  if (encoding.startsWith('utf-32')) throw new Error('it is UTF-32 text; save it as UTF-8');
  return new TextDecoder(encoding, { fatal: true });
};

/** Byte order marks, the longer ones first: UTF-32 LE begins as UTF-16 LE does. */
const marks: ReadonlyArray<readonly [bytes: readonly number[], encoding: string]> = [
  [[0xff, 0xfe, 0x00, 0x00], 'utf-32le'],
  [[0x00, 0x00, 0xfe, 0xff], 'utf-32be'],
  [[0xef, 0xbb, 0xbf], 'utf-8'],
  [[0xff, 0xfe], 'utf-16le'],
  [[0xfe, 0xff], 'utf-16be'],
];

const encodingOf = (head: Buffer): string => {
  const marked = marks.find(([mark]) => mark.every((byte, index) => head[index] === byte));
  if (marked !== undefined) return marked[1];
  if (head.length >= 2 && head[0] !== 0 && head[1] === 0) return 'utf-16le';
  if (head.length >= 2 && head[0] === 0 && head[1] !== 0) return 'utf-16be';
  return 'utf-8';
};
