/** Length of an integer's magnitude in bits; of 0 it is 0. */
export const bitLength = (value: bigint): number => {
  let magnitude = value < 0n ? -value : value;
  if (magnitude <= 0xffff_ffffn) return magnitude === 0n ? 0 : 32 - Math.clz32(Number(magnitude));
  let shifted = 0;
  for (let step = 1 << 16; magnitude >> 960n !== 0n;) {
    const rest = magnitude >> BigInt(step);
    if (rest === 0n) step >>= 1;
    else {
      magnitude = rest;
      shifted += step;
    }
  }
  // The nearest float may be the next power of two.
  const bits = Math.floor(Math.log2(Number(magnitude))) + 1;
  return (
    shifted + (magnitude >> BigInt(bits - 1) === 0n ? bits - 1 : magnitude >> BigInt(bits) === 0n ? bits : bits + 1)
  );
};
