import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../infra/local/free-port.ts';
import type { BenchContext } from './bench.ts';
import { spawnNode } from './spawn-node.ts';

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

/** Until the port is open. @throws if the process ends before */
export const untilListening = async (port: number, child: ChildProcess): Promise<void> => {
  while (!(await listens(port))) {
    if (child.exitCode !== null) throw new Error('the process ended before it listened');
    await sleep(1);
  }
};

/** The status and body of a POST. */
export const post = (port: number, body: Uint8Array): Promise<string> =>
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

/** A process whose start is measured. */
export interface Subject {
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
export interface Bodies {
  readonly stored: Uint8Array;
  readonly forwarded: Uint8Array;
}

/** Milliseconds from the spawn until what the subject says. */
export const measure = async (context: BenchContext, subject: Subject, bodies: Bodies): Promise<number> => {
  const port = await freePort();
  const startedMs = performance.now();
  const child = spawnNode(context, subject.args, { env: { ...subject.env, PORT: String(port) } });
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
export const warmCompileCache = async (
  context: BenchContext,
  subject: Subject,
  { forwarded }: Bodies,
): Promise<void> => {
  const port = await freePort();
  const child = spawnNode(context, subject.args, { env: { ...subject.env, PORT: String(port) } });
  await untilListening(port, child);
  // One that forwards: it needs every part.
  await post(port, forwarded);
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
};
