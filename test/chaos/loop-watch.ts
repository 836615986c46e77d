import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** How long the event loop of a process was kept from turning by the process's own work, at most. */
export interface LoopBlock {
  readonly process: string;
  readonly blockedMs: number;
}

/** Longer than this no turn of an event loop may take: health checks and other messages wait for it. */
export const mostBlockedMs = 250;

/**
 * A timer that should fire every 20 ms. How late it is tells nothing by itself: the suite freezes processes, and two cores are
 * few. So the time counts in which the thread itself has worked meanwhile.
 */
const script = (folder: string): string => `'use strict';
const fs = require('node:fs');
const everyMs = 20;
const file = ${JSON.stringify(folder)} + '/' + process.pid;
const name = process.argv[1] ?? 'node';
let most = 40;
let at = performance.now();
let cpu = process.threadCpuUsage();
setInterval(() => {
  const now = performance.now();
  const used = process.threadCpuUsage(cpu);
  const blockedMs = Math.min(now - at - everyMs, (used.user + used.system) / 1000);
  at = now;
  cpu = process.threadCpuUsage();
  // The start is not a turn that anybody waits for.
  if (process.uptime() < 3 || blockedMs <= most) return;
  most = blockedMs;
  try { fs.writeFileSync(file, JSON.stringify({ process: name, blockedMs })); } catch {}
}, everyMs).unref();
`;

/** Writes what watches the loop of a process; returns the option of node that loads it before everything else. */
export const writeLoopWatch = async (folder: string): Promise<string> => {
  const seen = join(folder, 'loops');
  await mkdir(seen, { recursive: true });
  const file = join(folder, 'loop-watch.cjs');
  await writeFile(file, script(seen));
  return `--require=${file}`;
};

/** The longest block of each process since the last look. */
export const takeLoopBlocks = async (folder: string): Promise<readonly LoopBlock[]> => {
  const seen = join(folder, 'loops');
  const blocks: LoopBlock[] = [];
  for (const name of await readdir(seen)) {
    const file = join(seen, name);
    try {
      blocks.push(JSON.parse(await readFile(file, 'utf8')) as LoopBlock);
    } catch (error) {
      // Killed while it wrote: half a line says nothing.
      if (!(error instanceof SyntaxError)) throw error;
    }
    await rm(file, { force: true });
  }
  return blocks;
};
