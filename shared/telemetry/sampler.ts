import { createContextKey, SamplingDecision, trace, type Context } from '@opentelemetry/api';

/** What the SDK asks of a sampler. */
export interface Sampler {
  shouldSample(context: Context, traceId: string): { readonly decision: SamplingDecision };
  toString(): string;
}

const recorded = createContextKey('state-sync-store: recorded');

/**
 * A context whose root span is recorded whatever the ratio says. It is for the trace of a batch that holds a sampled
 * message: the message's link would lead nowhere without it.
 */
export const recordedContext = (context: Context): Context => context.setValue(recorded, true);

/**
 * The sampler that `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG` name (default `parentbased_always_on`), which also
 * honours {@link recordedContext} unless it is off altogether. What cannot be read is told, and sampled always.
 */
export const samplerFromEnv = (
  env: Readonly<Record<string, string | undefined>>,
  warn: (reason: string) => void,
): Sampler => {
  const name = env['OTEL_TRACES_SAMPLER']?.trim() || 'parentbased_always_on';
  const root = name.replace(/^parentbased_/, '');
  let ratio: number | undefined = root === 'always_on' ? 1 : root === 'always_off' ? 0 : undefined;
  if (root === 'traceidratio') {
    ratio = ratioOf(env['OTEL_TRACES_SAMPLER_ARG']);
    if (ratio === undefined) warn('OTEL_TRACES_SAMPLER_ARG is no number from 0 to 1: every trace is sampled');
  } else if (ratio === undefined) warn(`OTEL_TRACES_SAMPLER has an unknown value: every trace is sampled`);
  const share = ratio ?? 1;
  const isParentBased = name !== root || ratio === undefined;
  const decide = (sampled: boolean): { readonly decision: SamplingDecision } => (sampled ? taken : left);
  return {
    shouldSample: (context, traceId) => {
      const parent = trace.getSpanContext(context);
      if (isParentBased && parent !== undefined && trace.isSpanContextValid(parent)) {
        return decide((parent.traceFlags & 1) === 1);
      }
      if (share > 0 && context.getValue(recorded) === true) return decide(true);
      return decide(isBelow(traceId, share));
    },
    toString: () => `${name}{${String(share)}}`,
  };
};

const taken = { decision: SamplingDecision.RECORD_AND_SAMPLED };
const left = { decision: SamplingDecision.NOT_RECORD };

const ratioOf = (text: string | undefined): number | undefined => {
  const ratio = text === undefined || text.trim() === '' ? 1 : Number(text);
  return ratio >= 0 && ratio <= 1 ? ratio : undefined;
};

/** Whether a ratio takes this trace id: by its last 52 bits, the same in every process. */
const isBelow = (traceId: string, ratio: number): boolean => Number.parseInt(traceId.slice(-13), 16) < ratio * 2 ** 52;
