import { describe, expect, it } from 'vitest';
import { createAwaited } from '../../../infra/connector/intake/awaited.ts';
import { createHeldMessages, meetDelivery } from '../../../infra/connector/intake/held-messages.ts';
import { searchUnsettled, type ConsumerPosition } from '../../../infra/connector/intake/unsettled-search.ts';
import { createRecentAnswers } from '../../../infra/connector/settle/recent-answers.ts';
import { receivedMessage } from '../../support/received-message.ts';

describe('C9: what is held', () => {
  const entry = (sequence: number, source = 'one', heldBytes = 10) => {
    const message = receivedMessage(sequence, { heldBytes, reply: `reply ${sequence}` });
    return { message, source, lane: undefined, reply: message.reply, deliveryCount: 1 };
  };

  it('is answered where the latest delivery came from, and counts its deliveries up only', () => {
    const held = createHeldMessages<string>();
    held.add(entry(1));
    held.redelivered(held.find(entry(1).message.storedKey)!, { reply: 'new', deliveryCount: 3 });
    held.redelivered(held.find(entry(1).message.storedKey)!, { reply: 'newer', deliveryCount: 1 });
    expect(held.release(entry(1).message.storedKey)).toMatchObject({ reply: 'newer', deliveryCount: 3 });
    expect(held.release(entry(1).message.storedKey)).toBeUndefined();
  });

  it('is counted by source', () => {
    const held = createHeldMessages<string>();
    for (const one of [entry(1), entry(2, 'two', 100), entry(3)]) held.add(one);
    held.release(entry(1).message.storedKey);
    expect(held.amountOf('one')).toEqual({ messages: 1, bytes: 10 });
    expect(held.amountOf('two')).toEqual({ messages: 1, bytes: 100 });
    expect(held.amountOf('three')).toEqual({ messages: 0, bytes: 0 });
  });

  it('is nothing once its stream is gone: the same sequence of the new stream is another message', () => {
    const held = createHeldMessages<string>();
    held.add(entry(1));
    held.clear();
    const again = receivedMessage(1, { storedKey: '1@later' });
    expect(meetDelivery(again.storedKey, held, createRecentAnswers(10))).toEqual({ kind: 'new' });
    held.add({ ...entry(1), message: again });
    expect(held.release(entry(1).message.storedKey)).toBeUndefined();
    expect(held.hasSequence(1)).toBe(true);
    expect(held.amountOf('one').messages).toBe(1);
  });

  it('gives an answer again before anything else, and remembers only the latest ones', () => {
    const held = createHeldMessages<string>();
    const recent = createRecentAnswers(2);
    const answer = { how: 'term', reply: 'r' } as const;
    for (const sequence of [1, 2, 1, 3]) recent.add(receivedMessage(sequence).storedKey, answer);
    held.add(entry(1));
    const met = [1, 2, 3].map((sequence) => meetDelivery(receivedMessage(sequence).storedKey, held, recent).kind);
    expect(met).toEqual(['settled', 'new', 'settled']);
  });
});

describe('C3: messages in other hands', () => {
  const ackWaitMs = 1_000;

  it('get a new ack wait once when they are overdue, and are waited for two ack waits and a few seconds', () => {
    const awaited = createAwaited(ackWaitMs);
    expect(awaited.add(5, 0)).toBe(true);
    expect(awaited.due(1_999, 'asking')).toEqual({ released: [], renewed: [], handedBack: [] });
    expect(awaited.due(2_000, 'asking')).toEqual({ released: [], renewed: [5], handedBack: [] });
    expect(awaited.due(7_999, 'asking')).toEqual({ released: [], renewed: [], handedBack: [] });
    expect(awaited.due(8_000, 'asking')).toEqual({ released: [5], renewed: [], handedBack: [] });
    expect(awaited.size).toBe(0);
  });

  it('are waited for anew after each lost connection, but not for ever', () => {
    const awaited = createAwaited(ackWaitMs);
    for (let atMs = 0; atMs <= 31_000; atMs += 1_000) {
      expect(awaited.add(5, atMs)).toBe(atMs === 0);
      expect(awaited.due(atMs, 'asking').released).toEqual([]);
    }
    expect(awaited.due(32_000, 'asking').released).toEqual([5]);
  });

  it('are let go when they come', () => {
    const awaited = createAwaited(ackWaitMs);
    awaited.add(5, 0);
    awaited.add(6, 0);
    expect([awaited.release(5), awaited.release(5)]).toEqual([true, false]);
    expect(awaited.releaseAll()).toEqual([6]);
    expect(awaited.sequences()).toEqual([]);
  });

  /** Walks over a stream that holds these sequences. */
  const walk = (position: Partial<ConsumerPosition>, stored: readonly number[], held: readonly number[] = []) => {
    const whole: ConsumerPosition = {
      deliveredSequence: 8,
      ackFloorSequence: 2,
      unsettled: 4,
      firstSequence: stored[0] ?? 1,
      lastSequence: 10,
      isWorkQueue: true,
      lastHeldSequence: 0,
      ...position,
    };
    const search = searchUnsettled(whole, (sequence) => held.includes(sequence));
    const found = { gone: [] as number[], seen: [] as number[], unsettled: [] as number[], reads: 0 };
    for (let from = search.next(); from !== undefined; from = search.next()) {
      const at = from;
      found.reads += 1;
      const sequence = stored.find((each) => each >= at);
      const { gone, isElsewhere, mayBeUnsettled } = search.found(sequence);
      found.gone.push(...gone);
      if (isElsewhere) found.seen.push(sequence!);
      if (mayBeUnsettled) found.unsettled.push(sequence!);
    }
    return found;
  };

  it('are what was delivered, is in the stream, and is neither settled nor here', () => {
    expect(walk({}, [4, 6, 7, 9, 10], [6])).toEqual({
      gone: [3, 5, 8],
      seen: [4, 7],
      unsettled: [4, 7],
      reads: 4,
    });
  });

  it('are none if everything is settled; what a work queue keeps all the same is looked at', () => {
    expect(walk({ unsettled: 0 }, [4, 9])).toEqual({ gone: [], seen: [4], unsettled: [], reads: 2 });
    expect(walk({ unsettled: 0, isWorkQueue: false }, [4, 9])).toEqual({
      gone: [],
      seen: [],
      unsettled: [],
      reads: 0,
    });
  });

  it('are not what a stream that lost its end has given those sequences to', () => {
    expect(walk({ lastSequence: 5 }, [4, 5])).toEqual({ gone: [3], seen: [4, 5], unsettled: [4, 5], reads: 2 });
  });

  it('are not looked for through more than twenty thousand gaps', () => {
    const stored = Array.from({ length: 30_000 }, (_, n) => n + 3);
    const found = walk({ deliveredSequence: 30_002, lastSequence: 30_002, unsettled: 30_000 }, stored);
    expect(found.reads).toBe(20_000);
  });
});
