import type { ReplayFailure } from '../../../shared/operate/replay-dead-letters.ts';
import { countText } from './words.ts';

/** What one request of a replay did. */
export interface ReplayStep {
  readonly replayed: number;
  readonly failures: number;
  readonly failed: readonly ReplayFailure[];
  readonly next: number | null;
  readonly until: number | null;
}

/**
 * Goes on until all letters that were there at the beginning are done; returns what each step did.
 * @param pauseMs between two steps
 */
export const inSteps = async <Step extends Pick<ReplayStep, 'next' | 'until'>>(
  step: (from: { readonly after?: number; readonly until?: number }) => Promise<Step>,
  pauseMs = 0,
): Promise<readonly Step[]> => {
  const steps: Step[] = [];
  let from: Parameters<typeof step>[0] = {};
  for (;;) {
    const done = await step(from);
    steps.push(done);
    if (done.next === null) return steps;
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    from = { after: done.next, ...(done.until === null ? {} : { until: done.until }) };
  }
};

/** Several steps as one. */
export const sumSteps = (steps: readonly ReplayStep[]): Pick<ReplayStep, 'replayed' | 'failures' | 'failed'> => ({
  replayed: steps.reduce((total, { replayed }) => total + replayed, 0),
  failures: steps.reduce((total, { failures }) => total + failures, 0),
  failed: steps.flatMap(({ failed }) => failed),
});

/** What became of a replay, in one line. */
export const replayText = (step: Pick<ReplayStep, 'replayed' | 'failures' | 'failed'>): string => {
  const { replayed, failures, failed } = step;
  if (failures === 0) {
    return `${countText(replayed, 'dead letter')} replayed: ${replayed === 1 ? 'it is' : 'they are'} on ${replayed === 1 ? 'its' : 'their'} way again`;
  }
  const [first] = failed;
  const why = first === undefined ? '' : `. ${first.sequence}: ${first.code}: ${first.reason}`;
  return `${countText(replayed, 'dead letter')} replayed, ${failures} failed and kept${why}`;
};
