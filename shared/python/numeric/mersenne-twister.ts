import { createHash } from 'node:crypto';

import { bitLength } from './bit-length.ts';

const size = 624;
const middle = 397;

/**
 * MT19937 as CPython's `random.Random` uses it: the same seed gives the same numbers as in the reference's language, so
 * `random.Random(7).random()` is what users know.
 */
export class MersenneTwister {
  readonly #state = new Uint32Array(size);
  #next = size;

  /** Seeds from 32-bit words, the lowest first. */
  private constructor(words: readonly number[]) {
    this.#seed(words.length === 0 ? [0] : words);
  }

  /** Seeds from a non-negative integer, as `random.seed(int)` does. */
  static ofInteger(seed: bigint): MersenneTwister {
    const hex = seed === 0n ? '' : seed.toString(16);
    return new MersenneTwister(wordsOf(Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')));
  }

  /** Seeds from a text, as `random.seed(str)` does: its UTF-8 bytes followed by their SHA-512. */
  static ofText(text: string): MersenneTwister {
    const bytes = Buffer.from(text, 'utf8');
    const digest = createHash('sha512').update(bytes).digest();
    return new MersenneTwister(wordsOf(Buffer.concat([bytes, digest])));
  }

  #seed(key: readonly number[]): void {
    const state = this.#state;
    state[0] = 19_650_218;
    for (let index = 1; index < size; index += 1) {
      const previous = state[index - 1]! ^ (state[index - 1]! >>> 30);
      state[index] = Math.imul(1_812_433_253, previous) + index;
    }
    let at = 1;
    let of = 0;
    const advance = (): void => {
      at += 1;
      if (at < size) return;
      state[0] = state[size - 1]!;
      at = 1;
    };
    for (let round = Math.max(size, key.length); round > 0; round -= 1) {
      const previous = state[at - 1]! ^ (state[at - 1]! >>> 30);
      state[at] = (state[at]! ^ Math.imul(previous, 1_664_525)) + key[of]! + of;
      of = (of + 1) % key.length;
      advance();
    }
    for (let round = size - 1; round > 0; round -= 1) {
      const previous = state[at - 1]! ^ (state[at - 1]! >>> 30);
      state[at] = (state[at]! ^ Math.imul(previous, 1_566_083_941)) - at;
      advance();
    }
    state[0] = 0x8000_0000;
    this.#next = size;
  }

  #refill(): void {
    const state = this.#state;
    for (let index = 0; index < size; index += 1) {
      const mixed = (state[index]! & 0x8000_0000) | (state[(index + 1) % size]! & 0x7fff_ffff);
      state[index] = state[(index + middle) % size]! ^ (mixed >>> 1) ^ (mixed & 1 ? 0x9908_b0df : 0);
    }
    this.#next = 0;
  }

  /** The next 32 bits. */
  uint32(): number {
    if (this.#next >= size) this.#refill();
    let word = this.#state[this.#next]!;
    this.#next += 1;
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c_5680;
    word ^= (word << 15) & 0xefc6_0000;
    return (word ^ (word >>> 18)) >>> 0;
  }

  /** A float in [0, 1) with 53 random bits. */
  float(): number {
    const high = this.uint32() >>> 5;
    const low = this.uint32() >>> 6;
    return (high * 67_108_864 + low) / 9_007_199_254_740_992;
  }

  /** An integer of so many random bits. */
  bits(count: number): bigint {
    let result = 0n;
    for (let word = 0, left = count; left > 0; word += 1, left -= 32) {
      const next = left < 32 ? this.uint32() >>> (32 - left) : this.uint32();
      result |= BigInt(next) << BigInt(32 * word);
    }
    return result;
  }

  /** An integer in [0, bound), each as likely. */
  below(bound: bigint): bigint {
    const count = bitLength(bound);
    for (;;) {
      const candidate = this.bits(count);
      if (candidate < bound) return candidate;
    }
  }
}

/** Words of a big-endian number, the lowest first; zeros in front do not count. */
const wordsOf = (bytes: Uint8Array): number[] => {
  const words: number[] = [];
  for (let end = bytes.length; end > 0; end -= 4) {
    let word = 0;
    for (let index = Math.max(end - 4, 0); index < end; index += 1) word = word * 256 + bytes[index]!;
    words.push(word);
  }
  while (words.length > 1 && words.at(-1) === 0) words.pop();
  return words;
};
