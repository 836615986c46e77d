import { readFileSync } from 'node:fs';
import type { World } from './world.ts';

/** What one process of the store takes at a moment. */
export interface MemorySample {
  readonly kind: 'connector' | 'function';
  /** `connector-1`, or the function: it may have several. */
  readonly process: string;
  readonly megabytes: number;
}

/** Half of what the deployments allow each of them (`infra/kubernetes/base`, `stack.yml`): above it the kernel kills the process. */
export const maxMegabytes = 256;

/** Undefined if there is no such process, or no /proc. */
const residentOf = (pid: number): number | undefined => {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kilobytes === undefined ? undefined : Math.round(Number(kilobytes) / 1_024);
  } catch {
    return undefined;
  }
};

/** The resident memory of every connector and function that runs; empty if the system does not tell (Linux does). */
export const sampleMemory = (world: World): readonly MemorySample[] => {
  const sample = (kind: MemorySample['kind'], name: string, pid: number | undefined): MemorySample[] => {
    const megabytes = pid === undefined ? undefined : residentOf(pid);
    return megabytes === undefined ? [] : [{ kind, process: name, megabytes }];
  };
  return [
    ...world.connectors.flatMap(({ pid }, index) => sample('connector', `connector-${index + 1}`, pid)),
    ...world.host.functions().flatMap(({ name, pids }) => pids.flatMap((pid) => sample('function', name, pid))),
  ];
};
