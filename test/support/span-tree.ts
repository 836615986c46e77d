import type { CollectedSpan } from '../../infra/local/otlp-spans.ts';

/** A trace as nested lists: `[line, ...children]`. */
export type SpanTree = readonly [line: string, ...children: SpanTree[]];

/** The same tree with children in the order of their text, so that races do not matter. */
export const sortTree = ([line, ...children]: SpanTree): SpanTree => [
  line,
  ...children
    .map((child) => ({ child: sortTree(child), text: JSON.stringify(sortTree(child)) }))
    .toSorted((one, other) => (one.text < other.text ? -1 : 1))
    .map(({ child }) => child),
];

/** One line per span: name, service, kind, the attributes asked for that it has, and whether it failed. */
const spanLine = (span: CollectedSpan, attributes: readonly string[]): string =>
  [
    span.name,
    `[${span.service} ${span.kind}]`,
    ...attributes.flatMap((name) =>
      span.attributes[name] === undefined ? [] : `${name}=${String(span.attributes[name])}`,
    ),
    ...(span.failed ? ['failed'] : []),
  ].join(' ');

/** Sorted trees of the spans whose parent is not among them. */
export const spanTrees = (spans: readonly CollectedSpan[], attributes: readonly string[] = []): readonly SpanTree[] => {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const build = (span: CollectedSpan): SpanTree => [
    spanLine(span, attributes),
    ...spans.filter(({ parentSpanId }) => parentSpanId === span.spanId).map(build),
  ];
  return spans.filter(({ parentSpanId }) => !ids.has(parentSpanId)).map((root) => sortTree(build(root)));
};
