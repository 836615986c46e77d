import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadMutated } from './load-mutated.ts';
import { mutations } from './mutations.ts';
import { property } from './property.ts';

/** The long form is `npm run simulate -- --runs 1000000 --seed 1`. */
const runs = 10_000;
const seed = Date.now() % 0x7fff_ffff;
const mutationRuns = 20_000;

describe('the connector under any order of steps, each of which may fail', () => {
  it(`breaks none of its promises (${runs} runs, seed ${seed})`, () => {
    fc.assert(property, { numRuns: runs, seed });
  }, 600_000);

  it.each(Object.keys(mutations))(
    'is noticed if it breaks %s',
    async (promise) => {
      const mutated = await loadMutated(mutations[promise] ?? []);
      const { failed, errorInstance } = fc.check(mutated.property, {
        numRuns: mutationRuns,
        seed: 1,
        endOnFailure: true,
      });
      expect(failed).toBe(true);
      // A promise that is broken may break others with it, or the core's own tables refuse what cannot be.
      expect(String(errorInstance)).toMatch(/C\d+:|cannot meet/);
    },
    600_000,
  );
});
