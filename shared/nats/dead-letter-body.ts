import { gunzipSync, gzipSync } from 'node:zlib';
import { deadLetterHeaders, type HeaderEntry } from '../message/dead-letter.ts';

export interface DeadLetterBody {
  readonly headers: readonly HeaderEntry[];
  readonly payload: Uint8Array;
}

/**
 * Makes room for the headers of a dead letter: a message that was just below the server's payload limit has none left,
 * and its bytes must not be lost. Messages are text, so gzip always frees enough.
 */
export const fitDeadLetter = (letter: DeadLetterBody, maxPayloadBytes: number): DeadLetterBody => {
  const headerBytes = letter.headers.reduce(
    (sum, [name, values]) =>
      sum + values.reduce((own, value) => own + name.length + Buffer.byteLength(value) * 3 + 4, 0),
    300,
  );
  if (letter.payload.byteLength + headerBytes <= maxPayloadBytes) return letter;
  return {
    headers: [...letter.headers, [deadLetterHeaders.encoding, ['gzip']]],
    payload: gzipSync(letter.payload, { level: 1 }),
  };
};

/** The original bytes of a dead letter. */
export const deadLetterPayload = (letter: DeadLetterBody): Uint8Array => {
  const encoded = letter.headers.some(
    ([name, values]) => name.toLowerCase() === deadLetterHeaders.encoding && values[0] === 'gzip',
  );
  return encoded ? gunzipSync(letter.payload) : letter.payload;
};
