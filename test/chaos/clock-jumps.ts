import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** At this signal the clock of a process jumps: an hour ahead, then an hour back from the right time, then right again. */
export const clockSignal = 'SIGUSR2';

const script = `'use strict';
const Real = Date;
const realNow = Real.now;
const offsetsMs = [0, 3_600_000, -3_600_000];
let turn = 0;
process.on('${clockSignal}', () => (turn = (turn + 1) % offsetsMs.length));
Real.now = () => realNow() + offsetsMs[turn];
globalThis.Date = new Proxy(Real, {
  construct: (target, args, made) => Reflect.construct(target, args.length === 0 ? [Real.now()] : args, made),
});
`;

/** Writes what gives a process such a clock; returns the option of node that loads it before everything else. */
export const writeClock = async (folder: string): Promise<string> => {
  const file = join(folder, 'clock.cjs');
  await writeFile(file, script);
  return `--require=${file}`;
};
