import { afterEach, beforeEach } from 'vitest';
import { createBench, type BenchOptions, type ConnectorBench } from './connector-bench.ts';
import { startScriptedFunction, type Script, type ScriptedFunction } from './scripted-function.ts';
import { startTestNats, type NatsVariant, type TestNatsServer } from './test-nats.ts';

export interface ConnectorSuite {
  readonly server: TestNatsServer;
  /** Streams, a publishing client and a gateway for one test; all of it is gone after the test. */
  prepare(options?: BenchOptions & { readonly script?: Script }): Promise<{
    readonly bench: ConnectorBench;
    readonly target: ScriptedFunction;
  }>;
}

/**
 * A nats-server for each test of a `describe` block. Deleting streams between tests would not do: the server removes
 * the files later, and a stream of the same name can find messages and consumers of the one before.
 */
export const useConnectorSuite = (variant: NatsVariant): ConnectorSuite => {
  let server: TestNatsServer | undefined;
  let cleanups: (() => Promise<void>)[] = [];
  beforeEach(async () => {
    server = await startTestNats({ binary: variant.binary! });
  });
  afterEach(async () => {
    for (const cleanup of cleanups.toReversed()) await cleanup();
    cleanups = [];
    await server?.close();
    server = undefined;
  });
  return {
    get server() {
      return server!;
    },
    prepare: async (options = {}) => {
      const bench = await createBench(server!.url, options);
      const target = await startScriptedFunction(options.script);
      cleanups.push(target.close, bench.close);
      return { bench, target };
    },
  };
};
