import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { ensureConsumers } from '../../shared/nats/ensure-consumer.ts';
import { findStream } from '../../shared/nats/ensure-stream.ts';
import { settle } from '../../shared/nats/jetstream-message.ts';
import { createJetStreamPublisher } from '../../shared/nats/jetstream-publisher.ts';
import { pullMessages } from '../../shared/nats/pull-messages.ts';
import { ourAppend } from './append-candidates.ts';
import type { Bench, BenchContext, BenchResult } from './bench.ts';
import { bareServer } from './bare-server.ts';
import { createBenchState, createDatabase } from './databases.ts';
import { routeMessage } from './messages.ts';
import { spawnNode } from './spawn-node.ts';
import { quantile, spreadOf, type Spread } from './statistics.ts';
import { startSystem, type System } from './system.ts';
import { naturalRows } from './words.ts';

/** Idle between two measurements, so that none waits for the one before. */
const pauseMs = 5;

/** Milliseconds of each of many calls, one after the other, with a pause before each. */
const timesOf = async (count: number, call: (index: number) => Promise<number>): Promise<readonly number[]> => {
  const times: number[] = [];
  for (let index = -Math.ceil(count / 5); index < count; index += 1) {
    await sleep(pauseMs);
    const time = await call(index);
    if (index >= 0) times.push(time);
  }
  return times;
};

const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
};

/** A publication that is delivered to a pull consumer and acked, until the ack has reached the server. */
let roundTripCounter = 0;

const jetStreamTimes = async (system: System, payload: Uint8Array, count: number): Promise<readonly number[]> => {
  const { nats } = system;
  const manager = await nats.jetstreamManager();
  roundTripCounter += 1;
  const stream = `bench_round_trip_${roundTripCounter}`;
  const subject = `bench.round_trip.${roundTripCounter}`;
  await manager.streams.add({ name: stream, subjects: [subject] });
  const info = await findStream(nats, stream);
  if (info === undefined) throw new Error('the stream is missing');
  const wanted = { stream: info, durable: 'bench', filterSubjects: [subject], ackWaitMs: 30_000, maxAckPending: 1_000 };
  await ensureConsumers(nats, wanted);
  const publisher = createJetStreamPublisher(nats);
  let onAck = (): void => undefined;
  const acks = nats.subscribe(`$JS.ACK.${stream}.>`, { callback: () => onAck() });
  const puller = pullMessages(nats, {
    stream,
    durable: 'bench',
    capacity: () => ({ messages: 1_000, bytes: 1_000_000 }),
    onMessage: (message) => settle.ack(nats, message.reply ?? ''),
    restore: async () => undefined,
    onTrouble: () => undefined,
  });
  try {
    return await timesOf(count, (index) =>
      timed(async () => {
        const acked = new Promise<void>((resolve) => (onAck = resolve));
        await publisher.publish([{ stream, baseSubject: subject, subject, payload, id: `round-trip-${index}` }]);
        await acked;
      }),
    );
  } finally {
    await puller.stop();
    acks.unsubscribe();
    await publisher.close();
    await manager.streams.delete(stream);
  }
};

const postTimes = async (context: BenchContext, body: Uint8Array, count: number): Promise<readonly number[]> => {
  const child = spawnNode(context, ['-e', bareServer], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout!, 'data')) as [Buffer];
  const client = new Pool(`http://127.0.0.1:${line.toString().trim()}`, { pipelining: 1 });
  try {
    return await timesOf(count, () =>
      timed(async () => {
        const reply = await client.request({ path: '/', method: 'POST', body });
        await reply.body.text();
      }),
    );
  } finally {
    await client.destroy();
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
};

const runLatency = async (context: BenchContext): Promise<BenchResult> => {
  const rounds = context.short ? 1 : 5;
  const count = context.short ? 10 : 150;
  const rows = naturalRows(1_000, 8, 8);
  const database = await createDatabase(context);
  const names = ['append of 1 row', 'loopback POST', 'JetStream publish and ack', 'whole way'] as const;
  const times = new Map<string, (readonly number[])[]>(names.map((name) => [name, []]));
  try {
    const state = await createBenchState(database.pool);
    const candidate = await ourAppend(database, false);
    const system = await startSystem(context, { databaseUrl: database.url });
    try {
      const message = routeMessage(state, [rows[0]!]);
      for (let round = 0; round < rounds; round += 1) {
        const row = (index: number): readonly string[] => rows[(index + 1_000) % rows.length]!;
        const append = await timesOf(count, (index) => timed(() => candidate.store(state, [row(index)])));
        times.get('append of 1 row')!.push(append);
        times.get('loopback POST')!.push(await postTimes(context, message.payload, count));
        times.get('JetStream publish and ack')!.push(await jetStreamTimes(system, message.payload, count));
        const whole = await timesOf(count, async (index) => {
          const next = routeMessage(state, [row(index)]);
          const before = system.acked();
          const startedMs = performance.now();
          await system.publish([next]);
          return (await system.whenAcked(before + 1)) - startedMs;
        });
        times.get('whole way')!.push(whole);
        context.note(`round ${round + 1} of ${rounds}`);
      }
    } finally {
      await system.close();
    }
  } finally {
    await database.drop();
  }
  const medians = (name: string): readonly number[] => times.get(name)!.map((values) => quantile(values, 0.5));
  const sums = medians('append of 1 row').map(
    (value, round) => value + medians('loopback POST')[round]! + medians('JetStream publish and ack')[round]!,
  );
  const ratios = medians('whole way').map((value, round) => value / sums[round]!);
  const tail: Spread = spreadOf(times.get('whole way')!.map((values) => quantile(values, 0.99)));
  return {
    measurements: [
      ...names.map((name) => ({ name: `${name}, p50`, unit: 'ms' as const, spread: spreadOf(medians(name)) })),
      { name: 'sum of the parts, p50', unit: 'ms', spread: spreadOf(sums) },
      { name: 'whole way, p99', unit: 'ms', spread: tail },
    ],
    ratios: [
      {
        name: 'one message on an idle, warm system, publish to acked, against the sum of its parts',
        spread: spreadOf(ratios),
        required: { rule: 'at most', value: 2 },
      },
    ],
  };
};

/** One message at a time on an idle system. */
export const latencyBench: Bench = { name: 'latency', seconds: 30, run: runLatency };
