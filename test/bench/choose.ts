import type { Bench } from './bench.ts';
import { durationText } from './progress-line.ts';

/** What a run does, and what it leaves out although it was meant, with the reason. */
export interface Choice {
  readonly chosen: readonly Bench[];
  readonly skipped: readonly { readonly name: string; readonly why: string }[];
}

/**
 * The benches that are named, or all that nobody has to name.
 * @throws Error for a name that none has
 */
export const chooseBenches = (benches: readonly Bench[], only: readonly string[] | undefined): Choice => {
  const unknown = only?.filter((wanted) => !benches.some(({ name }) => name === wanted)) ?? [];
  if (unknown.length > 0) throw new Error(`--only takes one of: ${benches.map(({ name }) => name).join(', ')}`);
  const meant = benches.filter(({ name, onlyNamed }) => only?.includes(name) ?? onlyNamed !== true);
  const skipped = meant.flatMap(({ name, missing }) => {
    const why = missing?.();
    return why === undefined ? [] : [{ name, why }];
  });
  return { chosen: meant.filter(({ name }) => !skipped.some((other) => other.name === name)), skipped };
};

/** How to ask for a run, and how long each bench takes. */
export const usageOf = (benches: readonly Bench[]): string => {
  const lines = benches.map(
    ({ name, seconds, onlyNamed }) =>
      `  ${name.padEnd(20)}${durationText(seconds)}${onlyNamed === true ? ', only if it is named' : ''}\n`,
  );
  return `npm run bench -- [--short] [--only NAME ...]

--short   that they run, not how fast
--only    one of them; more than one if it is said more than once

${lines.join('')}`;
};
