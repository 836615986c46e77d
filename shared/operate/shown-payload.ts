/** A payload for people. */
export interface ShownPayload {
  readonly payload: string;
  readonly payloadEncoding: 'utf8' | 'base64';
  readonly payloadIsCut: boolean;
}

/** What is shown of a payload. */
const maxShownBytes = 262_144;

/** Text if the bytes are UTF-8, else base64; cut at what a page can show. */
export const shownPayload = (payload: Uint8Array): ShownPayload => {
  const payloadIsCut = payload.byteLength > maxShownBytes;
  const bytes = payloadIsCut ? payload.subarray(0, maxShownBytes) : payload;
  try {
    // A cut may split a character: as part of a stream its first bytes are no fault.
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: payloadIsCut });
    return { payload: text, payloadEncoding: 'utf8', payloadIsCut };
  } catch {
    return { payload: Buffer.from(bytes).toString('base64'), payloadEncoding: 'base64', payloadIsCut };
  }
};
