import { createHmac, timingSafeEqual } from 'node:crypto';

/** What a signature is for: one that was made for something else does not count. */
export type SignedPurpose = 'replay' | 'replicas';

/**
 * HMAC-SHA256 with the shared token over the parts, each with its length, so that no two lists of parts look alike.
 * @returns base64url
 */
export const signatureOf = (token: string, purpose: SignedPurpose, parts: readonly (string | Uint8Array)[]): string => {
  const hmac = createHmac('sha256', token);
  for (const part of [purpose, ...parts]) {
    const bytes = typeof part === 'string' ? Buffer.from(part) : part;
    hmac.update(`${bytes.byteLength}:`).update(bytes);
  }
  return hmac.digest('base64url');
};

/** Whether the signature is that of the parts, compared in constant time. */
export const isSignatureOf = (
  signature: string,
  token: string,
  purpose: SignedPurpose,
  parts: readonly (string | Uint8Array)[],
): boolean => {
  const expected = Buffer.from(signatureOf(token, purpose, parts));
  const given = Buffer.from(signature);
  return given.byteLength === expected.byteLength && timingSafeEqual(given, expected);
};
