import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../chaos/random.ts';
import { startTcpProxy } from '../../chaos/tcp-proxy.ts';
import { directMessage, type ConnectorBench } from '../../support/connector-bench.ts';
import { useConnectorSuite } from '../../support/connector-suite.ts';
import type { ReceivedEvent } from '../../support/scripted-function.ts';
import { natsVariants } from '../../support/test-nats.ts';
import { until } from '../../support/until.ts';

const [variant] = await natsVariants();
const isBad = ({ data }: ReceivedEvent): boolean => data?.['bad'] === true;
const bad = { payload: directMessage('bad', 0, { bad: true }), id: 'bad' };
const others = (count: number, from = 0) =>
  Array.from({ length: count }, (_, n) => ({ payload: directMessage(`s${from + n}`, n), id: `o${from + n}` }));

// What the server does plays no part here: one version is enough.
describe(`the connector tells whose fault an outage is on ${variant!.name}`, () => {
  const suite = useConnectorSuite(variant!);

  /** One function alone reads this stream. */
  const ofRouter = (id: string, key: string, more: Record<string, unknown> = {}) => ({
    stream: 'processor_state_router',
    baseSubject: 'processor.state.router',
    subject: 'processor.state.router',
    payload: new TextEncoder().encode(
      JSON.stringify({ type: 'query_state_entry', route_id: key, query_state: [{ n: 1 }], ...more }),
    ),
    id,
  });
  const othersOfRouter = (count: number) => Array.from({ length: count }, (_, n) => ofRouter(`r${n}`, `route${n}`));

  /** Starts it with one message, and has it ask the server anew when that has failed a few times. */
  const startWithBad = async (
    bench: ConnectorBench,
    url: string,
    tries: () => number,
  ): Promise<() => Promise<void>> => {
    const link = await startTcpProxy(suite.server.port, Math.random);
    await bench.publish([ofRouter('bad', 'bad', { bad: true })]);
    await bench.start(url, { natsUrl: `nats://127.0.0.1:${link.port}` });
    await until('a few tries', () => tries() > 8);
    link.cutAll();
    await until('the connection', () => bench.logs.some(({ event }) => event === 'nats_connected'));
    const before = tries();
    await until('more tries', () => tries() > before + 2);
    return link.close;
  };

  it('finds a message that kills the only process of a function, which is away for a moment after each death', async () => {
    const { bench, target } = await suite.prepare({ limits: { backoffInitialMs: 50, backoffMaxMs: 500 } });
    target.script = ({ events }) => {
      if (!target.healthy) return { status: 502 };
      if (!events.some(isBad)) return undefined;
      target.healthy = false;
      setTimeout(() => (target.healthy = true), 60);
      return { status: 502 };
    };
    await bench.publish([bad, ...others(40)]);
    await bench.start(target.url);
    await until('the others', () => target.acked.length === 40);
    await until('the dead letter', async () => (await bench.deadLetters()).length === 1);
    expect((await bench.deadLetters())[0]!.info).toMatchObject({
      code: 'function_killed',
      identity: 'processor_state_sync/bad',
    });
  });

  it.each<[string, 'publish_failed' | 'database_unavailable' | 'internal_error']>([
    ['cannot be passed on', 'publish_failed'],
    ['finds its database away', 'database_unavailable'],
    ['fails for ever', 'internal_error'],
  ])('goes on fetching where the only message it has %s', async (_name, code) => {
    const { bench, target } = await suite.prepare({ limits: { maxAttempts: 1_000_000 } });
    target.script = ({ events }) => ({
      outcomes: events.map((event) =>
        isBad(event)
          ? { id: event.id, outcome: 'retry', code, reason: 'not yet', delayMs: 50 }
          : { id: event.id, outcome: 'ack' },
      ),
    });
    const close = await startWithBad(bench, target.url, () => target.calls.length);
    await bench.publish(othersOfRouter(100));
    await until('the others', () => target.acked.length === 100);
    expect(await bench.deadLetters()).toEqual([]);
    await close();
  });

  it('goes on fetching if the only message it has is answered 500 for ever, and gives it up in the end', async () => {
    const { bench, target } = await suite.prepare();
    target.script = ({ events }) => (events.some(isBad) ? { status: 500 } : undefined);
    const close = await startWithBad(bench, target.url, () => target.calls.length);
    expect(await bench.deadLetters()).toEqual([]);
    await bench.publish(othersOfRouter(20));
    await until('the others', () => target.acked.length === 20);
    await until('the dead letter', async () => (await bench.deadLetters()).length === 1);
    await close();
  });

  it('gives up nothing while no message at all gets through, whatever the function says of each', async () => {
    const { bench, target } = await suite.prepare({ limits: { maxAttempts: 3 } });
    target.script = ({ events }) => ({
      outcomes: events.map((event) =>
        isBad(event)
          ? { id: event.id, outcome: 'reject', code: 'invalid_query_state', reason: 'no' }
          : { id: event.id, outcome: 'retry', code: 'database_timeout', reason: 'late' },
      ),
    });
    await bench.publish(others(5));
    await bench.start(target.url);
    for (let n = 0; n < 10; n += 1) {
      await bench.publish([{ ...bad, id: `bad${n}` }]);
      await sleep(100);
    }
    await until('the refused ones', async () => (await bench.deadLetters()).length === 10);
    expect((await bench.deadLetters()).every(({ info }) => info.code === 'invalid_query_state')).toBe(true);
    target.script = () => undefined;
    await until('all of them', () => target.acked.length === 5);
  });

  it('takes what was acknowledged before an outage for no proof in it', async () => {
    const { bench, target } = await suite.prepare({ limits: { maxAttempts: 3 } });
    let isOutage = false;
    target.script = ({ events }) => ({
      outcomes: events.map((event) =>
        isOutage || isBad(event)
          ? { id: event.id, outcome: 'retry', code: 'database_timeout', reason: 'late' }
          : { id: event.id, outcome: 'ack' },
      ),
    });
    await bench.publish([bad, ...others(1)]);
    await bench.start(target.url);
    await until('the other', () => target.acked.length === 1);
    isOutage = true;
    await bench.publish(others(3, 1));
    await until('many tries', () => target.calls.length > 40);
    expect(await bench.deadLetters()).toEqual([]);
    target.script = () => undefined;
    await until('all of them', () => target.acked.length === 5);
  });

  it.each<[string, number, boolean]>([
    ['the function itself', 60, false],
    // It is left alone for longer each time.
    ['something before it', 8, true],
  ])('gives up nothing while %s refuses everything', async (_name, tries, isGateway) => {
    const { bench, target } = await suite.prepare();
    target.healthy = false;
    target.script = () => ({ status: 400, isGateway });
    await bench.publish(others(20));
    await bench.start(target.url);
    await until('many tries', () => target.calls.length > tries);
    expect(await bench.deadLetters()).toEqual([]);
    target.healthy = true;
    target.script = () => undefined;
    await until('all of them', () => target.acked.length === 20);
  });

  it('gives up no message because one process of two fails everything, and the one that kills all the same', async () => {
    const { bench, target } = await suite.prepare({ limits: { backoffInitialMs: 5, backoffMaxMs: 20 } });
    const random = createRandom(1);
    // A gateway with a sound process and a broken one, whose health check meets the sound one.
    target.script = ({ events }) => (random.chance(0.5) || events.some(isBad) ? { status: 502 } : undefined);
    await bench.publish([bad]);
    for (let n = 0; n < 150; n += 1) await bench.publish(others(2, n * 2));
    await bench.start(target.url);
    await until('the others', () => target.acked.length === 300);
    await until('the dead letter', async () => (await bench.deadLetters()).length === 1);
    expect((await bench.deadLetters())[0]!.info.identity).toBe('processor_state_sync/bad');
  });

  it('counts only deaths in a row against a message', async () => {
    const { bench, target } = await suite.prepare({ limits: { maxAttempts: 1_000_000 } });
    let calls = 0;
    // Answered, with something else amiss, between any two deaths.
    target.script = ({ events }) => {
      calls += 1;
      if (calls > 20) return undefined;
      if (calls % 2 === 0) return 'reset';
      return {
        outcomes: events.map(({ id }) => ({ id, outcome: 'retry', code: 'database_unavailable', reason: 'away' })),
      };
    };
    await bench.publish(others(1));
    await bench.start(target.url);
    await until('it', () => target.acked.length === 1);
    expect(await bench.deadLetters()).toEqual([]);
  });
});
