import { describe, expect, it } from 'vitest';
import { noTelemetry, type TracedMessage } from '../../../infra/connector/telemetry/connector-telemetry.ts';
import { watchDeliveries } from '../../../infra/connector/telemetry/watch-deliveries.ts';
import type { Outcome } from '../../../shared/message/outcome.ts';

const messageOf = (id: string): TracedMessage => ({
  id,
  stream: 'sync',
  subject: 'sync',
  sequence: 1,
  timestampNs: '1',
  deliveryCount: 1,
  messageType: undefined,
  bodyBytes: 1,
  reply: '$JS.ACK.sync.sync_sub_1.1.1.1.1.0',
  traceContext: {},
});

const start = () => {
  let nowMs = 1_000;
  const watch = watchDeliveries(noTelemetry, () => nowMs);
  return {
    pass: (ms: number) => void (nowMs += ms),
    answer: (ids: readonly string[], outcomes: readonly Outcome[]) =>
      watch.telemetry.startBatch('f', ids.map(messageOf)).end({ outcomes }),
    fail: (ids: readonly string[], failure: string) =>
      watch.telemetry.startBatch('f', ids.map(messageOf)).end({ outcomes: ids.map(() => undefined), failure }),
    settle: (ids: readonly string[]) => watch.telemetry.startSettle('ack', ids.map(messageOf)).end(),
    report: () => watch.report('c'),
  };
};

const retry = (id: string, reason: string): Outcome => ({ id, outcome: 'retry', code: 'unknown_state', reason });

describe('what a connector reports', () => {
  it('is nothing before the first message', () => {
    expect(start().report()).toEqual({ connector: 'c', timeMs: 1_000, functions: [], durables: [] });
  });

  it('is since when a function fails and why, until it answers', () => {
    const { pass, fail, answer, report } = start();
    fail(['a'], 'the gateway answers 502');
    pass(500);
    fail(['a'], 'the gateway answers 504');
    expect(report().functions).toEqual([{ name: 'f', failingSinceMs: 1_000, reason: 'the gateway answers 504' }]);
    answer(['a'], [{ id: 'a', outcome: 'ack' }]);
    expect(report().functions).toEqual([{ name: 'f', failingSinceMs: null, reason: null }]);
  });

  it('counts the messages that are tried again by code, with the newest reason and the first time', () => {
    const { pass, answer, settle, report } = start();
    answer(['a', 'b', 'c'], [retry('a', 'no a'), retry('b', 'no b'), { id: 'c', outcome: 'ack' }]);
    pass(2_000);
    answer(['b'], [retry('b', 'still no b')]);
    settle(['c']);
    const [durable] = report().durables;
    expect(durable).toEqual({
      stream: 'sync',
      consumer: 'sync_sub_1',
      lastSettledMs: 3_000,
      retries: [{ code: 'unknown_state', reason: 'still no b', messages: 2, sinceMs: 1_000 }],
    });
    settle(['a', 'b']);
    expect(report().durables[0]?.retries).toEqual([]);
  });

  it('has the failure of a whole request as the reason of its messages', () => {
    const { fail, report } = start();
    fail(['a', 'b'], 'no answer in time');
    expect(report().durables[0]?.retries).toEqual([
      { code: 'function_unavailable', reason: 'f: no answer in time', messages: 2, sinceMs: 1_000 },
    ]);
  });

  it('forgets a message that nobody settles', () => {
    const { fail, pass, report } = start();
    fail(['a'], 'no answer in time');
    pass(1_000_000);
    expect(report().durables[0]?.retries).toEqual([]);
  });
});
