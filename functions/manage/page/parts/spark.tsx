import type { JSX } from 'preact';
import { rateText } from '../words.ts';

const width = 60;

/** A small line of the last rates; its text says the highest. */
export const Spark = ({ rates, of }: { readonly rates: readonly number[]; readonly of: string }): JSX.Element => {
  const highest = Math.max(...rates, 0);
  const shown = rates.slice(-width);
  const points = shown.length < 2 ? [shown[0] ?? 0, shown[0] ?? 0] : shown;
  const step = width / (points.length - 1);
  const line = points.map((rate, index) => `${index * step},${19 - (rate / Math.max(highest, 1e-9)) * 18}`).join(' ');
  return (
    <svg
      class="spark"
      viewBox="0 0 60 20"
      preserveAspectRatio="none"
      role="img"
      aria-label={`Rate of ${of}: at most ${rateText(highest)} messages per second`}
    >
      <path d="M0 19.5H60" />
      <polyline points={line} />
    </svg>
  );
};
