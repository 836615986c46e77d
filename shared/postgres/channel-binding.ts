import { createHash } from 'node:crypto';

/**
 * The hash of a server's certificate that ties a SCRAM exchange to the TLS connection under it (`tls-server-end-point`,
 * RFC 5929 section 4.1): by the hash function of the certificate's own signature, SHA-256 in place of MD5 and SHA-1.
 *
 * @param certificate in DER
 * @returns undefined if the signature has no such function (Ed25519): the RFC leaves that open.
 */
export const serverEndPoint = (certificate: Buffer): Buffer | undefined => {
  const hash = signatureHash(certificate);
  return hash === undefined ? undefined : createHash(hash).update(certificate).digest();
};

const rsaPss = '2a864886f70d01010a';

/** Object identifiers in DER, as hexadecimal digits, of signatures with a hash of their own. */
const hashOfSignature: Readonly<Record<string, string>> = {
  '2a864886f70d010104': 'sha256', // md5WithRSAEncryption
  '2a864886f70d010105': 'sha256', // sha1WithRSAEncryption
  '2a864886f70d01010b': 'sha256',
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  '2a864886f70d01010e': 'sha224',
  '2a8648ce3d0401': 'sha256', // ecdsa-with-SHA1
  '2a8648ce3d040301': 'sha224',
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
};

/** As a parameter of RSASSA-PSS; absent there means SHA-1. */
const hashes: Readonly<Record<string, string>> = {
  '608648016503040201': 'sha256',
  '608648016503040202': 'sha384',
  '608648016503040203': 'sha512',
  '608648016503040204': 'sha224',
};

/** Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { OID, parameters }, signature }. */
const signatureHash = (certificate: Buffer): string | undefined => {
  const body = readElement(readElement(certificate)?.content ?? Buffer.alloc(0));
  const algorithm = readElement(body?.rest ?? Buffer.alloc(0))?.content;
  const identifier = algorithm === undefined ? undefined : readElement(algorithm);
  if (identifier === undefined) return undefined;
  const name = identifier.content.toString('hex');
  if (name !== rsaPss) return hashOfSignature[name];
  const parameters = identifier.rest.toString('hex');
  return Object.entries(hashes).find(([hash]) => parameters.includes(`0609${hash}`))?.[1] ?? 'sha256';
};

interface Element {
  readonly tag: number;
  readonly content: Buffer;
  readonly rest: Buffer;
}

/** The first DER element of a text. */
const readElement = (der: Buffer): Element | undefined => {
  const tag = der[0];
  const first = der[1];
  if (tag === undefined || first === undefined) return undefined;
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  if (lengthBytes > 4 || der.length < 2 + lengthBytes) return undefined;
  const length = lengthBytes === 0 ? first : der.readUIntBE(2, lengthBytes);
  const start = 2 + lengthBytes;
  if (der.length < start + length) return undefined;
  return { tag, content: der.subarray(start, start + length), rest: der.subarray(start + length) };
};
