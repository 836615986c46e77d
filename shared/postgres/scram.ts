import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

/** What ties the exchange to the connection under it (RFC 5802 section 6). */
export interface ScramBinding {
  readonly mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-256-PLUS';
  /** `n,,`: none. `y,,`: we could, and believe that the server cannot. Else the kind of binding. */
  readonly header: string;
  /** The bytes of the binding itself, after the header. */
  readonly data: Buffer;
}

export interface ScramReply {
  /** The client-final message. */
  readonly response: string;
  /** What the server must send back, base64: proof that it knows the password too. */
  readonly serverSignature: string;
}

/**
 * Chooses the mechanism: with channel binding if both sides can and nobody forbids it.
 *
 * @param mechanisms what the server offers
 * @param endPoint the hash of the server's certificate; undefined if the connection is not encrypted, or if it has none
 * @throws if binding is required and cannot be had, or if the server offers no SCRAM.
 */
export const chooseScram = (
  mechanisms: readonly string[],
  wanted: 'disable' | 'prefer' | 'require',
  endPoint: Buffer | undefined,
): ScramBinding => {
  const offersPlus = mechanisms.includes('SCRAM-SHA-256-PLUS');
  if (wanted !== 'disable' && offersPlus && endPoint !== undefined) {
    return { mechanism: 'SCRAM-SHA-256-PLUS', header: 'p=tls-server-end-point,,', data: endPoint };
  }
  if (wanted === 'require') {
    throw new Error(
      `SCRAM: channel_binding=require, but ${offersPlus ? 'the certificate of the server has no hash to bind to' : 'the server does not offer it'}`,
    );
  }
  if (!mechanisms.includes('SCRAM-SHA-256')) {
    throw new Error(`SCRAM: the server offers only ${mechanisms.join(', ')}`);
  }
  // `y` lets a server that does offer it find out that somebody between us took its offer away.
  const header = wanted === 'prefer' && endPoint !== undefined && !offersPlus ? 'y,,' : 'n,,';
  return { mechanism: 'SCRAM-SHA-256', header, data: Buffer.alloc(0) };
};

export const createScramNonce = (): string => randomBytes(18).toString('base64');

/** The client-first message. PostgreSQL takes the user from the start-up message. */
export const scramFirst = (binding: ScramBinding, clientNonce: string): string =>
  `${binding.header}n=*,r=${clientNonce}`;

/**
 * The client's second step of SCRAM-SHA-256 (RFC 5802, RFC 7677).
 *
 * @throws if the server's first message is malformed or does not continue our nonce.
 */
export const answerScram = async (
  password: string,
  clientNonce: string,
  serverFirst: string,
  binding: Pick<ScramBinding, 'header' | 'data'> = { header: 'n,,', data: Buffer.alloc(0) },
): Promise<ScramReply> => {
  const attributes = new Map(serverFirst.split(',').map((part) => [part.slice(0, 2), part.slice(2)]));
  const nonce = attributes.get('r=') ?? '';
  const salt = Buffer.from(attributes.get('s=') ?? '', 'base64');
  const iterations = Number(attributes.get('i='));
  if (!nonce.startsWith(clientNonce) || nonce.length === clientNonce.length) {
    throw new Error("SCRAM: the server's nonce does not continue ours");
  }
  if (salt.length === 0 || !Number.isInteger(iterations) || iterations < 1 || iterations > maxIterations) {
    throw new Error('SCRAM: malformed first message of the server');
  }
  const salted = await deriveKey(password.normalize('NFKC'), salt, iterations, 32, 'sha256');
  const clientKey = hmac(salted, 'Client Key');
  const bound = Buffer.concat([Buffer.from(binding.header), binding.data]).toString('base64');
  const withoutProof = `c=${bound},r=${nonce}`;
  const authMessage = `n=*,r=${clientNonce},${serverFirst},${withoutProof}`;
  const clientSignature = hmac(createHash('sha256').update(clientKey).digest(), authMessage);
  const proof = Buffer.from(clientKey.map((byte, index) => byte ^ (clientSignature[index] ?? 0)));
  return {
    response: `${withoutProof},p=${proof.toString('base64')}`,
    serverSignature: hmac(hmac(salted, 'Server Key'), authMessage).toString('base64'),
  };
};

const deriveKey = promisify(pbkdf2);

/** PostgreSQL's default is 4,096; a hostile server must not be able to occupy us for minutes. */
const maxIterations = 1_000_000;

const hmac = (key: Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest();
