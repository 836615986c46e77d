import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { directMessage, startHolding } from '../../support/connector-bench.ts';
import { until } from '../../support/until.ts';
import { useConnectorSuite } from '../../support/connector-suite.ts';
import { ackAll, type Call, type Reply } from '../../support/scripted-function.ts';
import { natsVariants } from '../../support/test-nats.ts';

const oneState = (count: number, bad: (n: number) => boolean = () => false) =>
  Array.from({ length: count }, (_, n) => ({
    payload: directMessage('a', n, bad(n) ? { bad: true } : {}),
    id: `m${n}`,
  }));

const [variant] = await natsVariants();

// What the server does plays no part here: one version is enough.
describe(`the connector meets a failing function on ${variant!.name}`, () => {
  const suite = useConnectorSuite(variant!);

  const failsFor = (times: number, reply: Reply) => {
    let failures = 0;
    return () => {
      failures += 1;
      return failures <= times ? reply : undefined;
    };
  };

  it.each<[string, Reply]>([
    ['503', { status: 503 }],
    ['503 with Retry-After', { status: 503, headers: { 'retry-after': '0' } }],
    ['502', { status: 502 }],
    ['504', { status: 504 }],
    ['429', { status: 429 }],
    ['500', { status: 500 }],
    ['500 of a gateway', { status: 500, isGateway: true, body: 'Can’t reach service for: x.' }],
    ['400 of a gateway', { status: 400, isGateway: true }],
    ['a page of a gateway', { status: 200, isGateway: true, body: '<html>' }],
    ['404', { status: 404 }],
    ['401', { status: 401 }],
    ['a broken connection', 'reset'],
    ['half a body', 'half'],
    ['an empty body', { status: 200 }],
    ['nonsense', { status: 200, body: '<html>' }],
    ['no results', { status: 200, body: '{"results": 7}' }],
    ['an answer of another shape', { status: 200, body: '{"results": [{"id": 1}, null, "x"]}' }],
    ['an answer that names nobody', { outcomes: [] }],
    ['an answer for others', { outcomes: [{ id: 'stranger', outcome: 'ack' }] }],
  ])('after %s a few times everything is delivered in order and nothing is dead-lettered', async (_name, reply) => {
    const { bench, target } = await suite.prepare({ limits: { maxAttempts: 5, killsBeforeDeadLetter: 5 } });
    // Less often than the limits, also if the first request happens to hold one message only.
    target.script = failsFor(4, reply);
    await bench.publish(oneState(30));
    await bench.start(target.url);
    await until('all messages', () => target.acked.length >= 30);
    const order = target.acked.map(({ streamsequence }) => streamsequence);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(order).toHaveLength(30);
    expect(await bench.deadLetters()).toEqual([]);
    await until('the stream to be empty', async () => (await bench.streamMessages()) === 0);
  });

  it('waits for a function that is not there at all', async () => {
    const { bench, target } = await suite.prepare();
    await bench.publish(oneState(20));
    const connector = await bench.start('http://127.0.0.1:9');
    await until('several tries', () => (connector.metrics()['requests{unavailable}'] ?? 0) >= 4);
    expect(await bench.deadLetters()).toEqual([]);
    await connector.stop(100);
    await bench.start(target.url);
    await until('all messages', () => target.acked.length === 20);
  });

  it('stops fetching while a function is away, and asks it less and less often', async () => {
    const { bench, target } = await suite.prepare({
      limits: { maxInFlightMessages: 100, backoffInitialMs: 20, backoffMaxMs: 10_000 },
    });
    target.script = () => ({ status: 503 });
    const connector = await bench.start(target.url);
    await bench.publish(oneState(500));
    await sleep(1_500);
    // 20 ms doubled, with jitter: at most 1.5 s / 10 ms in the first steps, never a hot loop.
    expect(target.calls.length).toBeLessThan(15);
    expect(connector.metrics()['received{processor_state_sync}']).toBeLessThanOrEqual(100);
    target.script = () => undefined;
    await until('all messages', () => target.acked.length === 500);
    expect(await bench.deadLetters()).toEqual([]);
  });

  it('goes on with one function while another of the same route is away', async () => {
    const { bench, target } = await suite.prepare({ limits: { maxInFlightMessages: 60 } });
    target.script = ({ functionName }) => (functionName === 'state-route' ? { status: 503 } : undefined);
    const route = { type: 'query_state_route', route_id: 'r', query_state: [{}] };
    const payload = new TextEncoder().encode(JSON.stringify(route));
    await bench.start(target.url);
    await bench.publish(Array.from({ length: 10 }, (_, n) => ({ payload, id: `r${n}` })));
    await until('the first refusal', () => target.calls.length > 0);
    await bench.publish(oneState(300));
    await until('the messages of the other function', () => target.acked.length === 300);
    target.script = () => undefined;
    await until('the rest', () => target.acked.length === 310);
  });

  it('honours Retry-After', async () => {
    const { bench, target } = await suite.prepare({ limits: { backoffMaxMs: 5_000 } });
    target.script = failsFor(1, { status: 429, headers: { 'retry-after': '1' } });
    await bench.publish(oneState(3));
    await bench.start(target.url);
    await until('all messages', () => target.acked.length === 3);
    expect(target.calls[1]!.startedMs - target.calls[0]!.startedMs).toBeGreaterThanOrEqual(950);
  });

  it('sends one request at a time to a function that said 429, more once it answers', async () => {
    const { bench, target } = await suite.prepare({ limits: { maxConcurrentRequests: 8, maxBatchMessages: 20 } });
    let underWay = 0;
    const concurrency: number[] = [];
    target.script = async () => {
      if (target.calls.length <= 8) {
        await sleep(30);
        return { status: 429 };
      }
      underWay += 1;
      concurrency.push(underWay);
      await sleep(20);
      underWay -= 1;
      return undefined;
    };
    await bench.publish(Array.from({ length: 1_000 }, (_, n) => ({ payload: directMessage(`s${n}`, n) })));
    await bench.start(target.url);
    await until('all messages', () => target.acked.length === 1_000);
    expect(concurrency.slice(0, 2)).toEqual([1, 1]);
    expect(Math.max(...concurrency)).toBeGreaterThan(1);
    expect(await bench.deadLetters()).toEqual([]);
  });

  it('a 500 for everyone, however long, dead-letters nothing and is over when it is over', async () => {
    const { bench, target } = await suite.prepare({ limits: { maxAttempts: 2, killsBeforeDeadLetter: 1 } });
    target.script = () => ({ status: 500 });
    const connector = await bench.start(target.url);
    await bench.publish(Array.from({ length: 200 }, (_, n) => ({ payload: directMessage(`s${n % 20}`, n) })));
    await until('many failures', () => (connector.metrics()['requests{died}'] ?? 0) > 12);
    expect(await bench.deadLetters()).toEqual([]);
    target.script = () => undefined;
    await until('all messages', () => target.acked.length === 200);
    expect(await bench.deadLetters()).toEqual([]);
  });

  it('a database that is away uses up nobody’s attempts', async () => {
    const { bench, target } = await suite.prepare({ limits: { maxAttempts: 2 } });
    target.script = ({ events }) => ({
      outcomes: events.map(({ id }) => ({ id, outcome: 'retry', code: 'database_unavailable', reason: 'away' })),
    });
    await bench.publish(oneState(50));
    const connector = await bench.start(target.url);
    await until('many tries', () => target.calls.length >= 6);
    expect(connector.metrics()['dead_letters{database_unavailable}']).toBeUndefined();
    target.script = () => undefined;
    await until('all messages', () => target.acked.length === 50);
    expect(await bench.deadLetters()).toEqual([]);
  });

  it.each<[string, Reply]>([
    ['breaks the connection', 'reset'],
    ['makes a gateway say 502', { status: 502 }],
    ['makes a gateway say 500', { status: 500, isGateway: true }],
    ['makes the function say 500', { status: 500 }],
  ])('one message of 500 that %s costs itself only', async (_name, reply) => {
    const { bench, target } = await suite.prepare({ limits: { requestTimeoutMs: 30_000 } });
    await bench.publish(oneState(500, (n) => n === 321));
    await startHolding(bench, target, 500, ({ events }) =>
      events.some(({ data }) => data?.['bad'] === true) ? reply : undefined,
    );
    await until('all but one', () => target.acked.length === 499);
    await until('the dead letter', async () => (await bench.deadLetters()).length === 1);
    const [letter] = await bench.deadLetters();
    expect(letter!.info).toMatchObject({ code: 'function_killed', identity: 'processor_state_sync/m321' });
    const order = target.acked.map(({ streamsequence }) => streamsequence);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    // Halving finds it: about 2 log2(500) requests more, not 500.
    expect(target.calls.length).toBeLessThan(40);
    await until('the stream to be empty', async () => (await bench.streamMessages()) === 0);
  });

  it('a message that kills the function and has no neighbours is dead-lettered as well', async () => {
    const { bench, target } = await suite.prepare();
    target.script = () => 'reset';
    await bench.publish(oneState(1));
    await bench.start(target.url);
    await until('the dead letter', async () => (await bench.deadLetters()).length === 1);
    expect(target.calls).toHaveLength(3);
    expect((await bench.deadLetters())[0]!.info.code).toBe('function_killed');
  });

  it('a function that every message kills costs a few of them, not all', async () => {
    const { bench, target } = await suite.prepare();
    target.script = () => 'reset';
    await bench.publish(Array.from({ length: 60 }, (_, n) => ({ payload: directMessage(`s${n}`, n) })));
    await bench.start(target.url);
    await sleep(3_000);
    expect((await bench.deadLetters()).length).toBeLessThanOrEqual(3 + 8);
    target.script = () => undefined;
    await until('the others', async () => target.acked.length + (await bench.deadLetters()).length === 60);
  });

  it('neighbours of a killer in other keys are not delayed by its retries', async () => {
    const { bench, target } = await suite.prepare({ limits: { backoffInitialMs: 200, backoffMaxMs: 400 } });
    target.script = ({ events }) => (events.some(({ data }) => data?.['bad'] === true) ? 'reset' : undefined);
    await bench.publish([
      { payload: directMessage('a', 0, { bad: true }) },
      ...Array.from({ length: 100 }, (_, n) => ({ payload: directMessage(`s${n}`, n) })),
    ]);
    await bench.start(target.url);
    await until('the neighbours', () => target.acked.length === 100);
    await until('the dead letter', async () => (await bench.deadLetters()).length === 1);
  });

  it('an innocent message is not given up because it dies with a killer, however often', async () => {
    const { bench, target } = await suite.prepare();
    const open = new Set<Call>();
    // One process: whoever is in it dies with it.
    target.script = async (call) => {
      open.add(call);
      if (call.events.some(({ data }) => data?.['bad'] === true)) {
        for (const { response } of open) response.socket?.destroy();
        open.clear();
        return 'reset';
      }
      await sleep(100);
      open.delete(call);
      return undefined;
    };
    await bench.publish([
      { payload: directMessage('a', 0, { bad: true }) },
      { payload: directMessage('a', 1) },
      ...['b', 'c', 'd'].map((state) => ({ payload: directMessage(state, 1) })),
    ]);
    await bench.start(target.url);
    await until('the innocent', () => target.acked.length === 4);
    await until('the dead letter', async () => (await bench.deadLetters()).length > 0);
    const letters = await bench.deadLetters();
    expect(letters.map(({ info, payload }) => [info.code, payload.includes('bad')])).toEqual([
      ['function_killed', true],
    ]);
  });

  it('halves a batch that is too large for the function, and remembers', async () => {
    const { bench, target } = await suite.prepare({ limits: { requestTimeoutMs: 30_000 } });
    const pad = 'x'.repeat(2_000);
    await bench.publish(Array.from({ length: 300 }, (_, n) => ({ payload: directMessage('a', n, { pad }) })));
    await startHolding(bench, target, 300, ({ body }) => (body.length > 100_000 ? { status: 413 } : undefined));
    await until('all messages', () => target.acked.length === 300);
    const refused = target.calls.filter(({ body }) => body.length > 100_000);
    expect(refused.length).toBeLessThan(8);
    expect(await bench.deadLetters()).toEqual([]);
  });

  it('dead-letters a single message that is too large, or refused', async () => {
    const { bench, target } = await suite.prepare();
    target.script = ({ events }) => {
      const kind = events.find(({ data }) => data?.['kind'] !== undefined)?.data?.['kind'];
      return kind === undefined ? undefined : { status: kind as number };
    };
    await bench.publish([
      { payload: directMessage('a', 1, { kind: 413 }), id: 'large' },
      { payload: directMessage('b', 1, { kind: 422 }), id: 'odd' },
      ...oneState(5),
    ]);
    await bench.start(target.url);
    await until('the neighbours', () => target.acked.length === 5);
    await until('both', async () => (await bench.deadLetters()).length === 2);
    const codes = (await bench.deadLetters()).map(({ info }) => `${info.identity} ${info.code}`);
    expect(codes.toSorted()).toEqual([
      'processor_state_sync/large payload_too_large',
      'processor_state_sync/odd function_refused',
    ]);
  });

  it('gives up a message after its attempts, a missing outcome counted as a failure', async () => {
    const { bench, target } = await suite.prepare({ limits: { maxAttempts: 4 } });
    target.script = ({ events }) => ({ outcomes: ackAll(events.filter(({ data }) => data?.['bad'] !== true)) });
    await bench.publish(oneState(10, (n) => n === 5));
    await bench.start(target.url);
    await until('the dead letter', async () => (await bench.deadLetters()).length === 1);
    const [letter] = await bench.deadLetters();
    expect(letter!.info).toMatchObject({ code: 'no_outcome', attempts: 4, identity: 'processor_state_sync/m5' });
    expect(target.acked).toHaveLength(9);
    const tries = target.calls.filter(({ events }) => events.some(({ data }) => data?.['bad'] === true));
    expect(tries).toHaveLength(4);
  });

  it('an answer that comes after the deadline changes nothing, and the message is tried again', async () => {
    const { bench, target } = await suite.prepare({ limits: { requestTimeoutMs: 300 } });
    target.script = async ({ events }) => {
      if (target.calls.length === 1) await sleep(600);
      return { outcomes: ackAll(events) };
    };
    await bench.publish(oneState(2));
    await bench.start(target.url);
    await until('the second try', async () => (await bench.streamMessages()) === 0);
    expect(target.calls.length).toBeGreaterThanOrEqual(2);
    expect(await bench.deadLetters()).toEqual([]);
  });

  it('a function that never answers costs a deadline at a time and no message', async () => {
    const { bench, target } = await suite.prepare({ limits: { requestTimeoutMs: 150, killsBeforeDeadLetter: 1 } });
    target.script = () => 'silence';
    await bench.publish(oneState(8));
    const connector = await bench.start(target.url);
    await until('several deadlines', () => (connector.metrics()['requests{timeout}'] ?? 0) >= 4);
    target.script = () => undefined;
    await until('all messages', () => target.acked.length === 8);
    expect(await bench.deadLetters()).toEqual([]);
  });

  it('keeps a long call alive: the server delivers nothing twice although the call outlasts its ack wait', async () => {
    const { bench, target } = await suite.prepare({
      syncRoute: { ackWaitSeconds: 2 },
      limits: { requestTimeoutMs: 30_000 },
    });
    target.script = async ({ events }) => {
      await sleep(5_500);
      return { outcomes: ackAll(events) };
    };
    await bench.publish(oneState(1));
    const connector = await bench.start(target.url);
    await until('the message', () => target.acked.length === 1);
    expect(target.calls).toHaveLength(1);
    expect(connector.metrics()['redelivered_while_held']).toBeUndefined();
    await until('the stream to be empty', async () => (await bench.streamMessages()) === 0);
  });
});
