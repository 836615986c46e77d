import { createHash, timingSafeEqual } from 'node:crypto';

/**
 * Whether a request carries the shared token (`Authorization: Bearer <token>`), compared in constant time.
 * Without a configured token every request passes: the network policy is then the only fence.
 */
export const hasToken = (headers: Readonly<Record<string, string>>, token: string | undefined): boolean => {
  if (token === undefined) return true;
  const given = /^Bearer (.+)$/i.exec(headers['authorization'] ?? '')?.[1] ?? '';
  return timingSafeEqual(digest(given), digest(token));
};

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
