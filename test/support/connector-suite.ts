import { afterAll, afterEach, beforeAll } from 'vitest';
import { connectNats } from '../../shared/nats/connect.ts';
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

/** One nats-server for the tests of a `describe` block, empty at the beginning of each. */
export const useConnectorSuite = (variant: NatsVariant): ConnectorSuite => {
  let server: TestNatsServer | undefined;
  let cleanups: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    server = await startTestNats({ binary: variant.binary! });
  });
  afterAll(async () => {
    await server?.close();
  });
  afterEach(async () => {
    for (const cleanup of cleanups.toReversed()) await cleanup();
    cleanups = [];
    const nats = await connectNats({ url: server!.url, name: 'cleanup' });
    const manager = await nats.jetstreamManager({ checkAPI: false });
    const names: string[] = [];
    for await (const stream of manager.streams.list()) names.push(stream.config.name);
    for (const name of names) await manager.streams.delete(name);
    await nats.close();
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
