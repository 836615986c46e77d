import { TerminalError } from '../../errors/sync-error.ts';
import type { ExpressionLimits } from './limits.ts';

/** Steps between two looks at the clock: about half a millisecond of work. */
const stepsPerLook = 2_048;
/** Characters that a native operation on texts passes in about the time of one step. */
const charactersPerStep = 64;
/** Word multiplications in about the time of one step. */
const wordProductsPerStep = 64;

const exceeded = (what: string): TerminalError => new TerminalError('expression_limit', `the expression ${what}`);

/** Counts the work of one evaluation and ends it at the first bound that it passes. */
export class Meter {
  readonly limits: ExpressionLimits;
  readonly #clockMs: () => number;
  /** Read at the first look: most expressions end before it. */
  #startedMs: number | undefined;
  #steps = 0;
  #nextLook = stepsPerLook;
  #depth = 0;

  constructor(limits: ExpressionLimits, clockMs: () => number) {
    this.limits = limits;
    this.#clockMs = clockMs;
  }

  /** Charges some steps. */
  charge(steps: number): void {
    this.#steps += steps;
    if (this.#steps >= this.#nextLook) this.#look();
  }

  #look(): void {
    if (this.#steps > this.limits.maxSteps) throw exceeded(`takes more than ${this.limits.maxSteps} steps`);
    const nowMs = this.#clockMs();
    this.#startedMs ??= nowMs;
    if (nowMs - this.#startedMs > this.limits.maxTimeMs) {
      throw exceeded(`takes longer than ${this.limits.maxTimeMs} ms`);
    }
    this.#nextLook = Math.min(this.#steps + stepsPerLook, this.limits.maxSteps + 1);
  }

  /** One level deeper; every call is paired with {@link leave}, but where an error ends the evaluation anyway. */
  enter(): void {
    this.#depth += 1;
    if (this.#depth > this.limits.maxDepth) throw exceeded(`nests deeper than ${this.limits.maxDepth} levels`);
  }

  leave(): void {
    this.#depth -= 1;
  }

  /** Refuses a value that nests too deep; returns the depth of its members. */
  deeper(depth: number): number {
    if (depth >= this.limits.maxValueDepth) {
      throw exceeded(`makes a value deeper than ${this.limits.maxValueDepth} levels`);
    }
    return depth + 1;
  }

  /** Charges a pass over a text that exists. */
  scan(length: number): void {
    this.charge(1 + Math.floor(length / charactersPerStep));
  }

  /** Admits a text of this length before it is made. */
  text(length: number): void {
    if (length > this.limits.maxTextLength) {
      throw exceeded(`makes a text longer than ${this.limits.maxTextLength} characters`);
    }
    this.scan(length);
  }

  /** Admits a collection of this size before it is made. */
  items(count: number): void {
    if (count > this.limits.maxItems) throw exceeded(`makes more than ${this.limits.maxItems} items`);
    this.charge(1 + (count >> 3));
  }

  /** Admits an integer of about this size before it is made. */
  bits(count: number): void {
    if (count > this.limits.maxIntegerBits) {
      throw exceeded(`makes an integer of more than ${this.limits.maxIntegerBits} bits`);
    }
  }

  /** Charges a product or quotient of two integers. */
  product(leftBits: number, rightBits: number): void {
    this.charge(1 + Math.floor(((leftBits / 64) * (rightBits / 64)) / wordProductsPerStep));
  }
}
