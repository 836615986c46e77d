import type { TraceSpan } from '../../../shared/operate/trace-source.ts';

/** A span with its place in the tree, and its part of the time of the whole trace. */
export interface PlacedSpan {
  readonly span: TraceSpan;
  readonly depth: number;
  /** From the beginning of the trace. */
  readonly offsetMs: number;
  /** Parts of the whole, from 0 to 1. */
  readonly from: number;
  readonly part: number;
}

/** The spans as a tree, parents before their children, both by their start. A span whose parent is not there is a root. */
export const spanTree = (spans: readonly TraceSpan[]): readonly PlacedSpan[] => {
  const sorted = spans.toSorted((one, other) => one.startMs - other.startMs);
  const ids = new Set(sorted.map(({ spanId }) => spanId));
  const children = new Map<string | null, TraceSpan[]>();
  for (const span of sorted) {
    const parent = span.parentSpanId !== null && ids.has(span.parentSpanId) ? span.parentSpanId : null;
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [span]);
    else siblings.push(span);
  }
  const startMs = Math.min(...sorted.map((span) => span.startMs));
  const wholeMs = Math.max(...sorted.map((span) => span.startMs + span.durationMs)) - startMs;
  const placed: PlacedSpan[] = [];
  const place = (span: TraceSpan, depth: number): void => {
    const offsetMs = span.startMs - startMs;
    placed.push({
      span,
      depth,
      offsetMs,
      from: wholeMs === 0 ? 0 : offsetMs / wholeMs,
      part: wholeMs === 0 ? 1 : span.durationMs / wholeMs,
    });
    const below = children.get(span.spanId) ?? [];
    // Taken out, so that spans that name each other as parents end.
    children.delete(span.spanId);
    for (const child of below) place(child, depth + 1);
  };
  for (const root of children.get(null) ?? []) place(root, 0);
  return placed;
};
