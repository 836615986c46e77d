/** A routing file that cannot be used: every fault of it at once, each with the place it is at. */
export class RoutingError extends Error {
  override readonly name = 'RoutingError';
  readonly faults: readonly string[];
  constructor(faults: readonly string[], options?: ErrorOptions) {
    super(`routing file: ${faults.join('; ')}`, options);
    this.faults = faults;
  }
}
