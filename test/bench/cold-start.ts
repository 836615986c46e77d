import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../infra/local/free-port.ts';
import { nodeFlags } from '../../infra/local/function-replica.ts';
import { bareServer } from './bare-server.ts';
import type { Bench, BenchContext, BenchResult } from './bench.ts';
import { createBenchState, createDatabase } from './databases.ts';
import { routeMessage } from './messages.ts';
import { ratioSpread, spreadOf } from './statistics.ts';
import { startSystem } from './system.ts';
import { createRandom, naturalRows } from './words.ts';

/** Whether something listens; a refusal costs next to nothing. */
const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });

const untilListening = async (port: number, child: ChildProcess): Promise<void> => {
  while (!(await listens(port))) {
    if (child.exitCode !== null) throw new Error('the process ended before it listened');
    await sleep(1);
  }
};

/** The status and body of a POST. */
const post = (port: number, body: Uint8Array): Promise<string> =>
  new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': body.byteLength };
    const call = request({ host: '127.0.0.1', port, method: 'POST', path: '/', agent: false, headers }, (reply) => {
      let text = '';
      reply.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      reply.once('end', () => resolve(`${reply.statusCode} ${text}`));
    });
    call.once('error', reject);
    call.end(body);
  });

interface Subject {
  readonly name: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /**
   * What is measured: until the port is open, until a first answer, until the first message is stored (and passed on), or
   * until the end.
   */
  readonly until: 'listening' | 'answered' | 'stored' | 'forwarded' | 'exit';
}

/** Messages for a state that nothing stands behind, and for one that a processor stands behind. */
interface Bodies {
  readonly stored: Uint8Array;
  readonly forwarded: Uint8Array;
}

const measure = async (subject: Subject, bodies: Bodies): Promise<number> => {
  const port = await freePort();
  const startedMs = performance.now();
  const child = spawn(process.execPath, subject.args, {
    env: { ...subject.env, PORT: String(port) },
    stdio: 'ignore',
  });
  const exited = once(child, 'exit');
  try {
    if (subject.until === 'exit') await exited;
    else {
      await untilListening(port, child);
      if (subject.until !== 'listening') {
        const answer = await post(port, subject.until === 'forwarded' ? bodies.forwarded : bodies.stored);
        if (subject.until !== 'answered' && !answer.startsWith('200')) throw new Error(`not stored: ${answer}`);
      }
    }
    return performance.now() - startedMs;
  } finally {
    child.kill('SIGKILL');
    await exited;
  }
};

/** Starts a function once and ends it politely, as the image build does: V8 writes its compile cache at the end. */
const warmCompileCache = async (subject: Subject, { forwarded }: Bodies): Promise<void> => {
  const port = await freePort();
  const child = spawn(process.execPath, subject.args, { env: { ...subject.env, PORT: String(port) }, stdio: 'ignore' });
  await untilListening(port, child);
  // One that forwards: it needs every part.
  await post(port, forwarded);
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
};

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
    for (const subject of [...traced, ...untraced.slice(0, 1)]) await warmCompileCache(subject, bodies);
    const times = new Map<string, number[]>(subjects.map(({ name }) => [name, []]));
    const random = createRandom(10);
    for (let run = 0; run < runs; run += 1) {
      const order = subjects.map((subject) => ({ subject, at: random() })).sort((one, other) => one.at - other.at);
      for (const { subject } of order) times.get(subject.name)!.push(await measure(subject, bodies));
      if (run % 5 === 4) context.note(`cold start: ${run + 1} of ${runs}`);
    }
    const against = (subject: Subject) => ratioSpread(times.get(subject.name)!, times.get(bare.name)!);
    return {
      measurements: [...times].map(([name, values]) => ({ name, unit: 'ms', spread: spreadOf(values) })),
      ratios: [
        ...traced.map((subject) => ({
          name: `cold start, ${subject.name}, against bare node:http`,
          spread: against(subject),
          required: { rule: 'at most', value: 2 } as const,
        })),
        {
          name: `cold start, ${stored.name}, against bare node:http`,
          spread: against(stored),
          required: { rule: 'at most', value: 4 },
        },
        { name: `cold start, ${forwarded.name}, against bare node:http`, spread: against(forwarded) },
      ],
    };
  } finally {
    await system.close();
    await database.drop();
  }
};

/** From the start of a process to an open port, to a first answer and to the first stored message. */
export const coldStartBench: Bench = { name: 'cold-start', run: runColdStart };
