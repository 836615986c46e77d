import { afterEach, describe, expect, it } from 'vitest';

import { directMessage, createBench } from '../../support/connector-bench.ts';
import { startConnectorProcess } from '../../support/connector-process.ts';
import { startScriptedFunction } from '../../support/scripted-function.ts';
import { natsVariants, startTestNats } from '../../support/test-nats.ts';
import { until } from '../../support/until.ts';

/** What a user of an older installation lacks; the log names the first of the subjects. */
const refused: readonly (readonly [string, readonly string[]])[] = [
  ['make the bucket', ['$JS.API.STREAM.CREATE.KV_state_sync_leases']],
  ['write its keys', ['$KV.state_sync_leases.>']],
  ['read its keys', ['$JS.API.DIRECT.GET.KV_state_sync_leases.>', '$JS.API.STREAM.MSG.GET.KV_state_sync_leases']],
];

for (const variant of await natsVariants()) {
  describe.skipIf(variant.binary === undefined)(`a user without the lease’s rights on ${variant.name}`, () => {
    let cleanups: (() => Promise<unknown>)[] = [];
    afterEach(async () => {
      for (const cleanup of cleanups.toReversed()) await cleanup();
      cleanups = [];
    });

    it.each(refused)('who may not %s reads alone and in order, and is told what to grant', async (_right, subjects) => {
      const deny = subjects.map((subject) => `"${subject}"`).join(', ');
      const server = await startTestNats({
        binary: variant.binary!,
        config: `authorization { users: [
            { user: owner, password: p }
            { user: connector, password: p, permissions: { publish: { deny: [${deny}] } } }
          ] }`,
      });
      cleanups.push(server.close);
      const as = (user: string): string => server.url.replace('nats://', `nats://${user}:p@`);
      const bench = await createBench(as('owner'));
      cleanups.push(bench.close);
      const target = await startScriptedFunction();
      cleanups.push(target.close);

      const connector = await startConnectorProcess({ natsUrl: as('connector'), gatewayUrl: target.url });
      cleanups.push(() => connector.kill('SIGTERM'));
      const ids = Array.from({ length: 20 }, (_, n) => `m${n}`);
      await bench.publish(ids.map((id, n) => ({ payload: directMessage('a', n), id })));
      await until('all messages', () => target.acked.length === ids.length);
      expect(target.acked.map(({ streamsequence }) => streamsequence)).toEqual(ids.map((_, n) => n + 1));
      await until('an empty stream', async () => (await bench.streamMessages()) === 0);

      const warnings = connector.log
        .split('\n')
        .filter((line) => line.includes('"lease_unavailable"'))
        .map((line) => JSON.parse(line) as { readonly level?: string; readonly reason?: string });
      expect(warnings).toHaveLength(1);
      expect(warnings[0]?.reason).toContain(subjects[0]!.replace('.>', '.'));
      expect(warnings[0]?.reason).toContain('run one, or allow it the bucket state_sync_leases');
      expect(warnings[0]?.reason).toContain('infra/kubernetes/nats/users.conf');
      expect(connector.log).not.toContain('"lease_taken"');
    });
  });
}
