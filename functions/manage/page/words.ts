const numbers = new Intl.NumberFormat('en');

/** A number with its thousands separated, or a dash if it is not known. */
export const numberText = (value: number | null | undefined): string =>
  value === undefined || value === null ? '–' : numbers.format(value);

export const rateText = (value: number | undefined): string =>
  value === undefined ? '–' : numbers.format(value >= 10 ? Math.round(value) : Math.round(value * 10) / 10);

/** `1 message`, `2 messages`. */
export const countText = (count: number, one: string, many = `${one}s`): string =>
  `${numbers.format(count)} ${count === 1 ? one : many}`;
