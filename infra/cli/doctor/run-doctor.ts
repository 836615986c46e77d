import { readManageSettings } from '../../../shared/operate/manage-settings.ts';
import { settingSource } from '../../../shared/config/function-config.ts';
import { ConfigError } from '../../../shared/config/settings.ts';
import { reasonOf } from '../../../shared/message/to-outcome.ts';
import type { Store } from '../open-store.ts';
import { checkConfiguration } from './check-configuration.ts';
import { checkDatabase } from './check-database.ts';
import { checkDeadLetters } from './check-dead-letters.ts';
import { checkGateway } from './check-gateway.ts';
import { checkHealth } from './check-health.ts';
import { checkNats } from './check-nats.ts';
import { checkTracing } from './check-tracing.ts';
import { fail, type Finding } from './finding.ts';

/** Looks at everything between a message and its row, in the order of the message's way. */
export const runDoctor = async (store: Store, nowMs: () => number): Promise<readonly Finding[]> => {
  const { findings, config, routing } = await checkConfiguration(store);
  if (config === undefined) return findings;
  const env = await store.environment();
  const settings = (): ReturnType<typeof readManageSettings> => readManageSettings(settingSource(env));
  const parts: Promise<readonly Finding[]>[] = [guarded('database', () => checkDatabase(store, config, nowMs))];
  if (routing !== undefined) {
    parts.push(
      guarded('nats', async () => {
        const nats = await checkNats(store, config, routing);
        const isUp = nats.every(({ code }) => code !== 'nats_unavailable' && code !== 'jetstream_off');
        if (!isUp) return nats;
        const health = guarded('health', () => checkHealth(store));
        const dead = guarded('dead letters', () => checkDeadLetters(store, routing));
        return [...nats, ...(await health), ...(await dead)];
      }),
      guarded('gateway', async () => checkGateway(settings().gatewayUrl, config, routing, nowMs)),
    );
  }
  parts.push(guarded('tracing', async () => checkTracing(config, env, settings().jaegerUrl)));
  return [...findings, ...(await Promise.all(parts)).flat()];
};

/** A check that breaks is a finding too: the others go on. */
const guarded = async (check: string, work: () => Promise<readonly Finding[]>): Promise<readonly Finding[]> => {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ConfigError) {
      return error.faults.map((fault) => fail('configuration', 'configuration_fault', fault, 'correct the variable'));
    }
    return [fail(check, 'check_failed', reasonOf(error), 'see the reason')];
  }
};
