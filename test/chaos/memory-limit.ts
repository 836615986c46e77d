import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Keeps processes within a limit as a container's runtime does: what needs more is killed by the kernel. */
export interface MemoryLimit {
  /** Puts the process under the limit, by itself; again is no matter. */
  add(pid: number): void;
  /** Processes that the kernel has killed for want of memory so far. */
  kills(): number;
  close(): void;
}

interface Controller {
  readonly root: string;
  readonly limitFile: string;
  /** How often the kernel has killed in this group. */
  readonly killsIn: (group: string) => number;
}

/** cgroup v1 and v2, whichever has a memory controller that we may use. */
const controllers: readonly Controller[] = [
  {
    root: '/sys/fs/cgroup/memory',
    limitFile: 'memory.limit_in_bytes',
    killsIn: (group) => numberIn(join(group, 'memory.oom_control'), /^oom_kill (\d+)$/m),
  },
  {
    root: '/sys/fs/cgroup',
    limitFile: 'memory.max',
    killsIn: (group) => numberIn(join(group, 'memory.events'), /^oom_kill (\d+)$/m),
  },
];

/**
 * A memory limit for single processes, or undefined where the machine lets us make no cgroup: then only sampling tells.
 * @param name of the folder below which each process gets a group
 */
export const createMemoryLimit = (name: string, limitBytes: number): MemoryLimit | undefined => {
  for (const controller of controllers) {
    const base = join(controller.root, name);
    try {
      mkdirSync(base, { recursive: true });
      if (!existsSync(join(base, controller.limitFile))) {
        rmdirSync(base);
        continue;
      }
      return limitIn(controller, base, limitBytes);
    } catch {
      // Read-only, or not ours to make: the next one, or none.
    }
  }
  return undefined;
};

const limitIn = (controller: Controller, base: string, limitBytes: number): MemoryLimit => {
  const groups = new Map<number, string>();
  return {
    add: (pid) => {
      if (groups.has(pid)) return;
      const group = join(base, String(pid));
      try {
        mkdirSync(group, { recursive: true });
        writeFileSync(join(group, controller.limitFile), String(limitBytes));
        writeFileSync(join(group, 'cgroup.procs'), String(pid));
        groups.set(pid, group);
      } catch (error) {
        // The process has ended meanwhile.
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    },
    kills: () => [...groups.values()].reduce((sum, group) => sum + controller.killsIn(group), 0),
    close: () => {
      for (const name of readdirSync(base)) {
        if (/^\d+$/.test(name)) removeGroup(join(base, name));
      }
      removeGroup(base);
    },
  };
};

/** A group of which a process still ends stays behind; it limits nobody. */
const removeGroup = (group: string): void => {
  try {
    rmdirSync(group);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
  }
};

const numberIn = (file: string, pattern: RegExp): number => Number(pattern.exec(readFileSync(file, 'utf8'))?.[1] ?? 0);
