import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBench, directMessage, type ConnectorBench } from '../../support/connector-bench.ts';
import { until } from '../../support/until.ts';
import { startConnectorProcess, type ConnectorProcess } from '../../support/connector-process.ts';
import { startScriptedFunction, type ScriptedFunction } from '../../support/scripted-function.ts';
import { startTestNats, type TestNatsServer } from '../../support/test-nats.ts';

describe('the metrics of the connector', () => {
  let server: TestNatsServer;
  let bench: ConnectorBench;
  let target: ScriptedFunction;
  let connector: ConnectorProcess;

  beforeAll(async () => {
    server = await startTestNats();
    bench = await createBench(server.url);
    target = await startScriptedFunction();
    connector = await startConnectorProcess({ natsUrl: server.url, gatewayUrl: target.url });
  });

  afterAll(async () => {
    await connector.kill('SIGTERM');
    await target.close();
    await bench.close();
    await server.close();
  });

  const metrics = async (): Promise<readonly string[]> =>
    (await (await fetch(`${connector.url}/metrics`)).text()).split('\n');
  const lag = 'state_sync_lag_messages{stream="processor_state_sync",consumer="processor_state_sync_sub_1"}';

  it('say how far each consumer is behind while the function is away, though nothing is read then', async () => {
    expect(await metrics()).toContain(`${lag} 0`);
    target.script = () => ({ status: 503 });
    await bench.publish([{ payload: directMessage('a', 1) }]);
    await until('the function to be found away', () => connector.log.includes('function_unavailable'));
    await bench.publish(Array.from({ length: 9 }, (_, n) => ({ payload: directMessage('a', n + 2) })));
    await until('the lag', async () => (await metrics()).includes(`${lag} 10`));
    target.script = () => undefined;
    await until('the lag to be gone', async () => (await metrics()).includes(`${lag} 0`));
  });

  it('count dead letters by code, under the names of the table', async () => {
    await bench.publish([{ payload: new TextEncoder().encode('{') }, { payload: directMessage(null as never, 1) }]);
    await until('both dead letters', async () =>
      ['invalid_json', 'missing_state_id'].every((code) => connector.log.includes(`"code":"${code}"`)),
    );
    const lines = await metrics();
    expect(lines).toContain('state_sync_dead_letters_total{code="invalid_json"} 1');
    expect(lines).toContain('state_sync_dead_letters_total{code="missing_state_id"} 1');
    expect(lines).toContain('state_sync_received_total{stream="processor_state_sync"} 12');
    expect(lines).toContain('# TYPE state_sync_held_messages gauge');
  });
});
