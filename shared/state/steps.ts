/**
 * Work in steps: whoever runs it may do something else after each of them. What it comes to does not depend on that.
 * A step yields how many bytes the work holds by then.
 */
export type Steps<T> = Generator<number, T, undefined>;

/** Runs all steps without a pause. */
export const runAtOnce = <T>(steps: Steps<T>): T => {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
};
