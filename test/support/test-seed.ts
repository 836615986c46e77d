/**
 * The seed of everything that the tests draw at random. It is the same in each run, so that a commit is either red or green: what
 * decides whether it is taken must not be a throw of dice. `TEST_SEED=random npm test` looks elsewhere, and so does each long run
 * by itself (`npm run simulate`, `npm run chaos`); what those find becomes a test of its own.
 */
export const testSeed = ((asked: string | undefined): number => {
  if (asked === undefined) return 1;
  if (asked === 'random') return Date.now() % 0x7fff_ffff;
  const seed = Number(asked);
  if (!Number.isSafeInteger(seed)) throw new Error(`TEST_SEED is a whole number or "random", not ${asked}`);
  return seed;
})(process.env['TEST_SEED']);
