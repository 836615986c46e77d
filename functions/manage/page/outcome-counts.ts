export interface OutcomeCount {
  readonly functionName: string;
  readonly outcome: string;
  readonly code: string;
  readonly count: number;
}

const outcomeLine = /^state_sync_outcomes_total\{function="([^"]*)",outcome="([^"]*)",code="([^"]*)"\} (\d+)$/;

/** Sums the outcomes of all replicas, from their metrics in Prometheus' text format. */
export const countOutcomes = (texts: readonly string[]): readonly OutcomeCount[] => {
  const counts = new Map<string, OutcomeCount>();
  for (const line of texts.flatMap((text) => text.split('\n'))) {
    const [, functionName, outcome, code, count] = outcomeLine.exec(line) ?? [];
    if (functionName === undefined || outcome === undefined || code === undefined) continue;
    const key = `${functionName} ${outcome} ${code}`;
    counts.set(key, { functionName, outcome, code, count: (counts.get(key)?.count ?? 0) + Number(count) });
  }
  return [...counts].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, value]) => value);
};
