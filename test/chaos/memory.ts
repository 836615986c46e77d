import { readFileSync } from 'node:fs';
import type { World } from './world.ts';

/** What one process of the store takes at a moment. */
export interface MemorySample {
  readonly kind: 'connector' | 'function';
  readonly megabytes: number;
}

/** What the deployments allow each of them (`infra/kubernetes/base`, `stack.yml`): above it a cluster kills the process. */
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
  const sample = (kind: MemorySample['kind'], pid: number | undefined): MemorySample[] => {
    const megabytes = pid === undefined ? undefined : residentOf(pid);
    return megabytes === undefined ? [] : [{ kind, megabytes }];
  };
  return [
    ...world.connectors.flatMap(({ pid }) => sample('connector', pid)),
    ...world.host.functions().flatMap(({ pids }) => pids.flatMap((pid) => sample('function', pid))),
  ];
};
