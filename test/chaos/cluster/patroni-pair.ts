import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { access, chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { findOnPath } from '../../../infra/local/nats-binary.ts';
import { freePort } from '../../../infra/local/free-port.ts';
import { identityOf, isAlive } from '../../../infra/local/postgres-data.ts';
import type { PostgresServer } from '../../../infra/local/postgres-server.ts';
import { findServerUser } from '../../../infra/local/system-user.ts';
import { migrate } from '../../../infra/postgres/migrate.ts';
import { askServer } from '../../support/test-standby.ts';
import { until } from '../../support/until.ts';
import { startTcpProxy, type TcpProxy } from '../tcp-proxy.ts';
import type { DatabasePair, DatabasePairOptions } from './database-pair.ts';
import { crashServer, signalServer } from './server-processes.ts';

const run = promisify(execFile);

/** The programs of the distribution that take part. */
export interface PatroniPrograms {
  readonly patroni: string;
  readonly etcd: string;
  readonly haproxy: string;
  readonly binDir: string;
}

const searched = `${process.env['PATH'] ?? ''}:/usr/bin:/usr/sbin`;
const versions = ['18', '17', '16', '15', '14'] as const;

/** Undefined where the machine has not all of them. */
export const findPatroni = async (): Promise<PatroniPrograms | undefined> => {
  const [patroni, etcd, haproxy] = await Promise.all(
    ['patroni', 'etcd', 'haproxy'].map((name) => findOnPath(name, searched)),
  );
  if (patroni === undefined || etcd === undefined || haproxy === undefined) return undefined;
  for (const version of versions) {
    const binDir = `/usr/lib/postgresql/${version}/bin`;
    const isThere = await access(join(binDir, 'pg_basebackup')).then(
      () => true,
      () => false,
    );
    if (isThere) return { patroni, etcd, haproxy, binDir };
  }
  return undefined;
};

interface Machine {
  readonly name: 'a' | 'b';
  readonly dataDir: string;
  readonly config: string;
  readonly port: number;
  readonly restPort: number;
  /** How others reach its PostgreSQL. */
  readonly inbound: TcpProxy;
  agent: ChildProcess | undefined;
  /** Of the postmaster, as of the last look; undefined while it is stopped. */
  pid: number | undefined;
}

const settleMs = 240_000;
/** Whether a standby comes back by itself is known by then. */
const patienceMs = 45_000;
/** Patroni's own time until another one leads is 10 s. */
const takeoverMs = 40_000;
const password = (): string => randomUUID();

/** Two servers whose roles Patroni decides, by etcd; HAProxy leads to the primary, and cuts what leads to another one. */
export const startPatroniPair = async (
  programs: PatroniPrograms,
  options: DatabasePairOptions,
): Promise<DatabasePair> => {
  const folder = await mkdtemp('/var/tmp/state-sync-patroni-');
  await chmod(folder, 0o755);
  const user = await findServerUser(() => undefined);
  const identity = identityOf(user);
  const own = async (path: string): Promise<void> => {
    if (user !== undefined) await chown(path, user.uid, user.gid);
  };
  await own(folder);
  const children = new Set<ChildProcess>();
  const machines: Machine[] = [];
  const start = (program: string, args: readonly string[]): ChildProcess => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: `${programs.binDir}:${searched}`, LC_ALL: 'C.UTF-8', HOME: folder },
      cwd: folder,
      detached: true,
      ...identity,
    });
    children.add(child);
    child.once('exit', () => children.delete(child));
    for (const output of [child.stdout, child.stderr]) {
      output.setEncoding('utf8').on('data', (text: string) => {
        for (const line of text.trimEnd().split('\n')) options.onLog(`${program}: ${line}`);
      });
    }
    return child;
  };
  // The last resort if this process ends without stop(): what an agent started outlives it.
  process.once('exit', () => {
    for (const child of children) child.kill('SIGKILL');
    for (const { pid } of machines) if (pid !== undefined && isAlive(pid)) process.kill(pid, 'SIGQUIT');
  });

  const etcdPort = await freePort();
  const peerUrl = `http://127.0.0.1:${await freePort()}`;
  const clientUrl = `http://127.0.0.1:${etcdPort}`;
  await mkdir(join(folder, 'etcd'), { mode: 0o700 });
  await own(join(folder, 'etcd'));
  start(programs.etcd, [
    '--name=etcd',
    `--data-dir=${join(folder, 'etcd')}`,
    `--listen-client-urls=${clientUrl}`,
    `--advertise-client-urls=${clientUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=etcd=${peerUrl}`,
  ]);

  const passwords = { superuser: password(), replication: password() };
  for (const [index, name] of (['a', 'b'] as const).entries()) {
    const parent = options.disks?.[index as 0 | 1].folder ?? folder;
    await own(parent);
    const port = await freePort();
    const machine: Machine = {
      name,
      dataDir: join(parent, name),
      config: join(folder, `${name}.json`),
      port,
      restPort: await freePort(),
      inbound: await startTcpProxy(port, options.random.fork().next),
      agent: undefined,
      pid: undefined,
    };
    machines.push(machine);
    // YAML holds JSON.
    await writeFile(
      machine.config,
      JSON.stringify(patroniConfig(machine, etcdPort, passwords, programs.binDir, options)),
    );
    await chmod(machine.config, 0o644);
  }
  const boot = (machine: Machine): void => {
    machine.agent = start(programs.patroni, [machine.config]);
  };
  const answers = async ({ restPort }: Machine, path: string): Promise<boolean> => {
    try {
      return (await fetch(`http://127.0.0.1:${restPort}${path}`, { signal: AbortSignal.timeout(2_000) })).ok;
    } catch {
      return false; // it is dead, frozen or starting
    }
  };
  const other = (machine: Machine): Machine => machines.find((each) => each !== machine)!;
  const look = async (machine: Machine): Promise<void> => {
    const file = join(machine.dataDir, 'postmaster.pid');
    const pid = Number((await readFile(file, 'utf8').catch(() => '')).split('\n')[0]);
    machine.pid = pid > 0 && isAlive(pid) ? pid : undefined;
  };
  const urlOf = (port: number, database: string): string =>
    `postgresql://tester:${passwords.superuser}@127.0.0.1:${port}/${database}`;
  /** What Patroni says is as old as its last look: a primary that has just started again may have nobody yet. */
  const hasStandby = async ({ port }: Machine): Promise<boolean> => {
    const state = options.isSynchronous ? "sync_state = 'sync'" : "state = 'streaming'";
    const asked = askServer({ url: urlOf(port, 'postgres') }, `select from pg_stat_replication where ${state}`);
    return await asked.then(
      ({ length }) => length > 0,
      () => false, // it is dead, frozen or starting
    );
  };
  let leader = machines[0]!;
  const untilLed = async (wanted?: Machine): Promise<void> => {
    await until(
      'Patroni has a leader',
      async () => {
        for (const machine of wanted === undefined ? machines : [wanted]) {
          if (!(await answers(machine, '/primary'))) continue;
          leader = machine;
          await look(machine);
          return true;
        }
        return false;
      },
      { timeoutMs: settleMs },
    );
  };
  const untilWhole = async (): Promise<void> => {
    await untilLed();
    const path = options.isSynchronous ? '/synchronous' : '/replica';
    const startedMs = performance.now();
    let isAsked = false;
    await until(
      'Patroni has a standby',
      async () => {
        await untilLed();
        const isLate = performance.now() - startedMs > patienceMs;
        // Patroni may not write down what it has set up, if its agents were frozen and ended meanwhile. Then nobody takes over.
        if (await hasStandby(leader)) return isLate || (await answers(other(leader), path));
        if (!isAsked && isLate) isAsked = await makeAnew(other(leader));
        return false;
      },
      { timeoutMs: settleMs },
    );
  };
  /** As an operator does with a standby whose history has left the primary's, where Patroni does not see it. Returns whether it was told. */
  const makeAnew = async ({ name, restPort }: Machine): Promise<boolean> => {
    const asked = fetch(`http://127.0.0.1:${restPort}/reinitialize`, { method: 'POST', body: '{"force":true}' });
    const isTold = await asked.then(
      ({ ok }) => ok,
      () => false, // its agent is dead or starting
    );
    if (isTold) options.onLog(`suite: the standby ${name} does not come back by itself, it is made anew`);
    return isTold;
  };

  boot(leader);
  await untilLed();
  boot(other(leader));
  await untilWhole();
  await askServer({ url: urlOf(leader.port, 'postgres') }, 'create database test');
  await migrate(urlOf(leader.port, 'test'));

  const addressPort = await freePort();
  const proxyConfig = join(folder, 'haproxy.cfg');
  await writeFile(proxyConfig, haproxyConfig(addressPort, machines));
  start(programs.haproxy, ['-f', proxyConfig, '-db']);
  const url = urlOf(addressPort, 'test');
  // Until it has asked, it takes both for the primary and leads to them in turn.
  await until('HAProxy leads to the primary', async () => {
    for (let tries = 0; tries < 4; tries += 1) {
      if ((await askServer({ url }, 'select where not pg_is_in_recovery()')).length === 0) return false;
    }
    return true;
  });

  const serverOf = (machine: Machine): PostgresServer => ({
    url: urlOf(machine.port, 'test'),
    port: machine.port,
    get pid() {
      return machine.pid !== undefined && isAlive(machine.pid) ? machine.pid : undefined;
    },
    binDir: programs.binDir,
    dataDir: machine.dataDir,
    // Patroni starts it again, or lets the other one lead.
    stop: async () => {
      await look(machine);
      if (machine.pid !== undefined) process.kill(machine.pid, 'SIGINT');
    },
    restart: async (mode) => {
      await look(machine);
      if (mode === 'immediate') await crashServer(serverOf(machine));
      await untilWhole();
    },
  });
  /** Agent and server end at once, as if the power had gone. */
  const crash = async (machine: Machine): Promise<void> => {
    const { agent } = machine;
    machine.agent = undefined;
    if (agent !== undefined && agent.exitCode === null && agent.signalCode === null) {
      const ended = once(agent, 'exit');
      agent.kill('SIGKILL');
      await ended;
    }
    await look(machine);
    await crashServer(serverOf(machine));
  };
  /**
   * Until the other one leads, or it is plain that Patroni does not let it: the one that is lost had gone on without a standby, and is
   * the only one that has everything.
   */
  const untilTakenOver = async (lost: Machine): Promise<void> => {
    for (const deadlineMs = performance.now() + takeoverMs; performance.now() < deadlineMs; await sleep(200)) {
      if (await answers(other(lost), '/primary')) return await untilLed(other(lost));
    }
  };
  const loseMachine = async (): Promise<void> => {
    const lost = leader;
    await crash(lost);
    await untilTakenOver(lost);
    boot(lost);
    await untilWhole();
  };
  /** Another fault can come between, and Patroni gives up then: it is asked again once both are well. Returns whether it did it. */
  const switchOver = async (): Promise<boolean> => {
    for (let triesLeft = 3; triesLeft > 0; triesLeft -= 1) {
      await untilWhole();
      const old = leader;
      const body = JSON.stringify({ leader: old.name, candidate: other(old).name });
      const reply = await fetch(`http://127.0.0.1:${old.restPort}/switchover`, { method: 'POST', body });
      if (reply.ok) {
        await untilLed(other(old));
        await untilWhole();
        return true;
      }
      options.onLog(`suite: Patroni does not switch over: ${await reply.text()}`);
    }
    return false;
  };
  return {
    manager: 'Patroni, etcd and HAProxy',
    url,
    addressPort,
    get primary() {
      return serverOf(leader);
    },
    isSynchronous: options.isSynchronous,
    loseMachine,
    freezeMachine: async (twoPrimariesMs) => {
      const frozen = leader;
      await look(frozen);
      const server = serverOf(frozen);
      frozen.agent?.kill('SIGSTOP');
      signalServer(server, 'SIGSTOP');
      await untilTakenOver(frozen);
      // First the server alone: it does not know yet that it leads no longer.
      signalServer(server, 'SIGCONT');
      await sleep(twoPrimariesMs);
      frozen.agent?.kill('SIGCONT');
      await untilWhole();
    },
    switchOver,
    // HAProxy asks Patroni who leads, and leads nowhere else.
    switchOverBehindAddress: switchOver,
    loseStandby: async (ms) => {
      await untilWhole();
      const lost = other(leader);
      await crash(lost);
      await sleep(ms);
      boot(lost);
      await untilWhole();
    },
    loseMachineBehind: async (lagMs) => {
      await untilWhole();
      leader.inbound.setMode({ kind: 'stall' });
      await sleep(lagMs);
      const lost = leader;
      await crash(lost);
      lost.inbound.setMode({ kind: 'open' });
      await untilTakenOver(lost);
      boot(lost);
      await untilWhole();
    },
    crashThenLoseMachine: async (aloneMs) => {
      await untilWhole();
      const standby = other(leader);
      await crash(standby);
      await sleep(aloneMs / 2);
      await look(leader);
      await crashServer(serverOf(leader));
      await sleep(aloneMs / 2);
      const lost = leader;
      await crash(lost);
      // Patroni lets nobody lead that may lack something: both come back.
      boot(standby);
      boot(lost);
      await untilWhole();
    },
    fillDisk: async (ms) => {
      const disk = options.disks?.find((each) => leader.dataDir.startsWith(each.folder));
      if (disk === undefined) return false;
      await disk.fill();
      await sleep(ms);
      await disk.free();
      await untilWhole();
      return true;
    },
    stop: async () => {
      for (const machine of machines) await crash(machine);
      for (const child of children) child.kill('SIGKILL');
      await Promise.all(machines.map(({ inbound }) => inbound.close()));
      await run('rm', ['-rf', folder, ...machines.map(({ dataDir }) => dataDir)]);
      await rm(folder, { recursive: true, force: true });
    },
  };
};

