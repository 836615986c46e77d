const numbers = new Intl.NumberFormat('en');

/** A number with its thousands separated, or a dash if it is not known. */
export const numberText = (value: number | null | undefined): string =>
  value === undefined || value === null ? '–' : numbers.format(value);

export const rateText = (value: number | undefined): string =>
  value === undefined ? '–' : numbers.format(value >= 10 ? Math.round(value) : Math.round(value * 10) / 10);

/** `1 message`, `2 messages`. */
export const countText = (count: number, one: string, many = `${one}s`): string =>
  `${numbers.format(count)} ${count === 1 ? one : many}`;

/** How long ago, in one unit: `3 s`, `5 min`, `2 h`, `4 d`. */
export const ageText = (ms: number): string => {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
};
