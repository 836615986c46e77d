import { describe, expect, it } from 'vitest';
import { createDispatch } from '../../../infra/connector/dispatch/core.ts';
import type { DispatchCommand, DispatchEvent } from '../../../infra/connector/dispatch/protocol.ts';
import { createHeldMessages, meetDelivery } from '../../../infra/connector/intake/held-messages.ts';
import { createRecentAnswers } from '../../../infra/connector/settle/recent-answers.ts';
import { defaultLimits } from '../../../shared/routing/default-triggers.ts';
import { receivedMessage } from '../../support/received-message.ts';

/** What a command says, without what is long. */
const said = (commands: readonly DispatchCommand[]): readonly string[] =>
  commands.map((command) => {
    if (command.type === 'post_batch') {
      return `post ${command.messages.map(({ message, attempt }) => `${message.sequence} (try ${attempt})`).join(', ')}`;
    }
    if (command.type === 'ack') return `ack ${command.messages.map(({ sequence }) => sequence).join(', ')}`;
    if (command.type === 'reject') return `reject ${command.message.sequence}: ${command.code}`;
    if (command.type === 'note') return `note ${command.fact.kind}`;
    if (command.type === 'set_timer') return `set_timer ${command.atMs}`;
    return command.type;
  });

describe('one message on its way through the connector', () => {
  const core = createDispatch({ limits: defaultLimits, seed: 1 });
  const held = createHeldMessages<string>();
  const recent = createRecentAnswers(10);
  const message = receivedMessage(7, { id: 'processor_state_sync/m7', reply: 'first', receivedMs: 0 });
  const key = 'state_id=s1';
  const step = (nowMs: number, event: DispatchEvent): readonly string[] => said(core.step(event, nowMs));
  const answered = (requestId: number, outcome: object): DispatchEvent => ({
    type: 'batch_answered',
    requestId,
    status: 200,
    outcomes: new Map([[message.id, { id: message.id, ...outcome } as never]]),
  });

  it('is new to us, so it is held and put into the lane of its key', () => {
    expect(meetDelivery(message.storedKey, held, recent)).toEqual({ kind: 'new' });
    const lane = { functionName: 'state-direct', key };
    held.add({ message, source: 'durable', lane, reply: message.reply, deliveryCount: 1 });
    // Whatever else has arrived with it is read before a request is made.
    expect(step(0, { type: 'message_received', key, message, maxDeliver: undefined })).toEqual(['look_soon']);
  });

  it('goes out at once, because nothing else is in flight', () => {
    expect(step(0, { type: 'looked' })).toEqual(['post 7 (try 1)']);
    expect(core.view).toMatchObject({ requestsInFlight: 1, heldMessages: 1, lanes: 1, isOpen: false });
  });

  it('comes back to be tried again: its lane pauses, and nothing is in flight', () => {
    const retry = answered(1, { outcome: 'retry', code: 'unknown_state', reason: 'not made yet', delayMs: 500 });
    expect(step(20, retry)).toEqual(['note retried', 'set_timer 520']);
    expect(core.view).toMatchObject({ requestsInFlight: 0, heldMessages: 1 });
  });

  it('is delivered again meanwhile, which changes only where its answer goes', () => {
    const met = meetDelivery(message.storedKey, held, recent);
    expect(met.kind).toBe('held');
    const again = held.redelivered(met.kind === 'held' ? met.held : (undefined as never), {
      reply: 'second',
      deliveryCount: 2,
    });
    expect(again).toMatchObject({ message, reply: 'second', deliveryCount: 2 });
    expect(step(300, { type: 'message_redelivered', key, message, deliveryCount: 2 })).toEqual([]);
  });

  it('goes out again when the pause is over: two deliveries and one failed attempt make this try 3', () => {
    expect(step(520, { type: 'timer' })).toEqual(['post 7 (try 3)']);
  });

  it('is acknowledged by the function, and leaves', () => {
    expect(step(540, answered(2, { outcome: 'ack' }))).toEqual(['ack 7']);
    expect(core.view).toMatchObject({ requestsInFlight: 0, heldMessages: 0, lanes: 0 });
  });

  it('is answered where it came from last, and let go', () => {
    const { reply } = held.release(message.storedKey)!;
    expect(reply).toBe('second');
    recent.add(message.storedKey, { how: 'ack', reply });
    expect(held.size).toBe(0);
  });

  it('comes once more, because a killed server forgot the answer: the same answer again, and no request', () => {
    expect(meetDelivery(message.storedKey, held, recent)).toEqual({
      kind: 'settled',
      answer: { how: 'ack', reply: 'second' },
    });
  });
});
