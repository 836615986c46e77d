import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { serverEndPoint } from '../../../shared/postgres/channel-binding.ts';
import { answerScram, chooseScram, scramFirst } from '../../../shared/postgres/scram.ts';

/** One DER element whose length takes as many bytes as it needs. */
const der = (tag: number, ...parts: readonly Buffer[]): Buffer => {
  const content = Buffer.concat(parts);
  const length = content.length < 0x80 ? [content.length] : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
};
const objectId = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));
/** As much of a certificate as the hash depends on: the body, the algorithm and a signature. */
const certificateSignedWith = (algorithm: Buffer): Buffer =>
  der(0x30, der(0x30, Buffer.alloc(300)), der(0x30, algorithm), der(0x03, Buffer.alloc(65)));

describe('the hash that ties SCRAM to a server’s certificate', () => {
  const rsa = '2a864886f70d0101';
  it.each([
    ['md5WithRSAEncryption', objectId(`${rsa}04`), 'sha256'],
    ['sha1WithRSAEncryption', objectId(`${rsa}05`), 'sha256'],
    ['sha256WithRSAEncryption', objectId(`${rsa}0b`), 'sha256'],
    ['sha384WithRSAEncryption', objectId(`${rsa}0c`), 'sha384'],
    ['sha512WithRSAEncryption', objectId(`${rsa}0d`), 'sha512'],
    ['ecdsa-with-SHA1', objectId('2a8648ce3d0401'), 'sha256'],
    ['ecdsa-with-SHA256', objectId('2a8648ce3d040302'), 'sha256'],
    ['ecdsa-with-SHA384', objectId('2a8648ce3d040303'), 'sha384'],
    ['ecdsa-with-SHA512', objectId('2a8648ce3d040304'), 'sha512'],
    ['RSASSA-PSS with its default', Buffer.concat([objectId(`${rsa}0a`), der(0x30)]), 'sha256'],
    [
      'RSASSA-PSS with SHA-512',
      Buffer.concat([objectId(`${rsa}0a`), der(0x30, der(0xa0, der(0x30, objectId('608648016503040203'))))]),
      'sha512',
    ],
  ])('%s', (_, algorithm, hash) => {
    const certificate = certificateSignedWith(algorithm);
    expect(serverEndPoint(certificate)).toEqual(createHash(hash).update(certificate).digest());
  });

  it('is not defined for a signature without a hash of its own, nor for what is no certificate', () => {
    expect(serverEndPoint(certificateSignedWith(objectId('2b6570')))).toBeUndefined();
    for (const text of ['', '30', '3003020101', 'ff82ffff']) {
      expect(serverEndPoint(Buffer.from(text, 'hex'))).toBeUndefined();
    }
  });
});

describe('the mechanism of SCRAM', () => {
  const endPoint = Buffer.from('hash');
  const both = ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'];
  const plain = ['SCRAM-SHA-256'];
  it.each([
    [both, 'prefer', endPoint, 'SCRAM-SHA-256-PLUS', 'p=tls-server-end-point,,'],
    [both, 'require', endPoint, 'SCRAM-SHA-256-PLUS', 'p=tls-server-end-point,,'],
    [both, 'disable', endPoint, 'SCRAM-SHA-256', 'n,,'],
    [both, 'prefer', undefined, 'SCRAM-SHA-256', 'n,,'],
    // Tells a server that does offer it that somebody took its offer away.
    [plain, 'prefer', endPoint, 'SCRAM-SHA-256', 'y,,'],
    [plain, 'disable', endPoint, 'SCRAM-SHA-256', 'n,,'],
    [plain, 'prefer', undefined, 'SCRAM-SHA-256', 'n,,'],
  ] as const)('of %j with %s and %j is %s, %s', (offered, wanted, hash, mechanism, header) => {
    const binding = chooseScram(offered, wanted, hash);
    expect(binding).toMatchObject({ mechanism, header });
    expect(scramFirst(binding, 'nonce')).toBe(`${header}n=*,r=nonce`);
  });

  it.each([
    [plain, 'require', endPoint, /does not offer it/],
    [both, 'require', undefined, /has no hash to bind to/],
    [['OAUTHBEARER'], 'prefer', endPoint, /offers only OAUTHBEARER/],
  ] as const)('of %j with %s and %j is refused', (offered, wanted, hash, reason) => {
    expect(() => chooseScram(offered, wanted, hash)).toThrow(reason);
  });

  it('puts the binding into the answer', async () => {
    const binding = chooseScram(both, 'require', endPoint);
    const { response } = await answerScram('pencil', 'nonce', 'r=nonce2,s=c2FsdA==,i=4096', binding);
    const bound = Buffer.from('p=tls-server-end-point,,hash').toString('base64');
    expect(response.startsWith(`c=${bound},r=nonce2,p=`)).toBe(true);
  });
});
