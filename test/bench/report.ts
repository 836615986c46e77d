import { holds, type Measurement, type Ratio } from './bench.ts';
import type { Spread } from './statistics.ts';

const digits = (value: number): string => {
  if (!Number.isFinite(value)) return String(value);
  if (value >= 1_000) return String(Math.round(value));
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
};

const spreadText = ({ median, min, max }: Spread): readonly string[] => [
  digits(median),
  `${digits(min)}-${digits(max)}`,
];

const aligned = (rows: readonly (readonly string[])[]): readonly string[] => {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, at) => (widths[at] = Math.max(widths[at] ?? 0, cell.length)));
  return rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  );
};

export const measurementLines = (measurements: readonly Measurement[]): readonly string[] =>
  aligned([
    ['candidate', 'median', 'min-max', 'unit', 'runs'],
    ...measurements.map(({ name, unit, spread }) => [name, ...spreadText(spread), unit, String(spread.runs)]),
  ]);

export const ratioLines = (ratios: readonly Ratio[]): readonly string[] =>
  aligned([
    ['ratio', 'median', 'min-max', 'required', 'holds'],
    ...ratios.map((ratio) => {
      const { required } = ratio;
      const wanted = required === undefined ? '' : `${required.rule === 'at least' ? '>=' : '<='} ${required.value}`;
      const held = holds(ratio);
      return [ratio.name, ...spreadText(ratio.spread), wanted, held === undefined ? '' : held ? 'yes' : 'NO'];
    }),
  ]);

/** The last line of a run. */
export const verdictLine = (ratios: readonly Ratio[], short: boolean): string => {
  const required = ratios.filter(({ required: wanted }) => wanted !== undefined);
  const missed = required.filter((ratio) => holds(ratio) !== true);
  if (short) return `short form: it runs; ${required.length} ratios were printed and mean nothing`;
  const held = `${required.length - missed.length} of ${required.length} ratios hold`;
  return missed.length === 0 ? held : `${held}; not: ${missed.map(({ name }) => name).join('; ')}`;
};
