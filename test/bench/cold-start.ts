import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeFlags } from '../../infra/local/function-replica.ts';
import { bareServer } from './bare-server.ts';
import type { Bench, BenchContext, BenchResult } from './bench.ts';
import { measure, warmCompileCache, type Bodies, type Subject } from './cold-process.ts';
import { drawColdStarts } from './cold-waterfall.ts';
import { createBenchState, createDatabase } from './databases.ts';
import { routeMessage } from './messages.ts';
import { ratioSpread, spreadOf } from './statistics.ts';
import { startSystem } from './system.ts';
import { createRandom, naturalRows } from './words.ts';

const functions = ['state-direct', 'state-route', 'state-entry', 'manage'] as const;

const runColdStart = async (context: BenchContext): Promise<BenchResult> => {
  const runs = context.short ? 1 : 20;
  const bareFile = join(context.folder, 'bare-server.cjs');
  await writeFile(bareFile, bareServer);
  const database = await createDatabase(context);
  const state = await createBenchState(database.pool);
  const rows = naturalRows(1, 8, 9);
  const properties = { routing: { mode: 'after_save', dispatch: 'individual' } };
  const forwarding = await createBenchState(database.pool, { properties, processorsBehind: 1 });
  const bodies: Bodies = {
    stored: routeMessage(state, rows).payload,
    forwarded: routeMessage(forwarding, rows).payload,
  };
  // Makes the streams and the routing file; the collector's address answers.
  const system = await startSystem(context, { databaseUrl: database.url });
  const path = { PATH: process.env['PATH'] };
  const functionSubject = async (name: string, until: Subject['until'], tracing: boolean, cache: boolean) => {
    const cacheDir = join(context.folder, 'compile-cache', `${name}-${String(tracing)}`);
    await mkdir(cacheDir, { recursive: true });
    const title = [name, tracing ? 'tracing on' : 'tracing off', cache ? 'cache warm' : 'no cache', until].join(', ');
    return {
      name: title,
      args: [...nodeFlags, join(context.distDir, name, 'index.js')],
      env: {
        ...path,
        HOST: '127.0.0.1',
        DATABASE_URL: database.url,
        MSG_URL: system.natsUrl,
        ROUTING_FILE: system.routingFile,
        LOG_LEVEL: 'ERROR',
        ...(tracing ? { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' } : {}),
        ...(cache ? { NODE_COMPILE_CACHE: cacheDir } : {}),
      },
      until,
    } satisfies Subject;
  };
  try {
    const bare: Subject = { name: 'bare node:http, listening', args: [bareFile], env: path, until: 'listening' };
    const bareAnswer: Subject = { ...bare, name: 'bare node:http, answered', until: 'answered' };
    const empty: Subject = { name: 'node -e 0', args: ['-e', '0'], env: path, until: 'exit' };
    const traced: Subject[] = [];
    const answered: Subject[] = [];
    for (const name of functions) {
      traced.push(await functionSubject(name, 'listening', true, true));
      answered.push(await functionSubject(name, 'answered', true, true));
    }
    const stored = await functionSubject('state-route', 'stored', true, true);
    const forwarded = await functionSubject('state-route', 'forwarded', true, true);
    const untraced = [
      await functionSubject('state-route', 'listening', false, true),
      await functionSubject('state-route', 'stored', false, true),
      await functionSubject('state-route', 'listening', true, false),
      await functionSubject('state-route', 'stored', true, false),
    ];
    const subjects: readonly Subject[] = [
      empty,
      bare,
      bareAnswer,
      ...traced,
      ...answered,
      stored,
      forwarded,
      ...untraced,
    ];
    for (const subject of [...traced, ...untraced.slice(0, 1)]) await warmCompileCache(context, subject, bodies);
    const times = new Map<string, number[]>(subjects.map(({ name }) => [name, []]));
    const random = createRandom(10);
    for (let run = 0; run < runs; run += 1) {
      const order = subjects.map((subject) => ({ subject, at: random() })).sort((one, other) => one.at - other.at);
      for (const { subject } of order) times.get(subject.name)!.push(await measure(context, subject, bodies));
      context.note(`run ${run + 1} of ${runs}`);
    }
    const against = (subject: Subject) => ratioSpread(times.get(subject.name)!, times.get(bare.name)!);
    return {
      measurements: [...times].map(([name, values]) => ({ name, unit: 'ms', spread: spreadOf(values) })),
      charts: await drawColdStarts(context, [stored, forwarded], bodies),
      ratios: [
        ...traced.map((subject) => ({
          name: `cold start, ${subject.name}, against bare node:http`,
          spread: against(subject),
          required: { rule: 'at most', value: 2 } as const,
        })),
        {
          name: `cold start, ${stored.name}, against bare node:http`,
          spread: against(stored),
          required: { rule: 'at most', value: 2.4 },
        },
        {
          name: `cold start, ${forwarded.name}, against bare node:http`,
          spread: against(forwarded),
          required: { rule: 'at most', value: 3.2 },
        },
      ],
    };
  } finally {
    await system.close();
    await database.drop();
  }
};

/** From the start of a process to an open port, to a first answer and to the first stored message, and what happens meanwhile. */
export const coldStartBench: Bench = { name: 'cold-start', seconds: 70, run: runColdStart };
