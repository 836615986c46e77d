import { createHash } from 'node:crypto';
import { isPublishSubject, isSubjectToken } from './subject-token.ts';

/** The server's protocol line is 4,096 bytes for everything; a connection that sends a longer one is closed. */
const maxPartitionBytes = 512;

const utf8 = new TextEncoder();

/**
 * A partition as the tail of a subject. What can be published stays byte for byte, dots included. Otherwise the
 * offending characters are percent-encoded as UTF-8, an empty token becomes `%`, and what is too long becomes its
 * SHA-256. The reference publishes partitions as they are, and loses these messages (reference.md G-23).
 */
export const partitionToken = (partition: string): string => {
  const token = isPublishSubject(partition) ? partition : partition.split('.').map(encodedToken).join('.');
  if (token.length <= maxPartitionBytes && utf8.encode(token).length <= maxPartitionBytes) return token;
  return `sha256-${createHash('sha256').update(partition).digest('hex')}`;
};

const encodedToken = (token: string): string => {
  if (isSubjectToken(token)) return token;
  if (token === '') return '%';
  if (token === '*' || token === '>') return percentEncoded(token);
  // oxlint-disable-next-line no-control-regex
  return token.replaceAll(/[\u0000-\u0020\u007f\p{Cs}]/gu, percentEncoded);
};

const percentEncoded = (text: string): string => {
  let encoded = '';
  for (const byte of utf8.encode(text)) encoded += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  return encoded;
};
