import { spawn } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isAlive } from '../../../infra/local/postgres-data.ts';
import { startPostgres, type PostgresServer } from '../../../infra/local/postgres-server.ts';
import { createPool } from '../../../shared/postgres/pool.ts';

let folder: string;
let dataDir: string;
let log: string[];
beforeEach(async () => {
  folder = await mkdtemp('/var/tmp/state-sync-server-');
  await chmod(folder, 0o755);
  dataDir = path.join(folder, 'data');
  log = [];
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const start = (port = 0): Promise<PostgresServer> =>
  startPostgres({
    dataDir,
    port,
    user: 'owner',
    password: 'secret word',
    database: 'a "quoted" name',
    args: ['-c', 'fsync=off'],
    onLog: (line) => log.push(line),
  });

const ask = async (url: string, text: string): Promise<readonly object[]> => {
  const pool = createPool(url, { max: 1 });
  try {
    return await pool.query(text);
  } finally {
    await pool.end();
  }
};

const postmasterPid = async (): Promise<number> =>
  Number((await readFile(path.join(dataDir, 'postmaster.pid'), 'utf8')).split('\n')[0]);

describe('the embedded server', () => {
  it('listens on the loopback address only, keeps its data between starts and leaves no process behind', async () => {
    const first = await start();
    expect(await ask(first.url, 'show listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }]);
    await ask(first.url, 'create table kept as select 42 as n');
    const { pid } = first;
    await first.stop();
    await first.stop();
    expect(first.pid).toBeUndefined();
    expect(isAlive(pid ?? 0)).toBe(false);
    const second = await start(first.port);
    expect(second.port).toBe(first.port);
    expect(await ask(second.url, 'select n from kept')).toEqual([{ n: 42 }]);
    await second.stop();
  });

  it('never runs as root', async () => {
    const server = await start();
    expect((await stat(dataDir)).uid).not.toBe(0);
    expect((await stat(dataDir)).mode & 0o077).toBe(0);
    await server.stop();
  });

  it('takes a free port if the wanted one is taken, and says so', async () => {
    const occupant = createServer().listen(0, '127.0.0.1');
    await once(occupant, 'listening');
    const { port } = occupant.address() as AddressInfo;
    const server = await start(port);
    expect(server.port).not.toBe(port);
    expect(log.join('\n')).toContain(`port ${port} is taken`);
    await server.stop();
    occupant.close();
  });

  it('restarts on the same port: fast without recovery, immediate with it, and keeps what was committed', async () => {
    const server = await start();
    await ask(server.url, 'create table kept as select 1 as n');
    await server.restart('fast');
    expect(log.join('\n')).not.toContain('automatic recovery');
    await ask(server.url, 'insert into kept values (2)');
    const before = server.pid;
    await server.restart('immediate');
    expect(server.pid).not.toBe(before);
    expect(log.join('\n')).toContain('automatic recovery');
    expect(await ask(server.url, 'select count(*)::int as n from kept')).toEqual([{ n: 2 }]);
    await server.stop();
  });

  it('starts although a postmaster.pid of another program was left behind', async () => {
    const server = await start();
    await server.stop();
    await writeFile(path.join(dataDir, 'postmaster.pid'), `${process.pid}\n${dataDir}\n`);
    const again = await start();
    expect(await ask(again.url, 'select 1 as n')).toEqual([{ n: 1 }]);
    await again.stop();
  });

  it('refuses data that a living process runs a server on', async () => {
    const server = await start();
    // As another process would see it: the owner is alive and is not us.
    await writeFile(`${dataDir}.owner`, String(process.ppid));
    await expect(start()).rejects.toThrow(/in use/);
    expect(await ask(server.url, 'select 1 as n')).toEqual([{ n: 1 }]);
    await server.stop();
  });

  it('ends soon after its parent is killed, and the next start works', async () => {
    const script = `
      import { startPostgres } from ${JSON.stringify(new URL('../../../infra/local/postgres-server.ts', import.meta.url).href)};
      await startPostgres({ dataDir: ${JSON.stringify(dataDir)}, user: 'owner', password: 'secret word', database: 'd',
        onLog: () => undefined });
      process.stdout.write('ready');`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(parent.stdout, 'data');
    const pid = await postmasterPid();
    parent.kill('SIGKILL');
    await once(parent, 'exit');
    const server = await start();
    expect(isAlive(pid)).toBe(false);
    await server.stop();
  });

  it('says what went wrong if it cannot start', async () => {
    const server = await start();
    await server.stop();
    const broken = startPostgres({
      dataDir,
      user: 'owner',
      password: 'x',
      database: 'd',
      args: ['-c', 'shared_buffers=nonsense'],
      onLog: () => undefined,
    });
    await expect(broken).rejects.toThrow(/shared_buffers/);
  });

  it.runIf(process.getuid?.() === 0)('keeps its data elsewhere where its user cannot enter the folder', async () => {
    await chmod(folder, 0o700);
    const server = await start();
    expect(server.dataDir.startsWith('/var/tmp/state-sync-store-data-')).toBe(true);
    expect(log.join('\n')).toContain('cannot enter');
    await server.stop();
    await rm(server.dataDir, { recursive: true, force: true });
  });
});
