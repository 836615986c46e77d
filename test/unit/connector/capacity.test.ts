import { describe, expect, it } from 'vitest';
import { pullCapacity, type CapacityOptions } from '../../../infra/connector/intake/pull-capacity.ts';

const largestBytes = 1_048_576 + 16 * 1_024;
const room = (options: Partial<CapacityOptions> = {}) =>
  pullCapacity({
    maxMessages: 1_000,
    maxBytes: 64 * 1_048_576,
    shares: 1,
    heldMessages: 0,
    heldBytes: 0,
    awaitedMessages: 0,
    reservedMessages: 0,
    firstMessages: 0,
    beyondMessages: 0,
    functions: [
      { isOpen: false, heldMessages: 0 },
      { isOpen: false, heldMessages: 0 },
    ],
    maxPayloadBytes: 1_048_576,
    requestLimits: { messages: undefined, bytes: undefined, expiresMs: undefined },
    ...options,
  });
const away = { isOpen: true, heldMessages: 10 };
const here = { isOpen: false, heldMessages: 10 };

describe('C12: room for a pull', () => {
  it.each<[string, Partial<CapacityOptions>, number]>([
    ['all of it where nothing is held', {}, 1_000],
    ['its share where several durables share the bounds', { shares: 4 }, 250],
    ['what is left', { heldMessages: 700 }, 300],
    ['nothing where too little is left to be worth a request', { heldMessages: 800 }, 0],
    [
      'not what is kept for messages in other hands',
      { heldMessages: 100, awaitedMessages: 300, reservedMessages: 300 },
      600,
    ],
    ['however little, while keys wait for what can come now', { heldMessages: 999, awaitedMessages: 300 }, 1],
    [
      'what keys wait for, also while every function is away',
      { heldMessages: 600, awaitedMessages: 9, functions: [{ ...away, heldMessages: 600 }] },
      9,
    ],
    [
      'one of those that were handed back, where what came before it has taken all room',
      { heldMessages: 1_000, awaitedMessages: 4, firstMessages: 4, beyondMessages: 6 },
      1,
    ],
    [
      'the same in bytes, while they come before anything else',
      { heldMessages: 1, heldBytes: 64 * 1_048_576, awaitedMessages: 4, firstMessages: 4, beyondMessages: 6 },
      1,
    ],
    [
      'nothing of them in bytes once something else may come',
      { heldMessages: 1, heldBytes: 64 * 1_048_576, awaitedMessages: 4, beyondMessages: 6 },
      0,
    ],
    ['no more of them than they ever were', { heldMessages: 1_006, awaitedMessages: 4, beyondMessages: 6 }, 0],
    ['nothing where the largest message would not fit', { heldMessages: 1, heldBytes: 64 * 1_048_576 - 1_000 }, 0],
    ['all of it while one function of two is away', { functions: [away, here] }, 1_000],
    ['nothing while those that are away hold half', { functions: [{ ...away, heldMessages: 501 }, here] }, 0],
    ['a few messages while every function is away', { functions: [away, away] }, 32],
    ['the rest of those few', { functions: [away, away], heldMessages: 20 }, 12],
    ['nothing more than those few', { functions: [away, away], heldMessages: 32 }, 0],
    [
      'no more than another system allows',
      { requestLimits: { messages: 10, bytes: undefined, expiresMs: undefined } },
      10,
    ],
  ])('is %s', (_name, options, messages) => {
    expect(room(options).messages).toBe(messages);
  });

  it('is at least one largest message in bytes, however many share the bounds', () => {
    expect(room({ shares: 1_000 }).bytes).toBe(largestBytes);
    expect(room({ requestLimits: { messages: undefined, bytes: 5_000, expiresMs: undefined } }).bytes).toBe(5_000);
  });
});
