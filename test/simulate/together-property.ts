import fc from 'fast-check';
import { driftAllowance } from '../../infra/connector/lease/lease.ts';
import { createTogether, type TogetherPlan } from './together.ts';

const kind = fc.oneof(
  { weight: 12, arbitrary: fc.constant('good' as const) },
  { weight: 2, arbitrary: fc.constant('retried' as const) },
  { weight: 1, arbitrary: fc.constantFrom('unknown' as const, 'refused' as const, 'unreadable' as const) },
);
const rate = fc.double({ min: 1, max: 1 + driftAllowance, noNaN: true });

const plan: fc.Arbitrary<TogetherPlan> = fc.record({
  messages: fc.array(fc.record({ key: fc.constantFrom('a', 'a', 'b'), kind }), { minLength: 1, maxLength: 12 }),
  seed: fc.nat(0xffff),
  room: fc.constantFrom(20, 6, 3),
  ackWaitMs: fc.constantFrom(90_000, 90_000, 10_000),
  ttlMs: fc.constantFrom(3_000, 5_000),
  rates: fc.array(rate, { minLength: 2, maxLength: 3 }),
  serverRate: rate,
});

/** Each number is one step: which thing happens next, and how. */
const choices = fc.array(fc.nat(0xff_ffff), { minLength: 40, maxLength: 120 });

/** Runs one simulation. @throws Error with what is wrong and the steps that led there */
const simulate = (run: TogetherPlan, steps: readonly number[]): void => {
  const simulation = createTogether(run);
  for (const choice of steps) simulation.step(choice);
  const faults = simulation.finish();
  if (faults.length > 0) throw new Error(`${faults.join('\n')}\n  ${simulation.trace.join('\n  ')}`);
};

/** Whatever the order of the steps, and whichever of them fail: several connectors keep what one alone promises. */
export const togetherProperty = fc.property(plan, choices, simulate);
