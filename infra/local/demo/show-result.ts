import { setTimeout as sleep } from 'node:timers/promises';
import type { FunctionStatus } from '../function-pool.ts';
import { printTrace } from '../print-trace.ts';
import type { Progress } from '../progress.ts';
import { textTable } from '../text-table.ts';
import type { TraceCollector } from '../trace-collector.ts';
import type { RouteArrivals } from './arrivals.ts';
import type { StoredResult } from './stored-result.ts';
import type { Workflow } from './workflow.ts';

const shownRows = 8;

export const showStored = (progress: Progress, workflow: Workflow, stored: StoredResult): void => {
  const header = ['#', ...stored.columns];
  const rows = stored.rows.slice(0, shownRows).map(({ position, cells }) => {
    return [String(position), ...stored.columns.map((name) => cells[name] ?? null)];
  });
  showTable(progress, `stored in state ${workflow.stateId}: ${stored.count} rows, first ${rows.length}`, header, rows);
};

export const showArrivals = (
  progress: Progress,
  workflow: Workflow,
  arrivals: ReadonlyMap<string, RouteArrivals>,
): void => {
  const rows = workflow.processors.map(({ providerId, routeId }) => {
    const route = arrivals.get(routeId);
    const orders = [...(route?.orders.values() ?? [])];
    const total = orders.reduce((sum, times) => sum + times, 0);
    return [
      providerId,
      [...(route?.subjects ?? [])].map((subject) => subject.replace(workflow.projectId, '<project>')).join(', '),
      String(route?.messages ?? 0),
      String(total),
      String(orders.length),
    ];
  });
  showTable(
    progress,
    'arrived on the processors’ subjects',
    ['provider', 'subject', 'messages', 'rows', 'distinct'],
    rows,
  );
};

export const showFunctions = (progress: Progress, functions: readonly FunctionStatus[]): void => {
  showTable(
    progress,
    'functions',
    ['name', 'replicas', 'calls', 'cold starts', 'pids'],
    functions.map((status) => [
      status.name,
      String(status.replicas),
      String(status.invocationCount),
      String(status.coldStarts),
      status.pids.join(' '),
    ]),
  );
};

/** The trace of one message as a tree, or where to find it when spans go elsewhere. */
export const showTrace = async (
  progress: Progress,
  traceId: string,
  source: {
    readonly collector: TraceCollector | undefined;
    readonly jaegerUrl: string | undefined;
    readonly signal: AbortSignal;
  },
): Promise<void> => {
  progress.say(`\ntrace ${traceId} of one message`);
  if (source.collector === undefined) {
    const link = source.jaegerUrl === undefined ? '' : `: ${source.jaegerUrl.replace(/\/$/, '')}/trace/${traceId}`;
    progress.say(`  was sent to OTEL_EXPORTER_OTLP_ENDPOINT${link}`);
    return;
  }
  for (const line of printTrace(await wholeTrace(source.collector, traceId, source.signal))) progress.say(`  ${line}`);
};

const showTable = (
  progress: Progress,
  title: string,
  header: readonly string[],
  rows: readonly (readonly (string | null)[])[],
): void => {
  progress.say(`\n${title}`);
  for (const line of textTable(header, rows)) progress.say(`  ${line}`);
};

/** Spans are exported in batches: the trace is whole when nothing has been added for a while. */
const quietMs = 1_500;
const deadlineMs = 10_000;

const wholeTrace = async (collector: TraceCollector, traceId: string, signal: AbortSignal) => {
  const startedMs = performance.now();
  let spans = collector.trace(traceId);
  let changedMs = startedMs;
  while (performance.now() - changedMs < quietMs && performance.now() - startedMs < deadlineMs) {
    await sleep(100, undefined, { signal });
    const now = collector.trace(traceId);
    if (now.length !== spans.length) changedMs = performance.now();
    spans = now;
  }
  return spans;
};
