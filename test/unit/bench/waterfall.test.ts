import { expect, it } from 'vitest';
import { medianSteps, waterfallLines, type TimedStep } from '../../bench/waterfall.ts';

const step = (name: string, startMs: number, endMs: number): TimedStep => ({ name, startMs, endMs });

it('takes the median of each step over the runs, in the order of their starts', () => {
  const runs = [
    [step('late', 30, 40), step('early', 1, 2)],
    [step('late', 32, 60), step('early', 3, 5)],
    [step('late', 50, 51), step('early', 2, 9)],
  ];
  expect(medianSteps(runs)).toEqual([step('early', 2, 5), step('late', 32, 51)]);
});

it('tells steps of one name in one run apart', () => {
  const run = [step('read', 1, 2), step('read', 5, 6)];
  expect(medianSteps([run, run])).toEqual([step('read', 1, 2), step('read (2)', 5, 6)]);
});

it('leaves out a step that half of the runs lack', () => {
  expect(medianSteps([[step('often', 1, 2)], [step('often', 1, 2), step('once', 3, 4)]])).toEqual([
    step('often', 1, 2),
  ]);
});

it('draws a step where it lies, a short one too, and cuts what lies behind the end', () => {
  const steps = [step('first', 0, 50), step('short', 50, 50.1), step('long', 75, 400), step('behind', 200, 201)];
  expect(waterfallLines(steps, { untilMs: 100, columns: 8 })).toEqual([
    '   0.0   50.0  ████      first',
    '  50.0    0.1      █     short',
    '  75.0  325.0        ██  long',
    ' 200.0    1.0         █  behind',
  ]);
});
