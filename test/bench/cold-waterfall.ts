import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { freePort } from '../../infra/local/free-port.ts';
import type { BenchContext, Chart } from './bench.ts';
import { post, untilListening, type Bodies, type Subject } from './cold-process.ts';
import { spawnNode } from './spawn-node.ts';
import { medianSteps, waterfallLines, type TimedStep } from './waterfall.ts';
import { watchNats, watchPostgres, type WatchedServer } from './watched-server.ts';

/** Is loaded before the bundle: writes when what was done to file descriptor 3, in milliseconds since the epoch. */
const marks = `
const { writeSync } = require('node:fs');
const mark = (name) => writeSync(3, name + ' ' + (performance.timeOrigin + performance.now()) + '\\n');
mark('booted');
const vm = require('node:vm');
const { Server } = require('node:net');
vm.Script = class extends vm.Script {
  constructor(source, options) {
    mark('read');
    super(source, options);
    mark('compiled');
  }
};
const { listen } = Server.prototype;
Server.prototype.listen = function (...args) {
  mark('listen');
  this.once('listening', () => mark('listening'));
  return listen.apply(this, args);
};
`;

const untilMs = 150;
const columns = 60;

/** The servers with somebody before them who watches, and the subject's environment that leads there. */
interface Watched {
  readonly servers: readonly WatchedServer[];
  readonly env: NodeJS.ProcessEnv;
}

const watchServers = async (env: NodeJS.ProcessEnv): Promise<Watched> => {
  const servers: WatchedServer[] = [];
  const led: Record<string, string> = {};
  for (const [name, watch] of [
    ['DATABASE_URL', watchPostgres],
    ['MSG_URL', watchNats],
  ] as const) {
    const url = new URL(env[name]!);
    const server = await watch({ host: url.hostname, port: Number(url.port) });
    servers.push(server);
    url.port = String(server.port);
    led[name] = url.href;
  }
  return { servers, env: { ...env, ...led } };
};

/** One start, as steps from the spawn on. */
const watchStart = async (
  context: BenchContext,
  subject: Subject,
  body: Uint8Array,
  { servers, env }: Watched,
  marksFile: string,
): Promise<readonly TimedStep[]> => {
  const port = await freePort();
  for (const server of servers) server.take();
  const spawnedMs = performance.timeOrigin + performance.now();
  const child = spawnNode(context, ['--require', marksFile, ...subject.args], {
    env: { ...env, PORT: String(port) },
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  let told = '';
  (child.stdio[3] as Readable).setEncoding('utf8').on('data', (text: string) => (told += text));
  const exited = once(child, 'close');
  let sentMs = 0;
  let answeredMs = 0;
  try {
    await untilListening(port, child);
    sentMs = performance.timeOrigin + performance.now();
    const answer = await post(port, body);
    answeredMs = performance.timeOrigin + performance.now();
    if (!answer.startsWith('200')) throw new Error(`not stored: ${answer}`);
  } finally {
    child.kill('SIGKILL');
    await exited;
  }
  const at = Object.fromEntries(told.split('\n').map((line) => line.split(' '))) as Readonly<Record<string, string>>;
  const ms = (name: string): number => Number(at[name]);
  const steps: readonly TimedStep[] = [
    { name: 'Node starts', startMs: spawnedMs, endMs: ms('booted') },
    { name: 'the loader reads bundle and code cache', startMs: ms('booted'), endMs: ms('read') },
    { name: 'V8 takes them', startMs: ms('read'), endMs: ms('compiled') },
    { name: 'modules, settings', startMs: ms('compiled'), endMs: ms('listen') },
    { name: 'the port opens', startMs: ms('listen'), endMs: ms('listening') },
    { name: 'a message is answered', startMs: sentMs, endMs: answeredMs },
    ...servers.flatMap((server) => server.take()),
  ];
  return steps
    .map(({ name, startMs, endMs }) => ({ name, startMs: startMs - spawnedMs, endMs: endMs - spawnedMs }))
    .toSorted((one, other) => one.startMs - other.startMs);
};

/** The first 150 ms of each subject: what it does by itself, and what it asks of the servers. */
export const drawColdStarts = async (
  context: BenchContext,
  subjects: readonly Subject[],
  bodies: Bodies,
): Promise<readonly Chart[]> => {
  const marksFile = join(context.folder, 'marks.cjs');
  await writeFile(marksFile, marks);
  const charts: Chart[] = [];
  for (const subject of subjects) {
    const watched = await watchServers(subject.env);
    try {
      const runs: (readonly TimedStep[])[] = [];
      const body = subject.until === 'forwarded' ? bodies.forwarded : bodies.stored;
      for (let run = 0; run < (context.short ? 1 : 15); run += 1) {
        runs.push(await watchStart(context, subject, body, watched, marksFile));
        context.note(`${subject.name}, watched, run ${run + 1}`);
      }
      const title = `the first ${untilMs} ms of ${subject.name} (medians of ${runs.length}, watched: start, duration in ms)`;
      charts.push({ title, lines: waterfallLines(medianSteps(runs), { untilMs, columns }) });
    } finally {
      for (const server of watched.servers) await server.close();
    }
  }
  return charts;
};
