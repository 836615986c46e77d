import type { JSX } from 'preact';
import type { Health } from '../../../../shared/operate/health/assess-health.ts';
import { useNowMs } from '../use-now.ts';
import { ageText } from '../words.ts';

export interface HealthShown {
  readonly level: Health['level'] | 'unknown';
  readonly headline: string;
}

/** Statuses come every two seconds: after this time the last one says nothing of now. */
const freshMs = 15_000;

/** The headline, in every view, and how old what the page shows is. A screen reader is told only what has changed. */
export const HealthLine = (props: {
  readonly health: HealthShown;
  /** When the last status came; undefined before the first one. */
  readonly receivedMs: number | undefined;
}): JSX.Element => {
  const ageMs = Math.max(0, useNowMs() - (props.receivedMs ?? Infinity));
  const isOld = ageMs > freshMs && props.health.level !== 'bad';
  const { level, headline } = isOld
    ? ({ level: 'unknown', headline: 'No news from the server' } as const)
    : props.health;
  return (
    <div class="health">
      <div id="health" role="status" aria-live="polite" data-level={level}>
        {headline}
      </div>
      {props.receivedMs !== undefined && <span class="quiet" id="age">{`${ageText(ageMs)} ago`}</span>}
    </div>
  );
};