const parametersOf = (args: readonly string[]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    args.filter((arg) => arg !== '-c').map((setting) => setting.split('=', 2) as [name: string, value: string]),
  );

const patroniConfig = (
  { name, dataDir, port, restPort, inbound }: Machine,
  etcdPort: number,
  passwords: { readonly superuser: string; readonly replication: string },
  binDir: string,
  options: DatabasePairOptions,
): object => ({
  scope: 'chaos',
  name,
  restapi: { listen: `127.0.0.1:${restPort}`, connect_address: `127.0.0.1:${restPort}` },
  etcd3: { hosts: [`127.0.0.1:${etcdPort}`] },
  bootstrap: {
    dcs: {
      // The shortest that Patroni allows.
      ttl: 20,
      loop_wait: 2,
      retry_timeout: 5,
      synchronous_mode: options.isSynchronous,
      postgresql: {
        use_pg_rewind: true,
        remove_data_directory_on_diverged_timelines: true,
        remove_data_directory_on_rewind_failure: true,
        parameters: {
          max_wal_size: '96MB',
          min_wal_size: '32MB',
          wal_keep_size: '128MB',
          shared_buffers: '32MB',
          wal_log_hints: 'on',
          ...parametersOf(options.args),
        },
      },
    },
    initdb: [{ encoding: 'UTF8' }, { locale: 'C.UTF-8' }],
  },
  postgresql: {
    listen: `127.0.0.1:${port}`,
    connect_address: `127.0.0.1:${inbound.port}`,
    data_dir: dataDir,
    bin_dir: binDir,
    pgpass: join('/tmp', `.pgpass-${String(port)}`),
    authentication: {
      superuser: { username: 'tester', password: passwords.superuser },
      replication: { username: 'replicator', password: passwords.replication },
    },
    parameters: { unix_socket_directories: '' },
    pg_hba: ['host all all 127.0.0.1/32 scram-sha-256', 'host replication all 127.0.0.1/32 scram-sha-256'],
  },
});

const haproxyConfig = (port: number, machines: readonly Machine[]): string =>
  [
    'defaults',
    '  mode tcp',
    '  timeout connect 2s',
    '  timeout client 1h',
    '  timeout server 1h',
    'listen primary',
    `  bind 127.0.0.1:${port}`,
    '  option httpchk GET /primary',
    '  http-check expect status 200',
    '  default-server inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions',
    ...machines.map(({ name, port: own, restPort }) => `  server ${name} 127.0.0.1:${own} check port ${restPort}`),
    '',
  ].join('\n');
