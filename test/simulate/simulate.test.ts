import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testSeed as seed } from '../support/test-seed.ts';
import { foundAlone, foundTogether } from './found.ts';
import { loadMutated } from './load-mutated.ts';
import { leaseProperty } from './leases.ts';
import { leaseMutations, mutations, togetherMutations } from './mutations.ts';
import { property } from './property.ts';
import { togetherProperty } from './together-property.ts';

/** The long form is `npm run simulate -- --runs 1000000 --seed 1`. */
const runs = 10_000;
const mutationRuns = 20_000;
/** Each takes as long as some twenty of the others. The long form is `npm run simulate -- --model together --runs 100000`. */
const togetherRuns = 1_500;

describe('the connector under any order of steps, each of which may fail', () => {
  it(`breaks none of its promises (${runs} runs, seed ${seed})`, () => {
    fc.assert(property, { numRuns: runs, seed, examples: foundAlone });
  }, 600_000);

  it.each(Object.keys(mutations))(
    'is noticed if it breaks %s',
    async (promise) => {
      const mutated = await loadMutated('property.ts', mutations[promise] ?? []);
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

describe('three connectors and the key of a lease, whatever is late, lost or frozen, and however their clocks run', () => {
  it(`never read at the same time (${runs} runs, seed ${seed})`, () => {
    fc.assert(leaseProperty, { numRuns: runs, seed });
  }, 600_000);

  it.each(Object.keys(leaseMutations))(
    'are noticed if they break %s',
    async (promise) => {
      const mutated = await loadMutated('leases.ts', leaseMutations[promise] ?? []);
      const { failed, errorInstance } = fc.check(mutated.leaseProperty, {
        numRuns: mutationRuns,
        seed: 1,
        endOnFailure: true,
      });
      expect(failed).toBe(true);
      expect(String(errorInstance)).toMatch(/L\d+:/);
    },
    600_000,
  );
});

describe('several connectors that read in turns, whatever is late, lost, frozen or cut off', () => {
  it(`break none of the promises that one alone keeps (${togetherRuns} runs, seed ${seed})`, () => {
    fc.assert(togetherProperty, { numRuns: togetherRuns, seed, examples: foundTogether });
  }, 600_000);

  it.each(Object.keys(togetherMutations))(
    'are noticed if they break %s',
    async (promise) => {
      const mutated = await loadMutated('together-property.ts', togetherMutations[promise] ?? []);
      const { failed, errorInstance } = fc.check(mutated.togetherProperty, {
        numRuns: mutationRuns,
        seed: 1,
        endOnFailure: true,
      });
      expect(failed).toBe(true);
      // What is not known to be in other hands, or is not gone on with, breaks the order of a key, or never comes to rest.
      expect(String(errorInstance)).toMatch(/[CL]\d+:/);
    },
    600_000,
  );
});
