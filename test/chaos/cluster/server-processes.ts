import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive } from '../../../infra/local/postgres-data.ts';
import type { PostgresServer } from '../../../infra/local/postgres-server.ts';

const crashMs = 20_000;

/** The postmaster and its children; none if it is stopped. */
export const serverPids = ({ pid }: Pick<PostgresServer, 'pid'>): readonly number[] => {
  if (pid === undefined) return [];
  const children = readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return readFileSync(`/proc/${name}/stat`, 'utf8').split(') ')[1]?.split(' ')[1] === String(pid);
    } catch {
      return false; // it ended between the two calls
    }
  });
  return [pid, ...children.map(Number)];
};

/** Sends it to every process of the server; returns how many got it. */
export const signalServer = (server: PostgresServer, signal: NodeJS.Signals): number => {
  let count = 0;
  for (const pid of serverPids(server)) {
    try {
      process.kill(pid, signal);
      count += 1;
    } catch (error) {
      // It ended by itself a moment ago.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
  return count;
};

/** Ends it as a crash does, without a checkpoint and without a word to its standby; resolves when it is gone. */
export const crashServer = async (server: PostgresServer): Promise<void> => {
  const { pid } = server;
  if (pid === undefined || !isAlive(pid)) return;
  signalServer(server, 'SIGCONT');
  // An immediate shutdown: it takes its children along, whose shared memory would be in the next one's way.
  process.kill(pid, 'SIGQUIT');
  for (let waitedMs = 0; isAlive(pid); waitedMs += 20) {
    if (waitedMs > crashMs) throw new Error(`PostgreSQL (${pid}) does not end`);
    await sleep(20);
  }
};
