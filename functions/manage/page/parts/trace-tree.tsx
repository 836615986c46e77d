import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { TraceSpan } from '../../../../shared/operate/trace-source.ts';
import { durationText } from '../chart-words.ts';
import { useDesk } from '../desk.ts';
import { spanTree, type PlacedSpan } from '../span-tree.ts';
import { countText } from '../words.ts';
import { Table, type Column } from './table.tsx';

interface ShownTrace {
  readonly spans: readonly TraceSpan[];
  readonly traceUrl: string | null;
  /** Why there are no spans. */
  readonly reason: string;
}

/** The spans of a trace as a tree with bars of their time, or why there are none. */
export const TraceTree = ({ traceId }: { readonly traceId: string }): JSX.Element => {
  const { client, attempt } = useDesk();
  const [trace, setTrace] = useState<ShownTrace>();
  useEffect(() => {
    let isCurrent = true;
    setTrace(undefined);
    void attempt(async () => {
      const shown = await client.command<ShownTrace>('trace.show', { trace_id: traceId });
      if (isCurrent) setTrace(shown);
    });
    return () => void (isCurrent = false);
  }, [traceId]);
  if (trace === undefined) return <p class="quiet">Loading the trace …</p>;
  if (trace.spans.length === 0) return <p class="quiet">{`No spans: ${trace.reason}.`}</p>;
  return (
    <>
      <p class="quiet">
        {`${countText(trace.spans.length, 'span')} of trace `}
        {trace.traceUrl === null ? (
          <code>{traceId}</code>
        ) : (
          <a href={trace.traceUrl} target="_blank" rel="noopener noreferrer">
            <code>{traceId}</code>
          </a>
        )}
      </p>
      <Table
        id={`trace-${traceId}`}
        caption={`Spans of trace ${traceId}`}
        columns={columns}
        rows={spanTree(trace.spans)}
        rowKey={({ span }) => span.spanId}
        empty="No spans"
      />
    </>
  );
};

const indentPixels = 14;

const columns: readonly Column<PlacedSpan>[] = [
  {
    head: 'Span',
    cell: ({ span, depth }) => (
      <span style={{ paddingLeft: `${depth * indentPixels}px` }} class={span.isFailed ? 'bad' : undefined}>
        <bdi>{span.name}</bdi>
        {span.isFailed && ' (failed)'}
      </span>
    ),
  },
  { head: 'Service', cell: ({ span }) => <bdi class="quiet">{span.service}</bdi> },
  { head: 'Begins after', kind: 'number', cell: ({ offsetMs }) => durationText(offsetMs) },
  { head: 'Takes', kind: 'number', cell: ({ span }) => durationText(span.durationMs) },
  {
    head: 'Time',
    cell: ({ span, from, part }) => (
      <svg
        class={`bar ${span.isFailed ? 'bad' : 'accent'}`}
        viewBox="0 0 100 10"
        preserveAspectRatio="none"
        aria-hidden="true"
      >
        <rect x={from * 100} width={Math.max(0.6, part * 100)} height="10" />
      </svg>
    ),
  },
];
