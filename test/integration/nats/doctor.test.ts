import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Finding } from '../../../infra/cli/doctor/finding.ts';
import { connectNats, type NatsConnection } from '../../../shared/nats/connect.ts';
import { runStateSync } from '../../support/run-state-sync.ts';
import { startTestNats, type TestNatsServer } from '../../support/test-nats.ts';

let server: TestNatsServer;
let nats: NatsConnection;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'doctor-nats-'));
  server = await startTestNats({ config: 'authorization { token: right }' });
  nats = await connectNats({ url: `nats://right@127.0.0.1:${server.port}`, name: 'test' });
  const call = async (subject: string, request: object): Promise<void> =>
    void (await nats.request(`$JS.API.${subject}`, JSON.stringify(request)));
  const name = 'processor_state_sync';
  const subjects = ['processor.state.sync', 'processor.state.sync.>'];
  await call(`STREAM.CREATE.${name}`, { name, subjects, retention: 'workqueue', storage: 'file', max_age: 60e9 });
  const config = { durable_name: `${name}_sub_1`, ack_policy: 'explicit', deliver_policy: 'all', headers_only: true };
  await call(`CONSUMER.DURABLE.CREATE.${name}.${name}_sub_1`, { stream_name: name, config });
  await writeFile(
    join(folder, 'routing.yaml'),
    `messageConfig:
  routes:
    - { selector: processor/state/sync, name: ${name}, url: "nats://x", subject: processor.state.sync }
    - { selector: processor/state/router, name: processor_state_router, url: "nats://x", subject: processor.state.router }
    - { selector: other, url: "pulsar://x", subject: "other.>", mode: push }
`,
  );
});
afterAll(async () => {
  await nats.close();
  await server.close();
  await rm(folder, { recursive: true });
});

const diagnose = async (env: Readonly<Record<string, string>>) => {
  const run = await runStateSync(['doctor', '--json'], {
    MSG_URL: server.url,
    ROUTING_FILE: join(folder, 'routing.yaml'),
    DATABASE_URL: 'postgresql://nobody:nothing@127.0.0.1:1/none',
    ...env,
  });
  const { findings } = run.json() as { readonly findings: readonly Finding[] };
  return (code: string): string =>
    findings
      .filter((finding) => finding.code === code)
      .map(({ level, message, fix }) => `${level}: ${message} -> ${fix ?? ''}`)
      .join('\n');
};

describe('doctor says of NATS', () => {
  it('why it cannot be entered, with the host', async () => {
    const of = await diagnose({ NATS_TOKEN: 'wrong' });
    expect(of('nats_unavailable')).toMatch(/fail: NATS at 127\.0\.0\.1:\d+ refused the token/);
  });

  it('which durable cannot work, what a stream drops, and what of the routing file is not used', async () => {
    const of = await diagnose({ NATS_TOKEN: 'right', FUNCTION_TOKEN: '' });
    expect(of('consumer_unusable')).toMatch(
      /fail: consumer processor_state_sync_sub_1 of .* headers_only takes the payload away.*nats consumer rm processor_state_sync processor_state_sync_sub_1/,
    );
    expect(of('stream_setting')).toContain('max_age is 60 s');
    expect(of('routing_not_used')).toMatch(/routes\[2\]\.name is missing: published to without JetStream \(line 5\)/);
    expect(of('secret_missing')).toContain('FUNCTION_TOKEN is not set: whoever reaches a function may call it');
  });

  it('which setting has two meanings, and that a Pulsar URL is not used', async () => {
    expect((await diagnose({ NATS_TOKEN: 'right', NATS_CREDS: '/nowhere' }))('configuration_fault')).toContain(
      'NATS_CREDS: the file that it names cannot be read',
    );
    expect(
      (await diagnose({ MSG_URL: 'pulsar://x', NATS_URL: server.url, NATS_TOKEN: 'right' }))('setting_not_used'),
    ).toContain('MSG_URL names a Pulsar broker');
  });
});
