import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findPart } from '../../support/platform-parts.ts';
import { spanTrees } from '../../support/span-tree.ts';
import { startTestJaeger, type TestJaeger } from '../../support/test-jaeger.ts';
import { expectedLoopTree, loopAttributes, runTracedLoop } from '../../support/traced-loop.ts';
import { startTracedStack, type TracedStack } from '../../support/traced-stack.ts';

const { path: binary, note } = await findPart('jaeger');

describe.skipIf(binary === undefined || process.platform !== 'linux')(`Jaeger${note}`, () => {
  let jaeger: TestJaeger;
  let stack: TracedStack;

  beforeAll(async () => {
    jaeger = await startTestJaeger(binary!);
    stack = await startTracedStack(jaeger);
  });

  afterAll(async () => {
    await stack.close();
    await jaeger.close();
  });

  it('has the same tree as the exporter sent, with no span that lacks its parent and nothing to warn of', async () => {
    const { producer, spans } = await runTracedLoop(stack);
    const retries = spans.filter(
      (span) => span.name === 'deliver processor.state.sync' && span.attributes['ism.outcome'] === 'retry',
    ).length;
    expect(spanTrees(spans, loopAttributes)).toEqual([expectedLoopTree(retries)]);
    // This API takes a span that begins after its parent has ended, as any that follows a message does, for a sign of
    // clocks that differ, and says that it changes nothing. Of missing parents and double ids it would warn as well.
    const warnings = await jaeger.warnings(producer.traceId);
    expect(warnings.filter((warning) => !warning.startsWith('clock skew adjustment disabled'))).toEqual([]);
  });

  it('knows every part as a service, and few operations of each', async () => {
    const read = async (path: string): Promise<readonly string[]> => {
      const reply = await fetch(`${jaeger.url}/api/${path}`);
      return ((await reply.json()) as { readonly data: readonly string[] }).data.toSorted();
    };
    expect(await read('services')).toEqual(['connector', 'demo', 'state-direct', 'state-entry', 'state-route']);
    // Ids and partitions are attributes, never in names: they would break Jaeger's list of operations.
    expect(await read('services/connector/operations')).toEqual([
      'POST /function/state-direct',
      'POST /function/state-entry',
      'POST /function/state-route',
      'deliver processor.state.router',
      'deliver processor.state.sync',
      'publish state_sync.dead_letter',
      'settle processor.state.router',
      'settle processor.state.sync',
    ]);
  });
});
