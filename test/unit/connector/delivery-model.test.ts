import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ModelMutation } from '../../support/delivery-model-store.ts';
import { createDeliveryModel } from '../../support/delivery-model.ts';
import { testSeed as seed } from '../../support/test-seed.ts';

/** The long form: `MODEL_RUNS=100000 TEST_SEED=random npx vitest run --config .config/vitest.config.ts test/unit/connector/delivery-model.test.ts`. */
const runs = Number(process.env['MODEL_RUNS'] ?? 1_500);

const messages = fc.array(fc.record({ state: fc.nat(1), rows: fc.integer({ min: 1, max: 3 }) }), {
  minLength: 1,
  maxLength: 8,
});
const choices = fc.array(fc.nat(1_000), { minLength: 10, maxLength: 120 });

const property = (mutation?: ModelMutation) =>
  fc.asyncProperty(messages, choices, async (sent, steps) => {
    const model = createDeliveryModel(sent, mutation);
    for (const choice of steps) await model.step(choice);
    expect((await model.finish()).join('\n')).toBe('');
  });

describe('connector, function and ledger under any interleaving', () => {
  it(`lose nothing, store nothing twice, forward everything, keep the order (seed ${seed}, ${runs} runs)`, async () => {
    await fc.assert(property(), { numRuns: runs, seed });
  }, 3_600_000);

  it.each<[ModelMutation, RegExp]>([
    ['ledger-off', /I2/],
    ['forwards-skipped-on-hit', /I4/],
    // Neither stored nor forwarded at its ack: the simplest example shows one of the two.
    ['ack-before-commit', /I7|I4: m\d+ was acknowledged/],
    ['no-takeover', /I5/],
  ])('the model notices %s (%s)', async (mutation, invariant) => {
    const result = await fc.check(property(mutation), { numRuns: 2_000, seed });
    expect(result.failed).toBe(true);
    expect(String(result.errorInstance)).toMatch(invariant);
  });
});
