/**
 * What all evaluations of one delivery may cost together; it counts down. 20 million steps are 2,000 for each of 10,000
 * rows, and about five seconds of work. The bytes are those of the results, which stay.
 */
export class ExpressionBudget {
  stepsLeft: number;
  bytesLeft: number;
  constructor(steps = 20_000_000, bytes = 64_000_000) {
    this.stepsLeft = steps;
    this.bytesLeft = bytes;
  }
}
