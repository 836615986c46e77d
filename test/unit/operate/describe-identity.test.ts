import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deliveryIdentity } from '../../../shared/message/delivery-identity.ts';
import { describeIdentity } from '../../../shared/operate/describe-identity.ts';

const streams = ['processor_state_sync', 'processor_state', 'processor_state_router'];

describe('what an identity says', () => {
  it('is what it was made of, for every message id', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 80 }), (messageId) => {
        const identity = deliveryIdentity({ stream: 'processor_state_sync', sequence: 1, timestampNs: '0', messageId });
        fc.pre(!identity.startsWith('sha256:') && !/^\d+@\d+$/.test(messageId));
        expect(describeIdentity(identity, streams)).toMatchObject({ stream: 'processor_state_sync', messageId });
      }),
    );
  });

  it('has sequence and time of a message without an id', () => {
    const timestampNs = '1764374400123456789';
    const identity = deliveryIdentity({ stream: 'processor_state_sync', sequence: 17, timestampNs });
    expect(describeIdentity(identity, streams)).toMatchObject({
      messageId: null,
      streamSequence: 17,
      publishedTime: '2025-11-29T00:00:00.123Z',
    });
  });

  it('names the delivery whose rows a forward passes on, and which rows', () => {
    const source = 'processor_state_sync/orders/17';
    expect(describeIdentity(`processor_state_router/${source}/s-1:p-1/0-19`, streams)).toMatchObject({
      stream: 'processor_state_router',
      forwardOf: { identity: source, routeId: 's-1:p-1', rows: '0-19' },
    });
    expect(describeIdentity('processor_state_router/not/a-stream/r/0-1', streams).forwardOf).toBeNull();
  });

  it('names the dead letter that was edited', () => {
    expect(describeIdentity('processor_state_sync/edit/17@1764374400123/0123456789abcdef', streams).editOf).toBe(17);
  });

  it('says nothing of a hash', () => {
    expect(describeIdentity(`sha256:${'0'.repeat(64)}`, streams)).toMatchObject({ stream: null, messageId: null });
  });
});
