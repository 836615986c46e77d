import { failSpanBy, linkTo, SpanKind, startSpan, type Attributes, type Context } from './trace.ts';

/** One step that is done for several deliveries at once. */
export interface SharedWork<T> {
  readonly name: string;
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
  /** Whose step it is; read when the step has ended. */
  readonly deliveryIds: Iterable<string>;
  run(): Promise<T>;
  /** Attributes of the result. */
  describe?(result: T): Attributes;
  /** What the result says of each delivery. */
  describeOwn?(result: T): (deliveryId: string) => Attributes;
}

/** Where the spans of shared work go. */
export interface Sharer {
  /** Parent of the one real span. */
  readonly work: Context;
  /** The context of a delivery whose trace is another one and is recorded. */
  ownOf(deliveryId: string): Context | undefined;
}

/**
 * Runs the step below one span. Then each sampled delivery gets a span of the same name and time in its own trace,
 * linked to the real one. So the trace of a message shows where its time went, though it travelled in a batch. These
 * spans are internal and marked `ism.shared`, so that nobody counts a statement more than once.
 */
export const shareWork = async <T>(sharer: Sharer, work: SharedWork<T>): Promise<T> => {
  const { span, context } = startSpan(work.name, sharer.work, {
    kind: work.kind ?? SpanKind.INTERNAL,
    ...(work.attributes === undefined ? {} : { attributes: work.attributes }),
  });
  const startTime = Date.now();
  const startedMs = performance.now();
  const end = (describeOwn: (deliveryId: string) => Attributes, error?: unknown): void => {
    const endTime = startTime + performance.now() - startedMs;
    const links = linkTo(context);
    for (const deliveryId of work.deliveryIds) {
      const own = sharer.ownOf(deliveryId);
      if (own === undefined) continue;
      const copy = startSpan(work.name, own, {
        kind: SpanKind.INTERNAL,
        startTime,
        attributes: describeOwn(deliveryId),
        links,
      });
      copy.span.setAttribute('ism.shared', true);
      if (error !== undefined) failSpanBy(copy.span, error);
      copy.span.end(endTime);
    }
    if (error !== undefined) failSpanBy(span, error);
    span.end();
  };
  let result: T;
  try {
    result = await work.run();
  } catch (error) {
    end(() => ({}), error);
    throw error;
  }
  if (work.describe && span.isRecording()) span.setAttributes(work.describe(result));
  end(work.describeOwn?.(result) ?? (() => ({})));
  return result;
};
