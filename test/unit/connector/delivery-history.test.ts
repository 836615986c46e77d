import { describe, expect, it } from 'vitest';
import { noTelemetry, type TracedMessage } from '../../../infra/connector/telemetry/connector-telemetry.ts';
import { recordHistory } from '../../../infra/connector/telemetry/delivery-history.ts';
import { keepHistory } from '../../../infra/connector/telemetry/keep-history.ts';
import { percentileMs } from '../../../shared/message/latency-classes.ts';

const minute = 60_000;
const why = { code: 'invalid_json', reason: 'x', attempts: 1, subject: 'dead' };

const start = () => {
  let nowMs = 10 * minute;
  const history = recordHistory(noTelemetry, () => nowMs);
  const messageOf = (routeId: string | null, ageMs = 0): TracedMessage => ({
    id: 'id',
    stream: 'sync',
    subject: 'sync',
    sequence: 1,
    timestampNs: String((nowMs - ageMs) * 1_000_000),
    deliveryCount: 1,
    messageType: undefined,
    bodyBytes: 1,
    reply: '$JS.ACK.sync.sync_sub_1.1.1.1.1.0',
    traceContext: {},
    routeId,
  });
  return {
    history,
    messageOf,
    pass: (ms: number) => void (nowMs += ms),
    now: () => nowMs,
    ack: (routeId: string | null, ageMs: number) =>
      history.telemetry.startSettle('ack', [messageOf(routeId, ageMs)]).end(),
  };
};

describe('the history of a connector', () => {
  it('tells of minutes that are over, and of those only in which something happened', () => {
    const { history, pass, ack } = start();
    ack(null, 100);
    expect(history.minutes(0)).toEqual([]);
    pass(3 * minute);
    ack(null, 100);
    pass(minute);
    expect(history.minutes(0).map(({ minuteMs, acked }) => [minuteMs / minute, acked])).toEqual([
      [10, 1],
      [13, 1],
    ]);
    expect(history.minutes(11 * minute)).toHaveLength(1);
  });

  it('counts acknowledgements with their latency, tries that failed, dead letters that were stored, and cold starts', () => {
    const { history, pass, messageOf, ack } = start();
    const { telemetry } = history;
    telemetry.startBatch('f', [messageOf('r', 5_000), messageOf('r', 9_000)]).end({
      outcomes: [{ id: 'id', outcome: 'retry', code: 'unknown_state', reason: 'x' }, undefined],
      isFirst: true,
    });
    for (let n = 0; n < 98; n += 1) ack('r', 40);
    ack('r', 3_000);
    ack('r', 3_000);
    telemetry.startDeadLetter(messageOf('r'), why).end(new Error('the stream is full'));
    telemetry.startDeadLetter(messageOf('r'), why).end();
    history.noteWaiting(7);
    history.noteWaiting(3);
    pass(minute);
    const [told] = history.minutes(0);
    expect(told).toMatchObject({ acked: 100, retried: 2, deadLettered: 1, coldStarts: 1, waiting: 7, oldestMs: 9_000 });
    expect(percentileMs(told!.latency, 0.5)).toBeGreaterThanOrEqual(40);
    expect(percentileMs(told!.latency, 0.5)).toBeLessThanOrEqual(40 * 1.19);
    expect(percentileMs(told!.latency, 0.99)).toBeGreaterThanOrEqual(3_000);
    expect(history.flows()).toEqual([{ routeId: 'r', sinceMs: 10 * minute, acked: 100, retried: 2, deadLettered: 1 }]);
  });

  it('never changes a minute that is over, also if the clock is set back, and forgets after two hours', () => {
    const { history, pass, ack } = start();
    ack(null, 1);
    pass(minute);
    const before = history.minutes(0);
    pass(minute);
    ack(null, 1);
    pass(-2 * minute);
    ack(null, 1);
    pass(minute);
    expect(history.minutes(0)).toEqual(before);
    for (let n = 0; n < 130; n += 1) {
      pass(minute);
      ack(null, 1);
    }
    expect(history.minutes(0).length).toBeLessThanOrEqual(120);
  });
});

describe('what keeps the history of a connector', () => {
  const startKeeper = () => {
    const run = start();
    const sent: number[] = [];
    let asked = 0;
    let works = true;
    let tick = (): void => undefined;
    const keeper = keepHistory({
      history: run.history,
      clock: {
        epochMs: run.now,
        after: (_delayMs, callback) => {
          tick = callback;
          return () => void (tick = () => undefined);
        },
      },
      readWaiting: async () => {
        asked += 1;
        return 5;
      },
      send: async () => {
        sent.push(run.now() / minute);
        return works;
      },
    });
    return {
      ...run,
      keeper,
      sent,
      asked: () => asked,
      setWorks: (value: boolean) => void (works = value),
      pass: async (minutes: number) => {
        for (let n = 0; n < minutes; n += 1) {
          run.pass(minute);
          tick();
          await new Promise((resolve) => setImmediate(resolve));
        }
      },
    };
  };

  it('asks nobody and wakes nobody while there is no work', async () => {
    const { pass, asked, sent } = startKeeper();
    await pass(200);
    expect([asked(), sent]).toEqual([0, []]);
  });

  it('has minutes written down once half an hour has passed, each once, and tries again if that fails', async () => {
    const { pass, ack, sent, setWorks } = startKeeper();
    ack(null, 1);
    await pass(29);
    expect(sent).toEqual([]);
    setWorks(false);
    await pass(2);
    expect(sent).toEqual([40, 41]);
    setWorks(true);
    await pass(60);
    expect(sent).toEqual([40, 41, 42]);
  });

  it('has the last minute written down at the end, though it is not over', async () => {
    const { keeper, ack, sent, history } = startKeeper();
    ack(null, 1);
    await keeper.end();
    expect(sent).toEqual([10]);
    expect(history.minutes(0)).toHaveLength(1);
  });
});
