/** One span as it was exported, in the words of OpenTelemetry. */
export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for a root. */
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer';
  readonly service: string;
  readonly startMs: number;
  readonly durationMs: number;
  readonly attributes: Readonly<Record<string, SpanValue>>;
  readonly failed: boolean;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
}

export type SpanValue = string | number | boolean | readonly SpanValue[];

/** The parts of the OTLP JSON encoding that are read here. */
interface OtlpValue {
  readonly stringValue?: string;
  readonly intValue?: string | number;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
  readonly arrayValue?: { readonly values?: readonly OtlpValue[] };
}
interface OtlpAttribute {
  readonly key: string;
  readonly value?: OtlpValue;
}
interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind?: number;
  readonly startTimeUnixNano: string | number;
  readonly endTimeUnixNano: string | number;
  readonly attributes?: readonly OtlpAttribute[];
  readonly status?: { readonly code?: number };
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
}
interface OtlpRequest {
  readonly resourceSpans?: readonly {
    readonly resource?: { readonly attributes?: readonly OtlpAttribute[] };
    readonly scopeSpans?: readonly { readonly spans?: readonly OtlpSpan[] }[];
  }[];
}

const kinds = ['internal', 'internal', 'server', 'client', 'producer', 'consumer'] as const;
const statusError = 2;

/** The spans of an OTLP `ExportTraceServiceRequest` in JSON; throws if it is none. */
export const parseOtlpSpans = (request: unknown): readonly CollectedSpan[] =>
  ((request as OtlpRequest).resourceSpans ?? []).flatMap(({ resource, scopeSpans }) => {
    const service = String(readAttributes(resource?.attributes)['service.name'] ?? '');
    return (scopeSpans ?? []).flatMap(({ spans }) =>
      (spans ?? []).map((span) => {
        const startMs = milliseconds(span.startTimeUnixNano);
        return {
          traceId: span.traceId.toLowerCase(),
          spanId: span.spanId.toLowerCase(),
          parentSpanId: (span.parentSpanId ?? '').toLowerCase(),
          name: span.name,
          kind: kinds[span.kind ?? 0] ?? 'internal',
          service,
          startMs,
          durationMs: milliseconds(span.endTimeUnixNano) - startMs,
          attributes: readAttributes(span.attributes),
          failed: span.status?.code === statusError,
          links: (span.links ?? []).map(({ traceId, spanId }) => ({ traceId, spanId })),
        };
      }),
    );
  });

const readAttributes = (attributes: readonly OtlpAttribute[] | undefined): Record<string, SpanValue> =>
  Object.fromEntries((attributes ?? []).map(({ key, value }) => [key, readValue(value)]));

const readValue = (value: OtlpValue | undefined): SpanValue => {
  if (value?.intValue !== undefined) return Number(value.intValue);
  if (value?.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(readValue);
  return value?.stringValue ?? value?.doubleValue ?? value?.boolValue ?? '';
};

/** Nanoseconds since the epoch do not fit a double: microseconds do. */
const milliseconds = (nanoseconds: string | number): number => Number(BigInt(nanoseconds) / 1_000n) / 1_000;
