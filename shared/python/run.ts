import type { MersenneTwister } from './mersenne-twister.ts';
import type { Meter } from './meter.ts';
import type { NamedArguments, PyValue } from './values.ts';

/** What one evaluation carries along: its bounds, its time, its random numbers, and the way to call a lambda. */
export interface Run {
  readonly meter: Meter;
  /** The delivery's timestamp. */
  readonly nowMs: number;
  /** Made at first use: seeding costs more than most expressions. */
  random(): { current: MersenneTwister };
  /** A number of the object within this evaluation: what tells two lambdas in a tuple apart, and `id()`. */
  identify(value: object): number;
  call(callee: PyValue, args: readonly PyValue[], named?: NamedArguments): PyValue;
}

export const noNamed: NamedArguments = new Map();
