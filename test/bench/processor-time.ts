import { readFileSync } from 'node:fs';

/** Linux counts in hundredths of a second, whatever its own clock is. */
const ticksPerSecond = 100;

/**
 * Seconds of processor time, user and system, that a process has taken with all its threads.
 * @throws Error where there is no `/proc`
 */
export const processorSeconds = (pid: number): number => {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The name of the program stands in brackets and may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
};
