import { createTraceState, ROOT_CONTEXT, SamplingDecision, trace, type Context } from '@opentelemetry/api';
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { destinationTemplate } from '../../../shared/telemetry/destination-template.ts';
import { resourceAttributes } from '../../../shared/telemetry/resource.ts';
import { recordedContext, samplerFromEnv } from '../../../shared/telemetry/sampler.ts';
import { nextHop, traceHops } from '../../../shared/telemetry/trace-hops.ts';

const newTraceId = (): string => randomBytes(16).toString('hex');

const childOf = (sampled: boolean): Context =>
  trace.setSpanContext(ROOT_CONTEXT, {
    traceId: newTraceId(),
    spanId: '00f067aa0ba902b7',
    traceFlags: sampled ? 1 : 0,
    isRemote: true,
  });

const share = (env: Readonly<Record<string, string>>, context: Context): number => {
  const sampler = samplerFromEnv(env, () => undefined);
  let taken = 0;
  for (let round = 0; round < 2_000; round += 1) {
    if (sampler.shouldSample(context, newTraceId()).decision === SamplingDecision.RECORD_AND_SAMPLED) taken += 1;
  }
  return taken / 2_000;
};

describe('sampling by environment', () => {
  it.each([
    [{}, 1, 1, 0],
    [{ OTEL_TRACES_SAMPLER: 'always_on' }, 1, 1, 1],
    [{ OTEL_TRACES_SAMPLER: 'always_off' }, 0, 0, 0],
    [{ OTEL_TRACES_SAMPLER: 'parentbased_always_off' }, 0, 1, 0],
    [{ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.25' }, 0.25, 0.25, 0.25],
    [{ OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.25' }, 0.25, 1, 0],
    [{ OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' }, 0, 1, 0],
  ])('%j takes %d of the roots, %d below a sampled span, %d below one that is not', (env, root, sampled, unsampled) => {
    // 2,000 draws: five standard deviations are below 0.05.
    expect(Math.abs(share(env, ROOT_CONTEXT) - root)).toBeLessThan(0.05);
    expect(Math.abs(share(env, childOf(true)) - sampled)).toBeLessThan(0.05);
    expect(Math.abs(share(env, childOf(false)) - unsampled)).toBeLessThan(0.05);
  });

  it('decides the same for one trace in every process', () => {
    const env = { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.5' };
    const [one, other] = [samplerFromEnv(env, () => undefined), samplerFromEnv(env, () => undefined)];
    for (let round = 0; round < 100; round += 1) {
      const id = newTraceId();
      expect(one.shouldSample(ROOT_CONTEXT, id)).toEqual(other.shouldSample(childOf(true), id));
    }
  });

  it('records the batch of a sampled message whatever the ratio, unless tracing is off', () => {
    const env = { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.001' };
    expect(share(env, recordedContext(ROOT_CONTEXT))).toBe(1);
    expect(share({ OTEL_TRACES_SAMPLER: 'always_off' }, recordedContext(ROOT_CONTEXT))).toBe(0);
  });

  it.each([
    { OTEL_TRACES_SAMPLER: 'sometimes' },
    { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '7' },
  ])('%j is told, and everything sampled', (env) => {
    const told: string[] = [];
    const sampler = samplerFromEnv(env, (reason) => told.push(reason));
    expect(told).toHaveLength(1);
    expect(sampler.shouldSample(ROOT_CONTEXT, newTraceId()).decision).toBe(SamplingDecision.RECORD_AND_SAMPLED);
  });
});

describe('hops of a trace', () => {
  it('are counted in tracestate, beside what others keep there', () => {
    const first = trace.setSpanContext(ROOT_CONTEXT, {
      traceId: newTraceId(),
      spanId: '00f067aa0ba902b7',
      traceFlags: 1,
      traceState: createTraceState('vendor=x'),
    });
    expect(traceHops(first)).toBe(0);
    const third = nextHop(nextHop(nextHop(first)));
    expect(traceHops(third)).toBe(3);
    expect(trace.getSpanContext(third)?.traceState?.serialize()).toBe('ism=3,vendor=x');
    expect(nextHop(ROOT_CONTEXT)).toBe(ROOT_CONTEXT);
  });

  it('start again if somebody else wrote nonsense', () => {
    const context = trace.setSpanContext(ROOT_CONTEXT, {
      traceId: newTraceId(),
      spanId: '00f067aa0ba902b7',
      traceFlags: 1,
      traceState: createTraceState('ism=-3'),
    });
    expect(traceHops(context)).toBe(0);
    expect(traceHops(nextHop(context))).toBe(1);
  });
});

describe('span names', () => {
  it('leave out priorities and partitions', () => {
    expect(destinationTemplate('processor.models.openai.high.project-1234')).toBe('processor.models.openai');
    expect(destinationTemplate('processor.state')).toBe('processor.state');
  });
});

describe('the resource of a process', () => {
  it('is named by the environment, and keeps what is no percent-encoding', () => {
    expect(
      resourceAttributes('state-direct', {
        OTEL_RESOURCE_ATTRIBUTES: 'k8s.pod.name=p%201,odd=100%,=x',
        OTEL_SERVICE_NAME: 's',
      }),
    ).toMatchObject({ 'service.name': 's', 'k8s.pod.name': 'p 1', odd: '100%', 'process.pid': String(process.pid) });
    expect(resourceAttributes('state-direct', {})).toMatchObject({ 'service.name': 'state-direct' });
  });
});
