import { numberText } from './words.ts';

const short = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

/** A rate of a chart: three digits are enough. */
export const shortText = (value: number): string =>
  value >= 10_000 ? numberText(Math.round(value)) : short.format(value);

/** A time that something took, in the unit that reads best. */
export const durationText = (ms: number): string => {
  if (ms < 1_000) return `${short.format(ms)} ms`;
  if (ms < 120_000) return `${short.format(ms / 1_000)} s`;
  if (ms < 7_200_000) return `${short.format(ms / 60_000)} min`;
  return `${short.format(ms / 3_600_000)} h`;
};

/** A count of a step as a rate per second. */
export const perSecond = (counts: readonly (number | null)[], stepMs: number): readonly (number | null)[] =>
  counts.map((count) => (count === null ? null : (count * 1_000) / stepMs));

/** What a chart shows, for who cannot see it. */
export const chartSummary = (
  title: string,
  series: readonly { readonly label: string; readonly values: readonly (number | null)[] }[],
  format: (value: number) => string,
): string => {
  const told = series.map(({ label, values }) => {
    const known = values.filter((value) => value !== null);
    return known.length === 0 ? `${label} not known` : `${label} at most ${format(Math.max(...known))}`;
  });
  return `${title}: ${told.join(', ')}`;
};
