import { createHash } from 'node:crypto';

import { hashKey, keyText } from './hash-key.ts';
import { integerOf } from './number.ts';
import { integerRatio } from './float.ts';
import { modularPower } from './power.ts';
import type { PyValue, Run } from './object.ts';

/**
 * Python's `hash`. Of numbers it is CPython's; of texts CPython's differs from process to process, so here it is the
 * start of a SHA-256, the same everywhere. Throws `TypeError: unhashable type`.
 */
export const hashOf = (run: Run, value: PyValue): bigint => {
  const integer = integerOf(value);
  if (integer !== undefined) return reduced(run, integer, 1n);
  if (typeof value === 'number') {
    if (Number.isNaN(value)) return 0n;
    if (!Number.isFinite(value)) return value > 0 ? 314_159n : -314_159n;
    run.meter.charge(40);
    return reduced(run, ...integerRatio(value));
  }
  const text = keyText(run, hashKey(run, value));
  run.meter.spend('digest', 1);
  run.meter.spend('digested', text.length);
  return createHash('sha256').update(text, 'utf8').digest().readBigInt64BE(0);
};

/** CPython reduces numbers modulo this prime. */
const prime = 2n ** 61n - 1n;

const reduced = (run: Run, numerator: bigint, denominator: bigint): bigint => {
  const magnitude = (numerator < 0n ? -numerator : numerator) % prime;
  const inverse = denominator === 1n ? 1n : modularPower(run, denominator, prime - 2n, prime);
  const hash = (magnitude * inverse) % prime;
  const signed = numerator < 0n ? -hash : hash;
  return signed === -1n ? -2n : signed;
};
