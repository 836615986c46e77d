import { fileURLToPath } from 'node:url';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeLocalRouting } from '../../../infra/local/local-routing.ts';
import { claimFolder } from '../../../infra/local/single-start.ts';
import { superviseProcess } from '../../../infra/local/supervised-process.ts';
import { readRouting } from '../../../shared/config/read-routing.ts';
import { createLog } from '../../../shared/telemetry/log.ts';
import { until } from '../../support/until.ts';

const scripted = fileURLToPath(new URL('../../support/obedient-process.ts', import.meta.url));
const guardModule = new URL('../../../infra/local/orphan-guard.ts', import.meta.url).href;
const log = createLog({ service: 'test', level: 'ERROR', write: () => undefined, nowMs: Date.now });

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
};

let folder: string;
let children: ChildProcess[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'local-processes-'));
  children = [];
});

afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

describe('the guard of orphans', () => {
  it('ends what its process had started and not stopped, when that process is killed', async () => {
    const script = `
      import { spawn } from 'node:child_process';
      import { createOrphanGuard } from ${JSON.stringify(guardModule)};
      const guard = createOrphanGuard();
      const start = () => spawn('sleep', ['600'], { detached: true, stdio: 'ignore' }).pid;
      const kept = [start(), start()];
      const removed = start();
      for (const pid of [...kept, removed]) guard.add(pid);
      guard.remove(removed);
      console.log(JSON.stringify({ kept, removed }));
      setInterval(() => undefined, 1000);
    `;
    const parent = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(parent);
    const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string];
    const { kept, removed } = JSON.parse(line) as { kept: number[]; removed: number };
    await sleep(200);
    expect(kept.map(isAlive)).toEqual([true, true]);
    parent.kill('SIGKILL');
    await until('the orphans are gone', () => !kept.some(isAlive));
    expect(isAlive(removed)).toBe(true);
    process.kill(removed, 'SIGKILL');
  });
});

describe('a supervised process', () => {
  const options = (env: Readonly<Record<string, string>> = {}) => ({
    nodePath: process.execPath,
    entry: scripted,
    env: { ...process.env, ...env },
    startTimeoutMs: 10_000,
    onLine: () => undefined,
  });

  it('is started again when it dies, and not when it was stopped', async () => {
    const supervised = await superviseProcess('scripted', options(), log);
    const first = supervised.pid() ?? 0;
    process.kill(first, 'SIGKILL');
    await until('another one runs', () => supervised.pid() !== undefined && supervised.pid() !== first);
    expect(supervised.restarts()).toBe(1);
    const second = supervised.pid() ?? 0;
    await supervised.stop(5_000);
    await sleep(500);
    expect([first, second].filter(isAlive)).toEqual([]);
    expect(supervised.pid()).toBeUndefined();
    expect(supervised.restarts()).toBe(1);
  });

  it('is an error if it does not start the first time', async () => {
    await expect(superviseProcess('scripted', options({ FAIL_START: '1' }), log)).rejects.toThrow('exited with code 3');
  });

  it('can be stopped while it waits to be started again', async () => {
    const starts = join(folder, 'starts');
    const supervised = await superviseProcess('scripted', options({ STARTS_FILE: starts }), log);
    process.kill(supervised.pid() ?? 0, 'SIGKILL');
    await until('it is gone', () => supervised.pid() === undefined);
    await supervised.stop(5_000);
    await sleep(500);
    expect(readFileSync(starts, 'utf8').trim().split('\n')).toHaveLength(1);
  });
});

describe('the claim on a cache folder', () => {
  it('is refused while its owner lives, and taken over when the owner is gone', async () => {
    const owner = spawn(process.execPath, ['--eval', 'setInterval(() => {}, 1000) // some-program'], {
      stdio: 'ignore',
    });
    children.push(owner);
    await once(owner, 'spawn');
    writeFileSync(join(folder, 'start.pid'), String(owner.pid));
    await until('it has its command line', () =>
      readFileSync(`/proc/${String(owner.pid)}/cmdline`, 'utf8').includes('some-program'),
    );
    await expect(claimFolder(folder, 'some-program')).rejects.toThrow(`process ${String(owner.pid)} runs on ${folder}`);
    const ended = once(owner, 'exit');
    owner.kill('SIGKILL');
    await ended;
    const release = await claimFolder(folder, 'some-program');
    expect(readFileSync(join(folder, 'start.pid'), 'utf8').trim()).toBe(String(process.pid));
    await release();
    await (
      await claimFolder(folder, 'some-program')
    )();
  });

  it('is taken over where the number belongs to another program now', async () => {
    writeFileSync(join(folder, 'start.pid'), '1');
    await (
      await claimFolder(folder, 'some-program')
    )();
  });
});

describe('the local copy of the routing file', () => {
  const source = (): string => {
    const file = join(folder, 'routing.yaml');
    writeFileSync(
      file,
      `# kept
messageConfig:
  routes:
    - { selector: processor/state/sync, name: one, url: nats://localhost:4222, subject: one }
    - { selector: processor/state/router, name: two, url: nats://elsewhere:4222, subject: two }
    - selector: processor/monitor
      name: three
      url: nats://elsewhere:42225
      subject: three
`,
    );
    return file;
  };
  const urls = async (embedded: boolean): Promise<readonly string[]> => {
    const target = join(folder, 'run', 'routing.yaml');
    await writeLocalRouting(source(), target, { url: 'nats://127.0.0.1:5555', embedded });
    expect(readFileSync(target, 'utf8')).toContain('# kept');
    return [...(await readRouting(target)).routes.values()].map(({ url }) => url);
  };

  it('names our own server in every route', async () => {
    expect(await urls(true)).toEqual(Array.from({ length: 3 }, () => 'nats://127.0.0.1:5555'));
  });

  it('names a server of the user only if the file has the placeholder', async () => {
    expect(await urls(false)).toEqual(['nats://127.0.0.1:5555', 'nats://elsewhere:4222', 'nats://elsewhere:42225']);
  });
});
