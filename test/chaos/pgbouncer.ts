import { fileURLToPath } from 'node:url';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { access, chmod, copyFile, cp, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from '../../infra/local/free-port.ts';
import { findOnPath, withFolderLock } from '../../infra/local/nats-binary.ts';
import { identityOf } from '../../infra/local/postgres-data.ts';
import { findServerUser } from '../../infra/local/system-user.ts';

const run = promisify(execFile);
const cacheDir = fileURLToPath(new URL('../../.cache/pgbouncer', import.meta.url));

/** The program and the folder of libraries that it brings; empty if the system has them. */
interface PoolerBinary {
  readonly program: string;
  readonly libraries: string;
}

/** Unpacks the distribution's packages (Debian, Ubuntu) into the cache folder; installs nothing. */
const unpack = async (): Promise<void> => {
  const staging = await mkdtemp(`${cacheDir}-`);
  try {
    const download = () => run('apt-get', ['download', 'pgbouncer', 'libc-ares2'], { cwd: staging, timeout: 60_000 });
    await download().catch(async () => {
      await run('apt-get', ['update'], { timeout: 120_000 });
      return await download();
    });
    for (const archive of (await readdir(staging)).filter((file) => file.endsWith('.deb'))) {
      await run('dpkg', ['-x', archive, 'root'], { cwd: staging });
    }
    const target = join(staging, 'done');
    await mkdir(join(target, 'lib'), { recursive: true });
    await copyFile(join(staging, 'root/usr/sbin/pgbouncer'), join(target, 'pgbouncer'));
    const [triplet] = await readdir(join(staging, 'root/usr/lib')).then((names) =>
      names.filter((name) => name.includes('linux-gnu')),
    );
    if (triplet !== undefined)
      await cp(join(staging, 'root/usr/lib', triplet), join(target, 'lib'), {
        recursive: true,
        verbatimSymlinks: true,
      });
    await rename(target, cacheDir);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
};

const findBinary = async (): Promise<PoolerBinary> => {
  const installed = await findOnPath('pgbouncer', `${process.env['PATH'] ?? ''}:/usr/sbin`);
  if (installed !== undefined) return { program: installed, libraries: '' };
  const program = join(cacheDir, 'pgbouncer');
  const isThere = (): Promise<boolean> =>
    access(program).then(
      () => true,
      () => false,
    );
  if (!(await isThere())) {
    await withFolderLock(cacheDir, async () => {
      if (!(await isThere())) await unpack();
    });
  }
  return { program, libraries: join(cacheDir, 'lib') };
};

export interface PgBouncer {
  readonly port: number;
  readonly pid: number | undefined;
  /** SIGKILL, and a new one on the same port. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface PgBouncerOptions {
  /** A folder that an unprivileged user may enter. */
  readonly folder: string;
  readonly databasePort: number;
  readonly user: string;
  readonly password: string;
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });

/**
 * PgBouncer in transaction mode on 127.0.0.1, as an unprivileged user if this process is root.
 * @throws if neither the machine has it nor the distribution's package can be had.
 */
export const startPgBouncer = async (options: PgBouncerOptions): Promise<PgBouncer> => {
  const binary = await findBinary();
  const folder = join(options.folder, 'pgbouncer');
  await mkdir(join(folder, 'lib'), { recursive: true });
  // A copy that the server's own user can reach: the cache folder may be below one that it may not enter.
  const program = join(folder, 'pgbouncer');
  await copyFile(binary.program, program);
  await chmod(program, 0o755);
  if (binary.libraries !== '')
    await cp(binary.libraries, join(folder, 'lib'), { recursive: true, verbatimSymlinks: true });
  const port = await freePort();
  const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
  await writeFile(join(folder, 'users.txt'), `${quoted(options.user)} ${quoted(options.password)}\n`);
  const config = join(folder, 'pgbouncer.ini');
  await writeFile(
    config,
    [
      '[databases]',
      `* = host=127.0.0.1 port=${options.databasePort}`,
      '[pgbouncer]',
      'listen_addr = 127.0.0.1',
      `listen_port = ${port}`,
      'unix_socket_dir =',
      'auth_type = scram-sha-256',
      `auth_file = ${join(folder, 'users.txt')}`,
      'pool_mode = transaction',
      'default_pool_size = 4',
      'max_client_conn = 200',
      'query_wait_timeout = 5',
      'server_login_retry = 1',
      'server_connect_timeout = 3',
      '',
    ].join('\n'),
  );
  const user = await findServerUser(() => undefined);
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    const started = spawn(program, [config], {
      stdio: 'ignore',
      env: { PATH: process.env['PATH'], LD_LIBRARY_PATH: join(folder, 'lib') },
      ...identityOf(user),
    });
    child = started;
    let failure: Error | undefined;
    started.once('error', (error) => (failure = error));
    for (let tries = 0; !(await answers(port)); tries += 1) {
      if (failure !== undefined) throw failure;
      if (started.exitCode !== null || tries > 200) throw new Error(`pgbouncer did not start (${started.exitCode})`);
      await sleep(25);
    }
  };
  const kill = async (): Promise<void> => {
    const running = child;
    child = undefined;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const ended = once(running, 'exit');
    running.kill('SIGKILL');
    await ended;
  };
  process.once('exit', () => child?.kill('SIGKILL'));
  await start();
  return {
    port,
    get pid() {
      return child?.pid;
    },
    restart: async () => {
      await kill();
      await start();
    },
    stop: kill,
  };
};
