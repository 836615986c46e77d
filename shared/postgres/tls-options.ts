import { readFileSync } from 'node:fs';
import type { ConnectionOptions, SecureVersion } from 'node:tls';
import { RetryableError } from '../errors/sync-error.ts';
import type { TlsSettings } from './connection-target.ts';

/**
 * What Node's TLS needs for a connection: the files are read now, so that a renewed certificate is used from the next
 * connection on.
 *
 * @throws RetryableError `database_misconfigured` that names the parameter and the file.
 */
export const readTlsOptions = (tls: TlsSettings): ConnectionOptions => {
  if (tls.certificate !== undefined && tls.key === undefined) {
    throw new RetryableError('database_misconfigured', 'DATABASE_URL has sslcert, which needs sslkey beside it');
  }
  return {
    rejectUnauthorized: tls.mode === 'verify-ca' || tls.mode === 'verify-full',
    ...(tls.mode === 'verify-ca' && { checkServerIdentity: () => undefined }),
    ...(tls.rootCertificate === 'system' ? { ca: systemAuthorities() } : {}),
    ...(tls.rootCertificate !== undefined && tls.rootCertificate !== 'system'
      ? { ca: read('sslrootcert', tls.rootCertificate) }
      : {}),
    ...(tls.certificate !== undefined && tls.key !== undefined
      ? { cert: read('sslcert', tls.certificate), key: read('sslkey', tls.key) }
      : {}),
    ...(tls.passphrase === undefined ? {} : { passphrase: tls.passphrase }),
    ...(tls.revocations === undefined ? {} : { crl: read('sslcrl', tls.revocations) }),
    ...(tls.minVersion === undefined ? {} : { minVersion: tls.minVersion as SecureVersion }),
    ...(tls.maxVersion === undefined ? {} : { maxVersion: tls.maxVersion as SecureVersion }),
    ...(tls.isDirect ? { ALPNProtocols: ['postgresql'] } : {}),
  };
};

/** The machine's own, and those that Node.js brings (with NODE_EXTRA_CA_CERTS). */
const systemAuthorities = (): string[] => {
  const { getCACertificates } = process.getBuiltinModule('node:tls');
  return [...getCACertificates('system'), ...getCACertificates('default')];
};

const read = (parameter: string, file: string): Buffer => {
  try {
    return readFileSync(file);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const why = `DATABASE_URL has ${parameter}=${file}, which cannot be read (${code ?? 'unknown'})`;
    throw new RetryableError('database_misconfigured', why, { cause });
  }
};
