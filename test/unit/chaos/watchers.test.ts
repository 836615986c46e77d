import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { takeLoopBlocks, writeLoopWatch } from '../../chaos/loop-watch.ts';
import { createMemoryLimit } from '../../chaos/memory-limit.ts';

describe('the watch of event loops', () => {
  it('sees work that blocks a loop, and neither sleep nor a start', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'loops-'));
    try {
      const option = await writeLoopWatch(folder);
      const work = `const until = performance.now() + 400; while (performance.now() < until);`;
      const program = `${work} setTimeout(() => { ${work} setTimeout(() => {}, 200); }, 3200);`;
      await promisify(execFile)(process.execPath, [option, '-e', program]);
      const [block, ...more] = await takeLoopBlocks(folder);
      expect(more).toEqual([]);
      // The machine may be busy: what counts is the thread's own time.
      expect(block?.blockedMs).toBeGreaterThan(50);
      expect(block?.blockedMs).toBeLessThan(420);
      expect(await takeLoopBlocks(folder)).toEqual([]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

const probe = createMemoryLimit(`state-sync-probe-${process.pid}`, 64 * 1024 * 1024);
probe?.close();

describe.skipIf(probe === undefined)(
  `a memory limit${probe === undefined ? ' (skipped: this machine lets us make no memory cgroup)' : ''}`,
  () => {
    it('kills a process that takes more, and counts it', async () => {
      const limit = createMemoryLimit(`state-sync-test-${process.pid}`, 96 * 1024 * 1024)!;
      try {
        const program = `setTimeout(() => { const all = []; for (;;) all.push(Buffer.alloc(1 << 20, 1)); }, 500);`;
        const child = execFile(process.execPath, ['-e', program]);
        limit.add(child.pid!);
        const signal = await new Promise((resolve) => child.once('exit', (_code, how) => resolve(how)));
        expect(signal).toBe('SIGKILL');
        for (let waitedMs = 0; limit.kills() === 0 && waitedMs < 2_000; waitedMs += 50) await sleep(50);
        expect(limit.kills()).toBe(1);
      } finally {
        limit.close();
      }
    });
  },
);
