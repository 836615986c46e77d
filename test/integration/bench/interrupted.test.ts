import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { until } from '../../support/until.ts';

const run = promisify(execFile);

interface Listed {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

const listProcesses = async (): Promise<readonly Listed[]> => {
  const { stdout } = await run('ps', ['-eo', 'pid=,ppid=,stat=,args='], { maxBuffer: 16 * 1024 * 1024 });
  return stdout.split('\n').flatMap((line) => {
    const [, pid, parent, state, command] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    // A zombie has ended; it waits for whoever has to hear of it.
    if (command === undefined || state?.startsWith('Z') === true) return [];
    return [{ pid: Number(pid), parent: Number(parent), command }];
  });
};

const descendantsOf = async (root: number): Promise<readonly Listed[]> => {
  const all = await listProcesses();
  const found: Listed[] = [];
  let parents = new Set([root]);
  while (parents.size > 0) {
    const next = all.filter(({ parent }) => parents.has(parent));
    found.push(...next);
    parents = new Set(next.map(({ pid }) => pid));
  }
  return found;
};

const folders = (): readonly string[] =>
  readdirSync('/var/tmp')
    .filter((name) => name.startsWith('state-sync-bench-'))
    .map((name) => `/var/tmp/${name}`);

it.each([
  { signal: 'SIGINT', code: 130 },
  { signal: 'SIGTERM', code: 143 },
] as const)('leaves no process and no file behind when it gets $signal', async ({ signal, code }) => {
  const before = new Set(folders());
  const bench = spawn(process.execPath, ['test/bench/run.ts', '--only', 'tracing'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(bench, 'exit');
  let output = '';
  for (const stream of [bench.stdout, bench.stderr]) stream.on('data', (text: Buffer) => (output += text.toString()));
  try {
    let started: readonly Listed[] = [];
    const parts = ['postgres', 'nats-server', 'state-route/index.js', 'connector/index.js'];
    await until(
      'all parts of a system run',
      async () => {
        started = await descendantsOf(bench.pid!);
        return parts.every((part) => started.some(({ command }) => command.includes(part)));
      },
      { context: () => output },
    );
    const own = folders().filter(
      (folder) => !before.has(folder) && started.some(({ command }) => command.includes(folder)),
    );
    expect(own).toHaveLength(1);
    bench.kill(signal);
    expect(await ended).toEqual([code, null]);
    const pids = new Set(started.map(({ pid }) => pid));
    await until('nothing of it runs', async () => !(await listProcesses()).some(({ pid }) => pids.has(pid)));
    expect(own.filter((folder) => existsSync(folder))).toEqual([]);
    expect(output).toContain('stopped; no process is left');
  } finally {
    bench.kill('SIGKILL');
  }
});
