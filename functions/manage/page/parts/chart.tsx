import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import UPlot from 'uplot';
import { chartSummary } from '../chart-words.ts';

export interface ChartSeries {
  readonly label: string;
  /** One value for each time; null where nothing is known. */
  readonly values: readonly (number | null)[];
  /** One of the page's colours. */
  readonly colour: 'accent' | 'good' | 'warn' | 'bad';
}

export interface ChartProps {
  readonly id: string;
  readonly title: string;
  readonly timesMs: readonly number[];
  readonly series: readonly ChartSeries[];
  readonly format: (value: number) => string;
}

/** Lines over time. All charts of a view share the cursor; beside the title stand the values under it, else the last ones. */
export const Chart = (props: ChartProps): JSX.Element => {
  const { id, title, timesMs, series, format } = props;
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot | undefined>(undefined);
  const [index, setIndex] = useState<number>();
  const labels = series.map(({ label }) => label).join();

  useEffect(() => {
    const element = place.current;
    if (element === null) return undefined;
    const made = new UPlot(optionsOf(series, format, setIndex, element.clientWidth), dataOf(timesMs, series), element);
    plot.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    resized.observe(element);
    // The colours are those of the style, which change with the reader's theme.
    const theme = matchMedia('(prefers-color-scheme: dark)');
    const redraw = (): void => made.redraw(false);
    theme.addEventListener('change', redraw);
    return () => {
      resized.disconnect();
      theme.removeEventListener('change', redraw);
      made.destroy();
    };
  }, [labels]);

  useEffect(() => plot.current?.setData(dataOf(timesMs, series)), [timesMs]);

  const shown = index ?? timesMs.length - 1;
  return (
    <figure id={id} class="chart">
      <figcaption>
        <strong>{title}</strong>
        {series.map(({ label, values, colour }) => {
          const value = values[shown] ?? null;
          return (
            <span key={label}>
              <i class={colour} aria-hidden="true" />
              {`${label} ${value === null ? '–' : format(value)}`}
            </span>
          );
        })}
        {index !== undefined && <span class="quiet">{timeText(timesMs[index] ?? 0)}</span>}
      </figcaption>
      <div ref={place} role="img" aria-label={chartSummary(title, series, format)} />
    </figure>
  );
};

const height = 150;

const timeText = (ms: number): string =>
  new Date(ms).toLocaleString(undefined, { dateStyle: 'short', timeStyle: 'short' });

const dataOf = (timesMs: readonly number[], series: readonly ChartSeries[]): UPlot.AlignedData => [
  timesMs.map((ms) => ms / 1_000),
  ...series.map(({ values }) => [...values]),
];

const colourOf = (name: string): string => {
  const probe = document.createElement('i');
  probe.className = name;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
};

/** A value without neighbours makes no line: it is a point. */
const lonelyPoints = (plot: UPlot, series: number): number[] => {
  const values = plot.data[series] ?? [];
  return [...values.keys()].filter(
    (index) => values[index] != null && values[index - 1] == null && values[index + 1] == null,
  );
};

const timeTicks = (_plot: UPlot, seconds: number[], _axis: number, _space: number, stepSeconds: number): string[] =>
  seconds.map((second) =>
    new Date(second * 1_000).toLocaleString(
      undefined,
      stepSeconds >= 86_400
        ? { month: 'short', day: 'numeric' }
        : { hour: '2-digit', minute: '2-digit', hour12: false },
    ),
  );

const optionsOf = (
  series: readonly ChartSeries[],
  format: (value: number) => string,
  onIndex: (index: number | undefined) => void,
  width: number,
): UPlot.Options => {
  const grid = { stroke: () => colourOf('line'), width: 1 };
  const axis = { stroke: () => colourOf('quiet'), grid, ticks: grid, font: '11px system-ui, sans-serif' };
  return {
    width,
    height,
    legend: { show: false },
    cursor: { sync: { key: 'history' }, drag: { x: false, y: false }, y: false },
    scales: { y: { range: (_plot, _lowest, highest) => [0, highest > 0 ? highest * 1.1 : 1] } },
    axes: [
      { ...axis, values: timeTicks },
      { ...axis, size: 64, values: (_plot, ticks) => ticks.map(format) },
    ],
    series: [
      {},
      ...series.map(({ label, colour }) => ({
        label,
        stroke: () => colourOf(colour),
        width: 1.5,
        points: { show: true, size: 5, filter: lonelyPoints },
      })),
    ],
    hooks: { setCursor: [({ cursor: { idx } }) => onIndex(idx ?? undefined)] },
  };
};
