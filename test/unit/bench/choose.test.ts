import { expect, it } from 'vitest';
import type { Bench } from '../../bench/bench.ts';
import { chooseBenches, usageOf } from '../../bench/choose.ts';

const run = () => Promise.reject(new Error('is not run'));
const benches: readonly Bench[] = [
  { name: 'short', seconds: 1, run },
  { name: 'long', seconds: 1_000, onlyNamed: true, run },
  { name: 'impossible', seconds: 1, missing: () => 'there is no Python', run },
];

const chosenOf = (only?: readonly string[]) => chooseBenches(benches, only).chosen.map(({ name }) => name);

it('chooses what nobody has to name', () => {
  expect(chosenOf()).toEqual(['short']);
});

it('chooses what is named, long ones too', () => {
  expect(chosenOf(['long'])).toEqual(['long']);
});

it('names what cannot run here, with the reason', () => {
  const skipped = [{ name: 'impossible', why: 'there is no Python' }];
  expect(chooseBenches(benches, undefined).skipped).toEqual(skipped);
  expect(chooseBenches(benches, ['impossible'])).toEqual({ chosen: [], skipped });
  expect(chooseBenches(benches, ['short']).skipped).toEqual([]);
});

it('refuses a name that no bench has, whatever else is named', () => {
  expect(() => chosenOf(['short', 'sort'])).toThrow('--only takes one of: short, long, impossible');
});

it('says how to ask for it: each bench with its time, and which ones have to be named', () => {
  expect(usageOf(benches)).toContain('  short               1 s\n  long                17 min, only if it is named\n');
});
