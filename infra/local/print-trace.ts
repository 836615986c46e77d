import type { CollectedSpan, SpanValue } from './otlp-spans.ts';

/**
 * Lines of one trace as a tree, children in order of their start. A span whose parent was not exported (a producer
 * without tracing of its own) stands at the top.
 */
export const printTrace = (spans: readonly CollectedSpan[]): readonly string[] => {
  const known = new Set(spans.map((span) => span.spanId));
  const children = new Map<string, CollectedSpan[]>();
  for (const span of spans.toSorted((one, other) => one.startMs - other.startMs)) {
    const parent = known.has(span.parentSpanId) ? span.parentSpanId : '';
    children.set(parent, [...(children.get(parent) ?? []), span]);
  }
  const firstMs = Math.min(...spans.map((span) => span.startMs));
  const lines: string[] = [];
  const walk = (parent: string, indent: string, isTop: boolean): void => {
    const below = children.get(parent) ?? [];
    below.forEach((span, index) => {
      const last = index === below.length - 1;
      lines.push(`${isTop ? '' : `${indent}${last ? '└─ ' : '├─ '}`}${describe(span, firstMs)}`);
      walk(span.spanId, isTop ? '' : `${indent}${last ? '   ' : '│  '}`, false);
    });
  };
  walk('', '', true);
  return lines;
};

const describe = (span: CollectedSpan, firstMs: number): string => {
  const linked = span.links.length === 0 ? '' : ` ↔ ${String(span.links.length)} linked`;
  const attributes = attributeText(span.attributes);
  const at = `+${(span.startMs - firstMs).toFixed(1)} ms`;
  return (
    `${span.failed ? '✗ ' : ''}${span.name}  [${span.service} ${span.kind}]  ${at}, took ${span.durationMs.toFixed(1)} ms` +
    `${linked}${attributes === '' ? '' : `  ${attributes}`}`
  );
};

/** What tells most about a hop; the rest is in the collector. */
const keyAttributes = [
  'messaging.destination.name',
  'messaging.batch.message_count',
  'http.response.status_code',
  'db.response.returned_rows',
  'faas.coldstart',
  'ism.cache.hit',
  'ism.ledger.hits',
  'ism.rows',
  'ism.delivery.attempt',
  'ism.outcome',
  'ism.shared',
  'error.type',
];

const attributeText = (attributes: CollectedSpan['attributes']): string =>
  keyAttributes
    .map((name): [string, SpanValue | undefined] => [name, attributes[name]])
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([name, value]) => `${name.replace(/^messaging\.|^ism\./, '')}=${String(value)}`)
    .join(' ');
