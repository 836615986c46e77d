import { RetryableError, TerminalError } from '../../errors/sync-error.ts';
import type { ExpressionBudget } from './budget.ts';
import { costs, type Operation } from './costs.ts';
import type { ExpressionLimits } from './limits.ts';

/** Counts the work of one evaluation and ends it at the first bound that it passes. */
export class Meter {
  readonly limits: ExpressionLimits;
  readonly #clockMs: () => number;
  readonly #budget: ExpressionBudget;
  readonly #maxSteps: number;
  /** Read at the first look: most expressions end before it. */
  #startedMs: number | undefined;
  #steps = 0;
  #bytes = 0;
  #nextLook = stepsPerLook;
  #depth = 0;

  constructor(limits: ExpressionLimits, budget: ExpressionBudget, clockMs: () => number) {
    this.limits = limits;
    this.#budget = budget;
    this.#clockMs = clockMs;
    this.#maxSteps = Math.min(limits.maxSteps, budget.stepsLeft);
    this.#nextLook = Math.min(stepsPerLook, this.#maxSteps + 1);
  }

  /** Steps so far. */
  get steps(): number {
    return this.#steps;
  }

  /** Bytes made so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Charges some steps. */
  charge(steps: number): void {
    this.#steps += steps;
    if (this.#steps >= this.#nextLook) this.#look();
  }

  /** Charges an operation on so many units, by the price list. */
  spend(operation: Operation, units: number): void {
    const { steps, bytes } = costs[operation];
    if (bytes > 0) this.#make(units * bytes);
    this.charge(Math.ceil(units * steps));
  }

  #make(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > this.limits.maxBytes) throw exceeded(`makes more than ${this.limits.maxBytes} bytes`);
  }

  #look(): void {
    if (this.#steps > this.#maxSteps) {
      throw this.#maxSteps < this.limits.maxSteps
        ? new TerminalError('expression_limit', 'the expressions of the message take too many steps together')
        : exceeded(`takes more than ${this.limits.maxSteps} steps`);
    }
    const nowMs = this.#clockMs();
    this.#startedMs ??= nowMs;
    if (nowMs - this.#startedMs > this.limits.maxTimeMs) throw tooSlow(this.limits);
    this.#nextLook = Math.min(this.#steps + stepsPerLook, this.#maxSteps + 1);
  }

  /** Takes what the evaluation cost from the delivery's budget. */
  settle(): void {
    this.#budget.stepsLeft -= Math.min(this.#steps, this.#maxSteps);
  }

  /** Charges bytes of a result, which outlives the evaluation. */
  keep(bytes: number): void {
    this.#budget.bytesLeft -= bytes;
    if (this.#budget.bytesLeft < 0) {
      throw new TerminalError('expression_limit', 'the expressions of the message make too many bytes together');
    }
  }

  /** One level deeper; every call is paired with {@link leave}, unless an error ends the evaluation anyway. */
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

  /** Charges a native pass over a text that exists. */
  scan(length: number): void {
    this.spend('scan', length);
  }

  /** Admits a text of this length before it is made. */
  text(length: number): void {
    this.#admitText(length);
    this.spend('text', length);
  }

  /** Admits so many bytes before they are made. */
  madeBytes(length: number): void {
    this.#admitText(length);
    this.spend('object', 1);
    this.spend('byte', length);
  }

  #admitText(length: number): void {
    if (length > this.limits.maxTextLength) {
      throw exceeded(`makes a text longer than ${this.limits.maxTextLength} characters`);
    }
  }

  /** Admits a list or tuple of this size before it is made. */
  items(count: number): void {
    this.#admitItems(count);
    this.spend('item', count);
  }

  /** Admits one more entry of a dictionary or set that has so many. */
  entry(size: number): void {
    this.#admitItems(size + 1);
    this.spend('entry', 1);
  }

  /** Refuses a collection of this size, which grew without being charged as a whole. */
  grown(count: number): void {
    this.#admitItems(count);
  }

  #admitItems(count: number): void {
    if (count > this.limits.maxItems) throw exceeded(`makes more than ${this.limits.maxItems} items`);
  }

  /** Admits an integer of about this size before it is made. */
  bits(count: number): void {
    if (count > this.limits.maxIntegerBits) {
      throw exceeded(`makes an integer of more than ${this.limits.maxIntegerBits} bits`);
    }
    if (count > 64) this.spend('bit', count);
  }

  /** Charges a product or quotient of two integers, or an integer's way to or from decimal digits. */
  product(leftBits: number, rightBits: number): void {
    this.charge(1 + Math.floor(((leftBits / 64) * (rightBits / 64)) / wordProductsPerStep));
  }
}

/** Steps between two looks at the clock. */
const stepsPerLook = 2_048;
/** Word multiplications in about the time of one step. */
const wordProductsPerStep = 64;

/** The machine is too slow, this time. */
export const tooSlow = (limits: ExpressionLimits): RetryableError =>
  new RetryableError('expression_timeout', `the expression takes longer than ${limits.maxTimeMs} ms`);

const exceeded = (what: string): TerminalError => new TerminalError('expression_limit', `the expression ${what}`);
