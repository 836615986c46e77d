import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { HistorySeries } from '../../../../shared/operate/history/history-series.ts';
import { formatAddress } from '../address.ts';
import { durationText, perSecond, shortText } from '../chart-words.ts';
import { useDesk } from '../desk.ts';
import { Chart } from '../parts/chart.tsx';
import { Table, type Column } from '../parts/table.tsx';
import { TimeText } from '../parts/time-text.tsx';
import { countText, numberText } from '../words.ts';

interface History extends HistorySeries {
  readonly prometheusUrl: string | null;
}

const ranges = [
  { hours: 1, text: 'Last hour' },
  { hours: 6, text: '6 hours' },
  { hours: 24, text: '24 hours' },
  { hours: 168, text: '7 days' },
] as const;

const refreshMs = 30_000;

/** What happened in the last hour to seven days, as the store itself wrote it down. */
export const HistoryView = (props: { readonly hours: string | undefined }): JSX.Element => {
  const { client, attempt } = useDesk();
  const hours = ranges.find((range) => String(range.hours) === props.hours)?.hours ?? 1;
  const [history, setHistory] = useState<History>();

  useEffect(() => {
    let isCurrent = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const read = async (): Promise<void> => {
      await attempt(async () => {
        const fresh = await client.command<History>('history', { hours });
        if (isCurrent) setHistory(fresh);
      });
      if (isCurrent) timer = setTimeout(() => void read(), refreshMs);
    };
    void read();
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [hours]);

  return (
    <section aria-labelledby="history-title">
      <div class="head">
        <h2 id="history-title">History</h2>
        {history !== undefined && (
          <span class="quiet">{`steps of ${countText(history.stepMs / 60_000, 'minute')}, to the last one that is over`}</span>
        )}
        <span class="grow" />
        {ranges.map((range) => (
          <a
            key={range.hours}
            class="button"
            href={formatAddress({ view: 'history', query: { hours: String(range.hours) } })}
            aria-current={range.hours === hours ? 'true' : undefined}
          >
            {range.text}
          </a>
        ))}
        {history !== undefined && history.prometheusUrl !== null && (
          <a href={prometheusLink(history.prometheusUrl)} target="_blank" rel="noopener noreferrer">
            Prometheus
          </a>
        )}
      </div>
      {history === undefined ? <p class="quiet">Loading …</p> : <Charts history={history} />}
    </section>
  );
};

const prometheusLink = (url: string): string =>
  `${url.replace(/\/+$/, '')}/graph?g0.expr=${encodeURIComponent('sum by (stream) (rate(state_sync_acked_total[5m]))')}&g0.tab=0`;

const Charts = ({ history }: { readonly history: History }): JSX.Element => {
  const { timesMs, stepMs } = history;
  const rate = (counts: readonly (number | null)[]): readonly (number | null)[] => perSecond(counts, stepMs);
  const rateText = (value: number): string => `${shortText(value)}/s`;
  return (
    <>
      <div class="charts">
        <Chart
          id="chart-rows"
          title="Rows stored"
          timesMs={timesMs}
          format={rateText}
          series={[{ label: 'rows', values: rate(history.rows), colour: 'accent' }]}
        />
        <Chart
          id="chart-outcomes"
          title="Messages by outcome"
          timesMs={timesMs}
          format={rateText}
          series={[
            { label: 'stored', values: rate(history.acked), colour: 'good' },
            { label: 'tried again', values: rate(history.retried), colour: 'warn' },
            { label: 'given up', values: rate(history.deadLettered), colour: 'bad' },
          ]}
        />
        <Chart
          id="chart-latency"
          title="From the stream to stored"
          timesMs={timesMs}
          format={durationText}
          series={[
            { label: 'p50', values: history.latencyP50Ms, colour: 'accent' },
            { label: 'p99', values: history.latencyP99Ms, colour: 'warn' },
          ]}
        />
        <Chart
          id="chart-waiting"
          title="Backlog"
          timesMs={timesMs}
          format={shortText}
          series={[{ label: 'messages', values: history.waiting, colour: 'accent' }]}
        />
        <Chart
          id="chart-age"
          title="Age of the oldest message"
          timesMs={timesMs}
          format={durationText}
          series={[{ label: 'age', values: history.oldestMs, colour: 'accent' }]}
        />
        <Chart
          id="chart-counts"
          title="Dead letters and cold starts"
          timesMs={timesMs}
          format={shortText}
          series={[
            { label: 'dead letters', values: history.deadLettered, colour: 'bad' },
            { label: 'cold starts', values: history.coldStarts, colour: 'accent' },
          ]}
        />
      </div>
      <details>
        <summary>The same as a table</summary>
        <Table
          id="history-table"
          caption="History by step, the newest first"
          columns={columns}
          rows={linesOf(history)}
          rowKey={({ timeMs }) => String(timeMs)}
          empty="No steps"
        />
      </details>
    </>
  );
};

interface Line {
  readonly timeMs: number;
  readonly value: (name: Exclude<keyof HistorySeries, 'timesMs' | 'stepMs'>) => number | null;
}

const linesOf = (history: History): readonly Line[] =>
  history.timesMs
    .map((timeMs, index) => ({ timeMs, value: (name: Parameters<Line['value']>[0]) => history[name][index] ?? null }))
    .toReversed();

const duration = (ms: number | null): string => (ms === null ? '–' : durationText(ms));

const columns: readonly Column<Line>[] = [
  { head: 'Time', cell: ({ timeMs }) => <TimeText time={new Date(timeMs).toISOString()} /> },
  { head: 'Rows stored', kind: 'number', cell: ({ value }) => numberText(value('rows')) },
  { head: 'Messages stored', kind: 'number', cell: ({ value }) => numberText(value('acked')) },
  { head: 'Tried again', kind: 'number', cell: ({ value }) => numberText(value('retried')) },
  { head: 'Given up', kind: 'number', cell: ({ value }) => numberText(value('deadLettered')) },
  { head: 'p50', kind: 'number', cell: ({ value }) => duration(value('latencyP50Ms')) },
  { head: 'p99', kind: 'number', cell: ({ value }) => duration(value('latencyP99Ms')) },
  { head: 'Backlog', kind: 'number', cell: ({ value }) => numberText(value('waiting')) },
  { head: 'Oldest', kind: 'number', cell: ({ value }) => duration(value('oldestMs')) },
  { head: 'Cold starts', kind: 'number', cell: ({ value }) => numberText(value('coldStarts')) },
];
