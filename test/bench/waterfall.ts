import { quantile } from './statistics.ts';

/** Something that took its time, counted from the start of a process. */
export interface TimedStep {
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
}

/** The medians of steps over several runs, in the order of their starts; a step that half of the runs lack is left out. */
export const medianSteps = (runs: readonly (readonly TimedStep[])[]): readonly TimedStep[] => {
  const byName = new Map<string, TimedStep[]>();
  for (const run of runs) {
    for (const step of numbered(run)) byName.set(step.name, [...(byName.get(step.name) ?? []), step]);
  }
  const median = (steps: readonly TimedStep[], field: 'startMs' | 'endMs'): number =>
    quantile(
      steps.map((step) => step[field]),
      0.5,
    );
  return [...byName]
    .filter(([, steps]) => steps.length * 2 > runs.length)
    .map(([name, steps]) => ({ name, startMs: median(steps, 'startMs'), endMs: median(steps, 'endMs') }))
    .toSorted((one, other) => one.startMs - other.startMs);
};

/** Steps of one name in one run get a number from the second on: they are not the same step. */
const numbered = (run: readonly TimedStep[]): readonly TimedStep[] => {
  const seen = new Map<string, number>();
  return run.map((step) => {
    const count = (seen.get(step.name) ?? 0) + 1;
    seen.set(step.name, count);
    return count === 1 ? step : { ...step, name: `${step.name} (${count})` };
  });
};

/** A line for each step: when it begins, how long it takes, where it lies in the first `untilMs`, and its name. */
export const waterfallLines = (
  steps: readonly TimedStep[],
  { untilMs, columns }: { readonly untilMs: number; readonly columns: number },
): readonly string[] => {
  const columnOf = (ms: number): number => Math.min(columns, Math.max(0, Math.round((ms / untilMs) * columns)));
  return steps.map(({ name, startMs, endMs }) => {
    const from = Math.min(columns - 1, columnOf(startMs));
    const bar = ' '.repeat(from) + '█'.repeat(Math.max(1, columnOf(endMs) - from));
    const figures = [startMs, endMs - startMs].map((ms) => ms.toFixed(1).padStart(6)).join(' ');
    return `${figures}  ${bar.padEnd(columns)}  ${name}`;
  });
};
