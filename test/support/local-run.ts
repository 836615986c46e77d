import { fileURLToPath } from 'node:url';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { findNatsBinary } from '../../infra/local/nats-binary.ts';
import { natsCacheDir } from './test-nats.ts';
import { until } from './until.ts';

export const rootDir = fileURLToPath(new URL('../..', import.meta.url));

/** One `npm start` under test. */
export interface LocalRun {
  readonly output: () => string;
  readonly errors: () => string;
  readonly pid: number | undefined;
  readonly signal: (name: NodeJS.Signals) => void;
  /** Stops reading what it prints, as a closed pipe does. */
  readonly stopReading: () => void;
  readonly ended: Promise<number | null>;
}

export interface ReadyUrls {
  readonly nats: string;
  readonly database: string;
  readonly gateway: string;
  readonly functionTokenFile: string;
}

/** What the `ready` line of a run says; undefined before it is there. */
export const readyUrls = (run: LocalRun): ReadyUrls | undefined => {
  const found = /^ready (\{.*\})$/m.exec(run.output())?.[1];
  return found === undefined ? undefined : (JSON.parse(found) as ReadyUrls);
};

export const untilReady = async (run: LocalRun): Promise<ReadyUrls> => {
  await until('it is ready', () => readyUrls(run) !== undefined, { context: () => run.output() + run.errors() });
  return readyUrls(run) as ReadyUrls;
};

/** A data folder of a test's own, and the runs on it. */
export interface LocalRunFolder {
  readonly folder: string;
  /** `npm start` without npm. */
  readonly start: (args: readonly string[], env?: Readonly<Record<string, string>>) => LocalRun;
  /** Every process whose command line names the folder: the servers, the functions and the connector do. */
  readonly left: () => readonly string[];
  /** Kills the runs and waits until nothing of them is left. */
  readonly killRuns: () => Promise<void>;
  readonly remove: () => Promise<void>;
}

export const createLocalRunFolder = async (): Promise<LocalRunFolder> => {
  const natsFolder = dirname(await findNatsBinary({ cacheDir: natsCacheDir }));
  // PostgreSQL runs as a user of its own if the tests run as root: it must be able to enter.
  const folder = await mkdtemp('/var/tmp/local-start-');
  await chmod(folder, 0o755);
  const kills = new Set<() => void>();
  const left = (): readonly string[] =>
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => {
        try {
          return `${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')}`;
        } catch {
          return ''; // ended between the two calls
        }
      })
      .filter((line) => line.includes(folder));
  return {
    folder,
    left,
    start: (args, env = {}) => {
      const { DATABASE_URL: _database, MSG_URL: _nats, ...rest } = process.env;
      const path = `${natsFolder}:${rest['PATH'] ?? ''}`;
      const child = spawn(process.execPath, [join(rootDir, 'infra/local/start.ts'), ...args], {
        env: { ...rest, PATH: path, CACHE_DIR: folder, GATEWAY_PORT: '0', ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      kills.add(() => child.kill('SIGKILL'));
      const texts = { output: '', errors: '' };
      child.stdout.setEncoding('utf8').on('data', (text: string) => (texts.output += text));
      child.stderr.setEncoding('utf8').on('data', (text: string) => (texts.errors += text));
      return {
        output: () => texts.output,
        errors: () => texts.errors,
        pid: child.pid,
        signal: (name) => void child.kill(name),
        stopReading: () => {
          child.stdout.destroy();
          child.stderr.destroy();
        },
        ended: once(child, 'close').then(([code]) => code as number | null),
      };
    },
    killRuns: async () => {
      for (const kill of kills) kill();
      kills.clear();
      await until('nothing is left', () => left().length === 0, { context: () => left().join('\n') });
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
};
