import { createHash, randomUUID } from 'node:crypto';

interface Signer {
  getPublicKey(): string;
  sign(bytes: Uint8Array): Uint8Array;
}

/** The three JWTs of a server with an operator: of itself, of one account with JetStream, and of one user of it. */
export const userJwt = ({
  operator,
  account,
  user,
  isSystem = false,
}: {
  readonly operator: Signer;
  readonly account: Signer;
  readonly user: string;
  /** The system account may have no JetStream. */
  readonly isSystem?: boolean;
}): { readonly operator: string; readonly account: string; readonly user: string } => {
  const unlimited = { subs: -1, data: -1, payload: -1 };
  const limits = { ...unlimited, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
  const storage = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };
  const permissions = { pub: {}, sub: {} };
  return {
    operator: encode(operator, operator.getPublicKey(), { type: 'operator', version: 2 }),
    account: encode(operator, account.getPublicKey(), {
      type: 'account',
      version: 2,
      limits: { ...limits, ...(isSystem ? {} : storage) },
      default_permissions: permissions,
    }),
    user: encode(account, user, { type: 'user', version: 2, ...unlimited, ...permissions }),
  };
};

const base64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

const encode = (signer: Signer, subject: string, nats: object): string => {
  const claims = { jti: '', iat: 1_700_000_000, iss: signer.getPublicKey(), name: randomUUID(), sub: subject, nats };
  const jti = createHash('sha256').update(JSON.stringify(claims)).digest('hex');
  const body = `${base64({ typ: 'JWT', alg: 'ed25519-nkey' })}.${base64({ ...claims, jti })}`;
  return `${body}.${Buffer.from(signer.sign(Buffer.from(body))).toString('base64url')}`;
};
