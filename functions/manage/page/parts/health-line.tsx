import type { JSX } from 'preact';
import type { Health } from '../health.ts';

/** The headline, in every view. It is told to a screen reader only when it changes. */
export const HealthLine = ({ health }: { readonly health: Health }): JSX.Element => (
  <div id="health" role="status" aria-live="polite" data-level={health.level}>
    {health.headline}
  </div>
);
