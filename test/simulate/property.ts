import fc from 'fast-check';
import { createSimulation, type PlannedMessage, type SimulationPlan } from './simulation.ts';

const kind = fc.oneof(
  { weight: 12, arbitrary: fc.constant('good' as const) },
  { weight: 2, arbitrary: fc.constant('retried' as const) },
  { weight: 1, arbitrary: fc.constant('unknown' as const) },
  { weight: 1, arbitrary: fc.constant('refused' as const) },
  { weight: 1, arbitrary: fc.constant('unreadable' as const) },
  { weight: 1, arbitrary: fc.constant('killer' as const) },
);
const message = fc.record({ key: fc.constantFrom('a', 'b', 'c'), kind });

/** A health check alone gives up three messages at most: with more killers and nothing else, nothing proves the function. */
const mostKillers = 2;
const withFewKillers = (run: SimulationPlan): SimulationPlan => {
  let killers = 0;
  const tame = (planned: PlannedMessage): PlannedMessage => {
    if (planned.kind === 'killer') killers += 1;
    return planned.kind === 'killer' && killers > mostKillers ? { ...planned, kind: 'good' } : planned;
  };
  return {
    ...run,
    messages: run.messages.map(tame),
    laterMessages: run.laterMessages.map(({ kind: own, key }) => ({ key, kind: own === 'killer' ? 'refused' : own })),
  };
};

const anyPlan: fc.Arbitrary<SimulationPlan> = fc.record({
  messages: fc.array(message, { minLength: 1, maxLength: 9 }),
  laterMessages: fc.array(message, { maxLength: 4 }),
  seed: fc.nat(0xffff),
  largestBatch: fc.constantFrom(100, 100, 2),
  room: fc.constantFrom(20, 20, 20, 5),
});
const plan = anyPlan.map(withFewKillers);

/** Each number is one step: which thing happens next, and how. */
const choices = fc.array(fc.nat(0xffff), { minLength: 5, maxLength: 90 });

/** Runs one simulation. @throws Error with what is wrong and the steps that led there */
export const simulate = (run: SimulationPlan, steps: readonly number[]): void => {
  const simulation = createSimulation(run);
  for (const choice of steps) simulation.step(choice);
  const faults = simulation.finish();
  if (faults.length > 0) throw new Error(`${faults.join('\n')}\n  ${simulation.trace.join('\n  ')}`);
};

/** Whatever the order of the steps, and whichever of them fail: no promise of the connector is broken. */
export const property = fc.property(plan, choices, simulate);
