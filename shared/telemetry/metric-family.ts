export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

export interface HistogramSample {
  readonly labels: Labels;
  /** Observations at or below each bound: cumulative, as Prometheus counts them. */
  readonly counts: readonly number[];
  readonly sum: number;
  readonly count: number;
}

/** One metric with all of its series. */
export type MetricFamily =
  | {
      readonly kind: 'counter' | 'gauge';
      readonly name: string;
      readonly help: string;
      readonly samples: readonly Sample[];
    }
  | {
      readonly kind: 'histogram';
      readonly name: string;
      readonly help: string;
      readonly bounds: readonly number[];
      readonly samples: readonly HistogramSample[];
    };

/** Prometheus text format 0.0.4. */
export const prometheusText = (families: readonly MetricFamily[]): string =>
  families
    .flatMap((family) => [
      `# HELP ${family.name} ${family.help}`,
      `# TYPE ${family.name} ${family.kind}`,
      ...familyLines(family),
    ])
    .map((line) => `${line}\n`)
    .join('');

const familyLines = (family: MetricFamily): readonly string[] => {
  const { name } = family;
  if (family.kind !== 'histogram') {
    return family.samples.map(({ labels, value }) => `${name}${labelText(labels)} ${value}`);
  }
  return family.samples.flatMap(({ labels, counts, sum, count }) => [
    ...family.bounds.map((bound, at) => `${name}_bucket${labelText(labels, { le: String(bound) })} ${counts[at] ?? 0}`),
    `${name}_bucket${labelText(labels, { le: '+Inf' })} ${count}`,
    `${name}_sum${labelText(labels)} ${sum}`,
    `${name}_count${labelText(labels)} ${count}`,
  ]);
};

const labelText = (labels: Labels, more: Labels = {}): string => {
  const pairs = Object.entries({ ...labels, ...more }).map(
    ([name, value]) => `${name}="${value.replaceAll(/[\\"\n]/g, (found) => (found === '\n' ? '\\n' : `\\${found}`))}"`,
  );
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
};
