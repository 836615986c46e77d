import { describe, expect, it } from 'vitest';
import { answerScram } from '../../../shared/postgres/scram.ts';

describe('the SCRAM step', () => {
  // RFC 7677 section 3, but for the user name: PostgreSQL takes it from the start-up message and the driver sends `*`.
  const nonce = 'rOprNGfwEbeRWgbNEkqO';
  const serverFirst = `r=${nonce}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`;

  it('answers with the proof and expects the signature that follow from the exchange', async () => {
    const reply = await answerScram('pencil', nonce, serverFirst);
    expect(reply.response).toMatch(
      /^c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj\)hNlF\$k0,p=[A-Za-z0-9+/]{43}=$/,
    );
    expect(Buffer.from(reply.serverSignature, 'base64')).toHaveLength(32);
    expect((await answerScram('pencil ', nonce, serverFirst)).response).not.toBe(reply.response);
  });

  it.each([
    ['a nonce that does not begin with ours', serverFirst.replace('r=r', 'r=x')],
    ['a nonce that adds nothing', `r=${nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`],
    ['no salt', serverFirst.replace(/s=[^,]+/, 's=')],
    ['no iterations', serverFirst.replace(',i=4096', '')],
    ['iterations that would keep us busy for minutes', serverFirst.replace('4096', '2000000000')],
    ['nothing at all', ''],
  ])('refuses %s', async (_, message) => {
    await expect(answerScram('pencil', nonce, message)).rejects.toThrow(/^SCRAM/);
  });
});
