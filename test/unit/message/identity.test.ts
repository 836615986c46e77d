import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contentHash, identityReuse } from '../../../shared/message/content-hash.ts';
import { boundedIdentity, deliveryIdentity } from '../../../shared/message/delivery-identity.ts';
import { buildDeadLetterHeaders, parseDeadLetterHeaders } from '../../../shared/message/dead-letter.ts';
import { replayHeaders, standsFor } from '../../../shared/message/replay.ts';
import { buildHeaders, headerEntries } from '../../../shared/nats/headers.ts';
import { decodeAll } from '../../support/decode-all.ts';

const kept = ['s/order-1', 's/Zürich 7', 's/a/b c', 's/😀', 's/100%25', 's/{"a":1}'];
const hashed = [
  's/a\0b',
  's/a\tb',
  's/a\nb',
  's/a\r\nb',
  's/a\u007fb',
  's/a\u0085b',
  's/a ',
  's/a\u00a0',
  ' s/a',
  's/a\ud800',
  's/\udc00a',
  's/a\u2028b',
  's/\ufeff',
  `s/${'x'.repeat(300)}`,
];

const digest = /^sha256:[0-9a-f]{64}$/;

describe('the identity of a delivery', () => {
  it.each(kept)('%j is kept as it is', (identity) => {
    expect(boundedIdentity(identity)).toBe(identity);
  });

  it.each(hashed)('%j cannot be held everywhere, so its hash stands for it', (identity) => {
    expect(boundedIdentity(identity)).toMatch(digest);
    expect(boundedIdentity(boundedIdentity(identity))).toBe(boundedIdentity(identity));
  });

  it('differs for texts that differ, halves of surrogate pairs included', () => {
    expect(new Set([...kept, ...hashed, 's/a\ud801', 's/a\ufffd'].map(boundedIdentity)).size).toBe(
      kept.length + hashed.length + 2,
    );
  });

  const anyText = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constantFrom(...hashed));

  it('is the same in the function, in a dead letter and in its replay, byte for byte, whatever the id', () => {
    fc.assert(
      fc.property(anyText, (messageId) => {
        const position = { stream: 's', sequence: 7, timestampNs: '5', messageId };
        const { id } = standsFor(position, () => undefined);
        expect(id).toBe(deliveryIdentity(position));
        const event = JSON.stringify({
          specversion: '1.0',
          id,
          source: '/nats/s',
          data: { type: 'query_state_direct' },
        });
        const decoded = decodeAll({ 'content-type': 'application/cloudevents-batch+json' }, Buffer.from(`[${event}]`), {
          accepts: ['query_state_direct'],
          nowMs: 0,
          newId: () => '',
        });
        expect(decoded.deliveries[0]?.id).toBe(id);

        const letter = buildDeadLetterHeaders([], {
          code: 'c',
          reason: 'r',
          time: 't',
          identity: id,
          stream: 's',
          subject: 's',
          sequence: 7,
          timestampNs: '5',
          deliveryCount: 1,
          attempts: 1,
        });
        const read = parseDeadLetterHeaders(headerEntries(buildHeaders(letter)));
        expect(read?.identity).toBe(id);
        const replay = buildHeaders([[replayHeaders.identity, read!.identity]]);
        const replayed = standsFor({ ...position, sequence: 8, messageId: 'replay/1@2' }, (name) => replay.get(name));
        expect(replayed.id).toBe(id);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('the content of a message', () => {
  const use = (text: string | null, stateId: string | null = 's') => ({
    contentHash: text === null ? null : contentHash(Buffer.from(text)),
    stateId,
  });

  it.each([
    ['the same', use('x'), use('x'), false],
    ['the same through an edited route', use('x'), use('x', 'other'), false],
    ['another', use('x'), use('y'), true],
    ['not kept then', use(null), use('y'), false],
    ['not known now', use('x'), use(null), false],
  ])('%s', (_name, earlier, now, isReuse) => {
    expect(identityReuse(earlier, now)?.code).toBe(isReuse ? 'identity_reused' : undefined);
  });

  it('is told by digests and states, never by a value', () => {
    const reason = identityReuse(use('secret one', 'A'), use('secret two', 'B'))?.message ?? '';
    expect(reason).toMatch(/\(content [0-9a-f]{8} for state A\); this one is content [0-9a-f]{8} for state B$/);
    expect(reason).not.toContain('secret');
  });
});
