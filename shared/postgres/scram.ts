import { createHash, createHmac, pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';

const deriveKey = promisify(pbkdf2);

/** PostgreSQL's default is 4,096; a hostile server must not be able to occupy us for minutes. */
const maxIterations = 1_000_000;

export interface ScramReply {
  /** The client-final message. */
  readonly response: string;
  /** What the server must send back, base64: proof that it knows the password too. */
  readonly serverSignature: string;
}

/**
 * The client's second step of SCRAM-SHA-256 (RFC 5802, RFC 7677) without channel binding.
 *
 * @throws where the server's first message is malformed or does not continue our nonce.
 */
export const answerScram = async (password: string, clientNonce: string, serverFirst: string): Promise<ScramReply> => {
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
  const withoutProof = `c=biws,r=${nonce}`;
  const authMessage = `n=*,r=${clientNonce},${serverFirst},${withoutProof}`;
  const clientSignature = hmac(createHash('sha256').update(clientKey).digest(), authMessage);
  const proof = Buffer.from(clientKey.map((byte, index) => byte ^ (clientSignature[index] ?? 0)));
  return {
    response: `${withoutProof},p=${proof.toString('base64')}`,
    serverSignature: hmac(hmac(salted, 'Server Key'), authMessage).toString('base64'),
  };
};

const hmac = (key: Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest();
